//! How a hedging policy stands, and what it has counted.

use std::time::Duration;

use salve_core::sync::{AtomicU64, Ordering};

/// What a policy has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls that have begun.
    pub calls: u64,
    /// Copies that were made of late calls.
    pub copies: u64,
    /// Copies that answered first.
    pub won: u64,
    /// Copies that were refused before they were sent.
    pub unsent: u64,
    /// Copies that the budget did not allow.
    pub budget_refused: u64,
    /// Copies that would have been made, but for shadow mode.
    pub shadow: u64,
}

/// How a policy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How long a call is waited for; `None` while too little was measured.
    pub delay: Option<Duration>,
    /// The quantile of the measured latencies, before floor and ceiling; `None` if the delay is
    /// fixed, or where the quantile lies beyond what was seen to be answered.
    pub quantile: Option<Duration>,
    /// How many answers were measured within the window.
    pub answered: u64,
    /// How many calls within the window are only known to have taken longer than they were
    /// watched for.
    pub cut_short: u64,
    /// Whether copies are held back by [`Handle::pause`](crate::Handle::pause).
    pub paused: bool,
}

/// The counters behind [`CallCounts`].
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) calls: Counter,
    pub(crate) copies: Counter,
    pub(crate) won: Counter,
    pub(crate) unsent: Counter,
    pub(crate) budget_refused: Counter,
    pub(crate) shadow: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Totals {
    pub(crate) fn read(&self) -> CallCounts {
        CallCounts {
            calls: self.calls.get(),
            copies: self.copies.get(),
            won: self.won.get(),
            unsent: self.unsent.get(),
            budget_refused: self.budget_refused.get(),
            shadow: self.shadow.get(),
        }
    }
}
