//! What a bulkhead shows of itself: its places, its line and what it has counted.

use std::time::Duration;

use salve_core::sync::{AtomicU64, Ordering};
use salve_core::{Class, Reason};

/// A bulkhead at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How many calls may be under way at once.
    pub places: u32,
    /// How many are; more than `places` after a resize, or in shadow mode.
    pub in_use: u32,
    /// How many wait, by [`Class::index`].
    pub waiting: [usize; Class::ALL.len()],
    /// Whether it refuses new calls because it was closed.
    pub closed: bool,
    /// How long answers take on average, the last ones above all; `None` where the number of
    /// places does not move, or nobody was answered yet.
    pub usual_latency: Option<Duration>,
    /// What latency is compared with; `None` also where the algorithm compares it with nothing.
    pub baseline_latency: Option<Duration>,
}

impl Status {
    /// How many wait in all.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.waiting.iter().sum()
    }
}

/// What a policy has counted since it was made, over all its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls that had to wait for a place, whatever became of them.
    pub queued: u64,
    /// Calls refused because every place was taken and nobody more may wait.
    pub full: u64,
    /// Calls that waited as long as they may.
    pub queue_timeouts: u64,
    /// Calls whose own deadline came while they waited, or had passed before.
    pub deadlines_exceeded: u64,
    /// Calls that gave their place in the line to one of a higher class.
    pub displaced: u64,
    /// Calls refused by the ramp, because too many wait already.
    pub shed: u64,
    /// Calls refused because it was closed.
    pub closing: u64,
    /// Calls that would have been refused, but for shadow mode.
    pub shadow_rejected: u64,
    /// How often the number of places moved up by what calls came to.
    pub limit_raised: u64,
    /// How often it moved down.
    pub limit_lowered: u64,
}

impl CallCounts {
    /// All calls that were refused or given up.
    #[must_use]
    pub const fn rejected(&self) -> u64 {
        self.full
            + self.queue_timeouts
            + self.deadlines_exceeded
            + self.displaced
            + self.shed
            + self.closing
    }
}

/// The counters behind [`CallCounts`]; a call that finds a place free touches none of them.
#[derive(Debug)]
pub(crate) struct Totals {
    queued: AtomicU64,
    full: AtomicU64,
    queue_timeouts: AtomicU64,
    deadlines_exceeded: AtomicU64,
    displaced: AtomicU64,
    shed: AtomicU64,
    closing: AtomicU64,
    shadow_rejected: AtomicU64,
    limit_raised: AtomicU64,
    limit_lowered: AtomicU64,
}

impl Totals {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            queued: zero(),
            full: zero(),
            queue_timeouts: zero(),
            deadlines_exceeded: zero(),
            displaced: zero(),
            shed: zero(),
            closing: zero(),
            shadow_rejected: zero(),
            limit_raised: zero(),
            limit_lowered: zero(),
        }
    }

    pub(crate) fn count_queued(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_limit_change(&self, up: bool) {
        let counter = if up { &self.limit_raised } else { &self.limit_lowered };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_rejection(&self, reason: Reason, shadow: bool) {
        let counter = match reason {
            _ if shadow => &self.shadow_rejected,
            Reason::QueueTimeout => &self.queue_timeouts,
            Reason::DeadlineExceeded => &self.deadlines_exceeded,
            Reason::Displaced => &self.displaced,
            Reason::Shed => &self.shed,
            Reason::Closing => &self.closing,
            _ => &self.full,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> CallCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CallCounts {
            queued: read(&self.queued),
            full: read(&self.full),
            queue_timeouts: read(&self.queue_timeouts),
            deadlines_exceeded: read(&self.deadlines_exceeded),
            displaced: read(&self.displaced),
            shed: read(&self.shed),
            closing: read(&self.closing),
            shadow_rejected: read(&self.shadow_rejected),
            limit_raised: read(&self.limit_raised),
            limit_lowered: read(&self.limit_lowered),
        }
    }
}
