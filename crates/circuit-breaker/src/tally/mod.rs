//! What has happened in this stay, and whether it is enough to trip.

mod call_window;
mod recent_failures;

use std::time::Duration;

use salve_core::{Buckets, Moment};

use crate::config::{Config, Rate, Window};
use call_window::CallWindow;
use recent_failures::RecentFailures;

/// What one call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) failed: bool,
    pub(crate) slow: bool,
}

impl Mark {
    pub(crate) const SUCCESS: Self = Self { failed: false, slow: false };
}

/// How many calls a window holds, and how many of them failed or were slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that were slow, failed or not.
    pub slow: u64,
}

/// Why a breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TripReason {
    /// So many failures without a success between them.
    ConsecutiveFailures(u32),
    /// So many failures within the time that the rule names.
    FailuresWithin(u32, Duration),
    /// The share of failures in the window.
    FailureRate(Counts),
    /// The share of slow calls in the window.
    SlowRate(Counts),
    /// So many probes failed that it could no longer close.
    FailedProbes(u32),
    /// An operator opened it.
    Operator,
}

/// Every rule's memory of the current stay. What only some rules need lies behind a pointer, so
/// that a breaker with none of them stays small.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    consecutive: u32,
    windows: Option<Box<Windows>>,
}

#[derive(Debug, Default)]
struct Windows {
    recent: Option<RecentFailures>,
    rate: Option<RateWindow>,
}

#[derive(Debug)]
enum RateWindow {
    Calls(CallWindow),
    Time(Box<Buckets<Counts>>),
}

impl Tally {
    pub(crate) fn new(config: &Config) -> Self {
        let mut tally = Self::default();
        tally.reconfigure(config);
        tally
    }

    /// Counts a run of fast successes, all of them before the end of the current time step.
    pub(crate) fn record_successes(&mut self, count: u64) {
        if count == 0 {
            return;
        }
        self.consecutive = 0;
        match self.rate_window() {
            Some(RateWindow::Calls(window)) => window.push_successes(count),
            Some(RateWindow::Time(buckets)) => buckets.current().calls += count,
            None => {}
        }
    }

    /// Moves the time window on; until then successes count in its current step.
    pub(crate) fn advance(&mut self, now: Moment) {
        if let Some(RateWindow::Time(buckets)) = self.rate_window() {
            buckets.advance(now);
        }
    }

    /// The moment until which successes belong to the current time step, if time matters.
    pub(crate) fn step_end(&self) -> Option<Moment> {
        match self.windows.as_ref()?.rate.as_ref()? {
            RateWindow::Time(buckets) => Some(buckets.end()),
            RateWindow::Calls(_) => None,
        }
    }

    /// Counts one call, and says whether a rule trips on it.
    pub(crate) fn record(
        &mut self,
        config: &Config,
        mark: Mark,
        now: Moment,
    ) -> Option<TripReason> {
        self.advance(now);
        match self.rate_window() {
            Some(RateWindow::Calls(window)) => window.push(mark),
            Some(RateWindow::Time(buckets)) => {
                let step = buckets.current();
                step.calls += 1;
                step.failures += u64::from(mark.failed);
                step.slow += u64::from(mark.slow);
            }
            None => {}
        }
        let by_failures = self.judge_failure(config, mark, now);
        // A call that only was slow may trip the rule about slowness and no other.
        by_failures.or_else(|| self.judge_rates(config.rate.as_ref()?, mark))
    }

    fn judge_failure(&mut self, config: &Config, mark: Mark, now: Moment) -> Option<TripReason> {
        if !mark.failed {
            self.consecutive = 0;
            return None;
        }
        self.consecutive = self.consecutive.saturating_add(1);
        let in_time = config.failures_within.and_then(|rule| {
            let recent = self.windows.as_mut()?.recent.as_mut()?;
            recent
                .push(now, rule.within)
                .then_some(TripReason::FailuresWithin(rule.failures, rule.within))
        });
        match config.consecutive_failures {
            Some(limit) if self.consecutive >= limit => {
                Some(TripReason::ConsecutiveFailures(self.consecutive))
            }
            _ => in_time,
        }
    }

    fn judge_rates(&self, rate: &Rate, mark: Mark) -> Option<TripReason> {
        let counts = self.counts();
        if counts.calls < u64::from(rate.minimum_calls) {
            return None;
        }
        let failed = rate.failures.filter(|_| mark.failed);
        let slow = rate.slow.filter(|_| mark.slow);
        if failed.is_some_and(|share| share.reached_by(counts.failures, counts.calls)) {
            Some(TripReason::FailureRate(counts))
        } else if slow.is_some_and(|slow| slow.share.reached_by(counts.slow, counts.calls)) {
            Some(TripReason::SlowRate(counts))
        } else {
            None
        }
    }

    /// What the rate's window holds; nothing where there is no rate.
    pub(crate) fn counts(&self) -> Counts {
        match self.windows.as_ref().and_then(|windows| windows.rate.as_ref()) {
            Some(RateWindow::Calls(window)) => window.counts(),
            Some(RateWindow::Time(buckets)) => {
                buckets.iter().fold(Counts::default(), |sum, step| Counts {
                    calls: sum.calls + step.calls,
                    failures: sum.failures + step.failures,
                    slow: sum.slow + step.slow,
                })
            }
            None => Counts::default(),
        }
    }

    /// How many failures have come without a success between them.
    pub(crate) const fn consecutive(&self) -> u32 {
        self.consecutive
    }

    /// How many failures are young enough for the rule about failures within a time.
    pub(crate) fn recent_failures(&self, config: &Config, now: Moment) -> u32 {
        let recent = self.windows.as_ref().and_then(|windows| windows.recent.as_ref());
        match (recent, config.failures_within) {
            (Some(recent), Some(rule)) => recent.count(now, rule.within),
            _ => 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.consecutive = 0;
        let Some(windows) = &mut self.windows else { return };
        if let Some(recent) = &mut windows.recent {
            recent.clear();
        }
        match &mut windows.rate {
            Some(RateWindow::Calls(window)) => window.clear(),
            // The step goes on; only what it holds is gone.
            Some(RateWindow::Time(buckets)) => buckets.clear(),
            None => {}
        }
    }

    /// Follows new settings with as much memory as they can use; says whether the rate's window
    /// had to start empty because it is of another kind or span of time.
    pub(crate) fn reconfigure(&mut self, config: &Config) -> bool {
        if config.failures_within.is_none() && config.rate.is_none() {
            self.windows = None;
            return false;
        }
        let windows = self.windows.get_or_insert_default();
        match (config.failures_within, &mut windows.recent) {
            (Some(rule), Some(recent)) => recent.resize(rule.failures),
            (Some(rule), none) => *none = Some(RecentFailures::new(rule.failures)),
            (None, recent) => *recent = None,
        }
        let Some(rate) = config.rate else {
            windows.rate = None;
            return false;
        };
        let slowness_counts = rate.slow.is_some();
        match (rate.window, &mut windows.rate) {
            (Window::Calls(calls), Some(RateWindow::Calls(window))) => {
                window.resize(calls, slowness_counts);
                false
            }
            (Window::Time(span), Some(RateWindow::Time(buckets))) if buckets.covers(span) => false,
            (window, before) => {
                let had_one = before.is_some();
                *before = Some(match window {
                    Window::Calls(calls) => {
                        RateWindow::Calls(CallWindow::new(calls, slowness_counts))
                    }
                    Window::Time(span) => RateWindow::Time(Box::new(Buckets::new(span))),
                });
                had_one
            }
        }
    }

    fn rate_window(&mut self) -> Option<&mut RateWindow> {
        self.windows.as_mut()?.rate.as_mut()
    }
}
