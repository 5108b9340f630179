//! The engine of one target: from results to states, with thresholds, grace and staleness.

use std::time::Duration;

use salve_core::Moment;

use crate::finding::Status;
use crate::state::State;

/// How results become states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) failure_threshold: u32,
    pub(crate) success_threshold: u32,
    /// How long after the start failures do not count, unless it has been up in the meantime.
    pub(crate) grace: Duration,
    /// How old the last result may get.
    pub(crate) stale_after: Duration,
    /// How long a repair may take before failures count again.
    pub(crate) recovery_limit: Duration,
}

/// Changes between up and down within this time that make a target flap.
const FLAP_WINDOW: Duration = Duration::from_secs(600);
const FLAPS: usize = 4;

/// One target.
///
/// # Invariants
/// 1. Only changes that [`State::may_become`] allows take place.
/// 2. It becomes [`State::Failed`] only by as many failures in a row as the threshold says, and
///    [`State::Healthy`] only by as many passes. A result that is unknown is neither, and breaks a
///    row of passes but none of failures; a silence, a repair and a start break both.
/// 3. Without a known result for as long as [`Rules::stale_after`] it is neither up nor down.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    state: State,
    since: Moment,
    fresh_until: Moment,
    failures: u32,
    /// Results in a row that were no failures, and those that were passes.
    works: u32,
    passes: u32,
    /// The last four changes between up and down, the latest first.
    flips: [Option<Moment>; FLAPS],
    was_up: Option<bool>,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) from: State,
    pub(crate) to: State,
}

impl Target {
    pub(crate) fn new(rules: &Rules, now: Moment) -> Self {
        Self {
            state: State::Starting,
            since: now,
            fresh_until: now.after(rules.grace.max(rules.stale_after)),
            failures: 0,
            works: 0,
            passes: 0,
            flips: [None; FLAPS],
            was_up: None,
        }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) const fn since(&self) -> Moment {
        self.since
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether it has changed between up and down four times within ten minutes.
    pub(crate) fn is_flapping(&self, now: Moment) -> bool {
        self.flips[FLAPS - 1].is_some_and(|first| now.since(first) <= FLAP_WINDOW)
    }

    /// Lets time pass: what has become too old is no longer known. Comes before [`take`](Self::take).
    pub(crate) fn look(&mut self, rules: &Rules, now: Moment) -> Option<Change> {
        let is_repaired = self.state == State::Recovering && !self.is_overdue(rules, now);
        if now < self.fresh_until || is_repaired || self.state == State::Disabled {
            return None;
        }
        self.become_(State::Unknown, now)
    }

    /// Takes a result.
    pub(crate) fn take(&mut self, status: Status, rules: &Rules, now: Moment) -> Option<Change> {
        if self.state == State::Disabled {
            return None;
        }
        if status != Status::Fail {
            let counts = |row: u32, goes_on: bool| if goes_on { row.saturating_add(1) } else { 0 };
            self.works = counts(self.works, status != Status::Unknown);
            self.passes = counts(self.passes, status == Status::Pass);
        }
        if status != Status::Unknown {
            self.fresh_until = now.after(rules.stale_after);
        }
        match status {
            Status::Unknown => None,
            Status::Fail => self.fail(rules, now),
            Status::Warn | Status::Pass => self.work(status, rules, now),
        }
    }

    fn fail(&mut self, rules: &Rules, now: Moment) -> Option<Change> {
        (self.works, self.passes) = (0, 0);
        let excused = match self.state {
            State::Starting => now < self.since.after(rules.grace),
            State::Recovering => !self.is_overdue(rules, now),
            _ => false,
        };
        if excused {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= rules.failure_threshold {
            self.become_(State::Failed, now)
        } else {
            self.become_(State::Unhealthy, now)
        }
    }

    fn work(&mut self, status: Status, rules: &Rules, now: Moment) -> Option<Change> {
        self.failures = 0;
        if self.passes >= rules.success_threshold {
            self.become_(State::Healthy, now)
        } else if self.works >= rules.success_threshold && self.state != State::Healthy
            || self.state == State::Healthy && status == Status::Warn
        {
            self.become_(State::Degraded, now)
        } else {
            None
        }
    }

    fn is_overdue(&self, rules: &Rules, now: Moment) -> bool {
        now >= self.since.after(rules.recovery_limit)
    }

    /// Somebody begins to repair it.
    pub(crate) fn begin_recovery(&mut self, now: Moment) -> Option<Change> {
        self.become_(State::Recovering, now)
    }

    /// The repair has not helped.
    pub(crate) fn fail_recovery(&mut self, now: Moment) -> Option<Change> {
        if self.state == State::Recovering { self.become_(State::Failed, now) } else { None }
    }

    pub(crate) fn disable(&mut self, now: Moment) -> Option<Change> {
        self.become_(State::Disabled, now)
    }

    /// Starts anew, with its grace.
    pub(crate) fn enable(&mut self, rules: &Rules, now: Moment) -> Option<Change> {
        let change = self.become_(State::Starting, now)?;
        self.fresh_until = now.after(rules.grace.max(rules.stale_after));
        Some(change)
    }

    /// Time in which nobody looked counts for nothing.
    pub(crate) fn forgive(&mut self, gap: Duration) {
        self.fresh_until = self.fresh_until.after(gap);
        if matches!(self.state, State::Starting | State::Recovering) {
            self.since = self.since.after(gap);
        }
    }

    fn become_(&mut self, to: State, now: Moment) -> Option<Change> {
        let from = self.state;
        if !from.may_become(to) {
            return None;
        }
        (self.state, self.since) = (to, now);
        if matches!(to, State::Unknown | State::Recovering | State::Starting | State::Disabled) {
            (self.failures, self.works, self.passes) = (0, 0, 0);
        }
        let is_up = match to {
            State::Healthy | State::Degraded => Some(true),
            State::Unhealthy | State::Failed => Some(false),
            _ => None,
        };
        if is_up.is_some() && is_up != self.was_up {
            if self.was_up.is_some() {
                self.flips.rotate_right(1);
                self.flips[0] = Some(now);
            }
            self.was_up = is_up;
        }
        Some(Change { from, to })
    }
}
