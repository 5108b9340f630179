//! What a breaker shows of itself: its state and what it has counted.

use std::sync::atomic::{AtomicU64, Ordering};

use salve_core::Moment;

use crate::breaker::{Breaker, State, Trip};
use crate::config::Config;
use crate::tally::{Counts, Mark};

/// A breaker at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it does with calls.
    pub state: State,
    /// When it entered that state; `None` if it has never left its first one.
    pub since: Option<Moment>,
    /// How long until it probes, while it is open.
    pub open_for: Option<std::time::Duration>,
    /// Failures without a success between them.
    pub consecutive_failures: u32,
    /// Failures young enough for the rule about failures within a time.
    pub recent_failures: u32,
    /// What the window of the rate rule holds.
    pub window: Counts,
    /// How many times it has opened since it last closed.
    pub trips_in_a_row: u32,
    /// The last eight times it opened, the oldest first.
    pub last_trips: Vec<Trip>,
}

impl Status {
    pub(crate) fn new(breaker: &Breaker, config: &Config, now: Moment) -> Self {
        let open = breaker.state() == State::Open;
        Self {
            state: breaker.state(),
            since: breaker.since(),
            open_for: open.then(|| breaker.open_until().since(now)),
            consecutive_failures: breaker.tally().consecutive(),
            recent_failures: breaker.tally().recent_failures(config, now),
            window: breaker.tally().counts(),
            trips_in_a_row: breaker.trips_in_a_row(),
            last_trips: breaker.last_trips(),
        }
    }

    /// Whether it keeps calls away. Once its wait is over it lets the next call through as a probe:
    /// whoever keeps calls away from it while it refuses them must be told, or nothing would ever
    /// probe.
    pub(crate) fn refuses(&self) -> bool {
        match self.state {
            State::Open => self.open_for != Some(std::time::Duration::ZERO),
            state => state == State::ForcedOpen,
        }
    }
}

/// What a policy has counted since it was made, over all its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls that succeeded, slow ones among them.
    pub successes: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Calls that were slow, failed or not.
    pub slow: u64,
    /// Results of calls that were admitted before the last change of state, and so were ignored.
    pub late: u64,
    /// Calls that ended without saying anything about the dependency.
    pub neutral: u64,
    /// Calls that were refused.
    pub rejected: u64,
    /// Calls that would have been refused, but for shadow mode.
    pub shadow_rejected: u64,
    /// Times that a breaker opened.
    pub trips: u64,
}

/// The counters behind [`CallCounts`]; a fast success reaches them only by way of a stripe.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    successes: AtomicU64,
    failures: AtomicU64,
    slow: AtomicU64,
    late: AtomicU64,
    neutral: AtomicU64,
    rejected: AtomicU64,
    shadow_rejected: AtomicU64,
    trips: AtomicU64,
}

impl Totals {
    pub(crate) fn count(&self, mark: Mark, current: bool) {
        let outcome = if mark.failed { &self.failures } else { &self.successes };
        outcome.fetch_add(1, Ordering::Relaxed);
        self.slow.fetch_add(u64::from(mark.slow), Ordering::Relaxed);
        self.late.fetch_add(u64::from(!current), Ordering::Relaxed);
    }

    pub(crate) fn count_successes(&self, count: u64) {
        if count > 0 {
            self.successes.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_late(&self, count: u64) {
        if count > 0 {
            self.successes.fetch_add(count, Ordering::Relaxed);
            self.late.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_neutral(&self) {
        self.neutral.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_trip(&self) {
        self.trips.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_rejection(&self, shadow: bool) {
        let counter = if shadow { &self.shadow_rejected } else { &self.rejected };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> CallCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CallCounts {
            successes: read(&self.successes),
            failures: read(&self.failures),
            slow: read(&self.slow),
            late: read(&self.late),
            neutral: read(&self.neutral),
            rejected: read(&self.rejected),
            shadow_rejected: read(&self.shadow_rejected),
            trips: read(&self.trips),
        }
    }
}
