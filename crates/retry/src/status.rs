//! What retries have counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a policy has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls that have begun.
    pub calls: u64,
    /// Attempts that have begun, the first of each call among them.
    pub attempts: u64,
    /// Attempts that were decided on after a failure.
    pub retries: u64,
    /// Calls that succeeded at a later attempt than the first.
    pub recovered: u64,
    /// Calls that were given up for any reason but the budget.
    pub exhausted: u64,
    /// Calls that were given up because the budget was used up.
    pub budget_refused: u64,
    /// Requests that were handed to the dead-letter sink.
    pub dead_letters: u64,
    /// Calls that were refused since their deadline had passed before the first attempt.
    pub refused: u64,
    /// Attempts that would have been decided on, but for shadow mode.
    pub shadow: u64,
}

/// The counters behind [`CallCounts`].
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) calls: Counter,
    pub(crate) further_attempts: Counter,
    pub(crate) retries: Counter,
    pub(crate) recovered: Counter,
    pub(crate) exhausted: Counter,
    pub(crate) budget_refused: Counter,
    pub(crate) dead_letters: Counter,
    pub(crate) refused: Counter,
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
        let (calls, refused) = (self.calls.get(), self.refused.get());
        CallCounts {
            calls,
            attempts: calls.saturating_sub(refused) + self.further_attempts.get(),
            retries: self.retries.get(),
            recovered: self.recovered.get(),
            exhausted: self.exhausted.get(),
            budget_refused: self.budget_refused.get(),
            dead_letters: self.dead_letters.get(),
            refused,
            shadow: self.shadow.get(),
        }
    }
}
