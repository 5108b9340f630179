//! The engine: whether and when a failed call is attempted again.

use std::time::Duration;

use salve_core::{
    BudgetCost, FailureKind, Moment, Outcome, Reason, Rejection, RetryAdvice, Sent, nanos,
};

use crate::config::Config;

/// What a result means for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    Success,
    /// Says nothing about the dependency, and is never repeated.
    Ignored,
    Failed(Failure),
}

/// A failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub(crate) advice: RetryAdvice,
    pub(crate) cause: Cause,
    /// Whether it is known that the dependency never saw the request.
    pub(crate) unsent: bool,
}

/// What an attempt failed of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The dependency failed.
    Failed(FailureKind),
    /// A policy further in refused the call or gave up on it, or the attempt's own limit was over.
    Rejected(Reason),
}

/// Why a call that could have been repeated was not attempted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GaveUp {
    /// Every attempt was used up, here or by the retries around or within this one.
    Attempts,
    /// Another attempt could not have begun before the deadline, or the deadline was over.
    Deadline,
    /// The dependency asked for a longer wait than
    /// [`Config::max_retry_after`](crate::Config::max_retry_after).
    RetryAfter,
    /// The budget was used up.
    Budget,
    /// Retries were paused.
    Paused,
}

/// What comes after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Retry {
        wait: Duration,
    },
    GiveUp(GaveUp),
    /// Retries have nothing to do with it: it would fail again, or must not be repeated.
    Leave,
}

/// What another attempt can be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Supply {
    /// Whether carrying the request out twice does no harm.
    pub(crate) repeatable: bool,
    pub(crate) request: Held,
    /// How many attempts the retries around this one have left.
    pub(crate) around: Option<u32>,
    /// Whether a pause was called for.
    pub(crate) paused: bool,
}

/// Whether there is a request for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Yes,
    /// None was kept, since no attempt could follow.
    Skipped,
    /// It cannot be cloned.
    No,
}

/// The attempts of one call.
///
/// # Invariants
/// 1. `made` and `left` count every attempt, also those that retries further in have made: the
///    sum of both never grows beyond what the call began with.
/// 2. A retry is paid for last, when nothing else speaks against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempts {
    /// When nothing more may begin: the call's own deadline or its caller's.
    deadline: Moment,
    /// The wait before the latest retry, in nanoseconds.
    waited: u64,
    first_number: u32,
    number: u32,
    made: u32,
    left: u32,
    retries: u32,
    paid: u32,
}

impl Attempts {
    /// A call of one attempt and up to `left` more, whose first is the attempt `number` of the
    /// whole call.
    #[inline]
    pub(crate) const fn new(left: u32, number: u32, deadline: Moment) -> Self {
        Self {
            deadline,
            waited: 0,
            first_number: number,
            number,
            made: 1,
            left,
            retries: 0,
            paid: 0,
        }
    }

    /// The number of the running attempt within the whole call.
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    /// How many attempts have begun, those of retries further in among them.
    pub(crate) const fn made(&self) -> u32 {
        self.made
    }

    /// Whether this policy has made more than one attempt.
    pub(crate) const fn has_retried(&self) -> bool {
        self.retries > 0
    }

    /// What the budget was paid.
    pub(crate) const fn paid(&self) -> u32 {
        self.paid
    }

    pub(crate) const fn deadline(&self) -> Moment {
        self.deadline
    }

    /// How many attempts may follow, where the retries around this one have `around` left.
    #[inline]
    pub(crate) fn left_within(&self, around: Option<u32>) -> u32 {
        around.unwrap_or(u32::MAX).min(self.left)
    }

    /// Counts attempts that retries further in have made.
    pub(crate) const fn note_used_within(&mut self, used: u32) {
        self.made = self.made.saturating_add(used);
        self.left = self.left.saturating_sub(used);
    }

    /// Whether another attempt may still follow the one that begins at `now`, as far as attempts
    /// and time go. `first` is the shortest wait before the first retry by the same settings, in
    /// nanoseconds: it is worked out once and not by every call.
    #[inline]
    pub(crate) fn may_follow(
        &self,
        config: &Config,
        first: u64,
        around: Option<u32>,
        now: Moment,
    ) -> bool {
        if self.left_within(around) == 0 {
            return false;
        }
        if self.retries == 0 {
            return now.as_nanos().saturating_add(first) < self.deadline.as_nanos();
        }
        self.fits_before_deadline(config, now)
    }

    fn waited(&self) -> Option<Duration> {
        (self.retries > 0).then(|| Duration::from_nanos(self.waited))
    }

    #[cold]
    fn fits_before_deadline(&self, config: &Config, now: Moment) -> bool {
        let (shortest, _) = config.backoff.bounds(self.retries.saturating_add(1), self.waited());
        now.after(shortest) < self.deadline
    }

    /// Decides what comes after a failure. `pay` asks the budget, and says what was paid.
    pub(crate) fn after(
        &mut self,
        config: &Config,
        failure: Failure,
        supply: Supply,
        now: Moment,
        rng: &mut fastrand::Rng,
        pay: impl FnOnce(BudgetCost) -> Option<u32>,
    ) -> Next {
        let harmless = supply.repeatable || (failure.unsent && config.retry_unsent);
        if failure.advice == RetryAdvice::Never || !harmless || supply.request == Held::No {
            return Next::Leave;
        }
        if self.left_within(supply.around) == 0 {
            return Next::GiveUp(GaveUp::Attempts);
        }
        if supply.paused {
            return Next::GiveUp(GaveUp::Paused);
        }
        let retry = self.retries.saturating_add(1);
        let wait = match failure.advice {
            RetryAdvice::After(wait) if wait > config.max_retry_after => {
                return Next::GiveUp(GaveUp::RetryAfter);
            }
            RetryAdvice::After(wait) => wait,
            _ => config.backoff.wait(retry, self.waited(), rng),
        };
        let skipped = supply.request == Held::Skipped;
        let too_late = now.after(wait) >= self.deadline;
        if too_late || (skipped && !self.fits_before_deadline(config, now)) {
            return Next::GiveUp(GaveUp::Deadline);
        }
        // Without a budget's veto the request would have been kept.
        let paid = if skipped { None } else { pay(failure.cost()) };
        let Some(paid) = paid else { return Next::GiveUp(GaveUp::Budget) };
        self.paid = self.paid.saturating_add(paid);
        self.left -= 1;
        self.retries = retry;
        self.waited = nanos(wait);
        Next::Retry { wait }
    }

    /// Begins the attempt that [`after`](Self::after) has decided on.
    pub(crate) const fn next(&mut self) {
        self.number = self.first_number.saturating_add(self.made);
        self.made = self.made.saturating_add(1);
    }
}

impl Failure {
    /// What a refusal of the family means.
    pub(crate) const fn rejected(rejection: &Rejection) -> Self {
        Self {
            advice: rejection.retry_advice(),
            cause: Cause::Rejected(rejection.reason()),
            unsent: matches!(rejection.sent(), Sent::No),
        }
    }

    /// What another attempt costs: no answer in time is dearer than an answer.
    const fn cost(&self) -> BudgetCost {
        let timed_out = match self.cause {
            Cause::Failed(kind) => matches!(kind, FailureKind::Timeout),
            Cause::Rejected(_) => !self.unsent,
        };
        if timed_out { BudgetCost::RetryAfterTimeout } else { BudgetCost::Retry }
    }
}

impl From<Outcome> for Judgement {
    #[inline]
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Success,
            Outcome::Ignored => Self::Ignored,
            Outcome::Failure { retry, kind } => {
                Self::Failed(Failure { advice: retry, cause: Cause::Failed(kind), unsent: false })
            }
        }
    }
}
