//! What a rate limit shows of itself: what is left, who waits, and what it has counted.

use std::time::Duration;

use salve_core::sync::{AtomicU64, Ordering};
use salve_core::{Ratio, Reason};

use crate::quota::Quota;
use crate::tiers::Tier;

/// A rate limit at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The quota that it follows.
    pub quota: Quota,
    /// The tier that the quota belongs to.
    pub tier: Tier,
    /// The share of the quota's rate that is let through.
    pub scale: Ratio,
    /// How many calls could be made at once now, were there nobody who waits.
    pub available: u32,
    /// The time until a whole burst is available.
    pub full_after: Duration,
    /// How many wait for their turn.
    pub waiting: usize,
}

/// What a policy has counted since it was made, over all its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls that had to wait for their turn, whatever became of them.
    pub queued: u64,
    /// Calls refused, or given up, because their turn would have come too late.
    pub rate_limited: u64,
    /// Calls refused because they cost more than a burst.
    pub too_costly: u64,
    /// Calls whose own deadline comes before their turn.
    pub deadlines_exceeded: u64,
    /// Calls that would have been refused, but for shadow mode.
    pub shadow_rejected: u64,
}

impl CallCounts {
    /// All calls that were refused or given up.
    #[must_use]
    pub const fn rejected(&self) -> u64 {
        self.rate_limited + self.too_costly + self.deadlines_exceeded
    }
}

/// The counters behind [`CallCounts`]; a call that is let through at once touches none of them.
#[derive(Debug)]
pub(crate) struct Totals {
    queued: AtomicU64,
    rate_limited: AtomicU64,
    too_costly: AtomicU64,
    deadlines_exceeded: AtomicU64,
    shadow_rejected: AtomicU64,
}

impl Totals {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            queued: zero(),
            rate_limited: zero(),
            too_costly: zero(),
            deadlines_exceeded: zero(),
            shadow_rejected: zero(),
        }
    }

    pub(crate) fn count_queued(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_rejection(&self, reason: Reason, shadow: bool) {
        let counter = match reason {
            _ if shadow => &self.shadow_rejected,
            Reason::DeadlineExceeded => &self.deadlines_exceeded,
            Reason::TooCostly => &self.too_costly,
            _ => &self.rate_limited,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> CallCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CallCounts {
            queued: read(&self.queued),
            rate_limited: read(&self.rate_limited),
            too_costly: read(&self.too_costly),
            deadlines_exceeded: read(&self.deadlines_exceeded),
            shadow_rejected: read(&self.shadow_rejected),
        }
    }
}
