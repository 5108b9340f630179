//! The engine: a limit that follows what the dependency can take, without a clock or a lock.

mod aimd;
mod baseline;
mod gradient2;
mod lowest;
#[cfg(test)]
mod model_tests;
mod round;
mod settings;
mod vegas;

use std::time::Duration;

use salve_core::{Check, ConfigError, FailureKind, Moment, Outcome, nanos};

use aimd::Aimd;
use baseline::Baseline;
use gradient2::Gradient2;
use round::{Round, Summary};
pub use settings::{Adaptive, Algorithm};
use vegas::Vegas;

/// Why a limit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// At least half of the limit is in use and latency is good.
    Demand,
    /// Calls take longer than they should.
    Latency,
    /// Calls were lost: timed out, answered with overload, or failed where that is the signal.
    Losses,
    /// For one round, so that the baseline is measured without a queue.
    Drains,
    /// Back to where it was before such a round.
    Drained,
}

/// How a call ended, as far as a limit is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an answer.
    Answered,
    /// With an error that says nothing about load.
    Failed,
    /// It timed out, or was answered with overload.
    Lost,
    /// It was cancelled: its latency would have been at least this.
    Unfinished,
}

impl Ended {
    /// How a call ended that came to `outcome`; `None` if that says nothing.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Success => Some(Self::Answered),
            Outcome::Ignored => None,
            Outcome::Failure { kind, .. } => match kind {
                FailureKind::Timeout | FailureKind::Overload => Some(Self::Lost),
                FailureKind::Panic => None,
                _ => Some(Self::Failed),
            },
        }
    }
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it had its place.
    pub began: Moment,
    /// When it ended.
    pub now: Moment,
    /// How many places were in use, its own included.
    pub in_use: u32,
    /// How it ended.
    pub ended: Ended,
}

/// A limit has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The limit before.
    pub from: u32,
    /// The limit after.
    pub to: u32,
    /// What changed it.
    pub why: Why,
}

/// Where a limit is to go, before floor and ceiling.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    to: f64,
    why: Why,
}

/// A limit and what moves it.
///
/// # Invariants
/// 1. `floor <= limit <= ceiling`.
/// 2. It grows by nothing but answers, while half of it or more is in use.
/// 3. Calls that are lost together shrink it once.
#[derive(Debug)]
pub struct Limiter {
    settings: Adaptive,
    limit: f64,
    usual: Usual,
    rule: Rule,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "whoever holds a limiter boxes it as a whole")]
enum Rule {
    Aimd(Aimd),
    Rounds(Round, Rounds),
}

/// What looks at whole rounds.
#[derive(Debug)]
enum Rounds {
    Baseline(Baseline),
    Vegas(Vegas),
    Gradient2(Gradient2),
}

impl Limiter {
    /// A limit that begins at `limit`.
    ///
    /// # Errors
    /// If a setting is out of bounds, or `limit` beyond floor or ceiling.
    pub fn checked(settings: Adaptive, limit: u32) -> Result<Self, ConfigError> {
        let check = Check::room(crate::config::ROOM);
        settings.validate(check)?;
        check.range("places", limit, settings.floor, settings.ceiling)?;
        Ok(Self::new(settings, limit))
    }

    /// The same with settings that have been checked.
    pub(crate) fn new(settings: Adaptive, limit: u32) -> Self {
        let round = |rounds| Rule::Rounds(Round::new(), rounds);
        let rule = match settings.algorithm {
            Algorithm::Aimd { backoff, slow } => Rule::Aimd(Aimd::new(backoff, slow)),
            Algorithm::Baseline { tolerance, memory } => {
                round(Rounds::Baseline(Baseline::new(tolerance, memory)))
            }
            Algorithm::Vegas { memory } => round(Rounds::Vegas(Vegas::new(memory))),
            Algorithm::Gradient2 { tolerance } => {
                round(Rounds::Gradient2(Gradient2::new(tolerance)))
            }
        };
        let limit = f64::from(limit.clamp(settings.floor, settings.ceiling));
        Self { settings, limit, usual: Usual::default(), rule }
    }

    /// How many calls may be under way.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// Follows new settings from the limit that it has; a changed algorithm starts to measure
    /// anew.
    pub(crate) fn reconfigure(&mut self, settings: Adaptive) {
        if settings.algorithm != self.settings.algorithm {
            *self = Self::new(settings, self.limit());
        }
        self.settings = settings;
        self.limit = self.within_bounds(self.limit);
    }

    /// Goes on from a limit that was set from outside.
    pub(crate) fn set(&mut self, limit: u32, now: Moment) {
        self.limit = self.within_bounds(f64::from(limit));
        if let Rule::Rounds(round, rounds) = &mut self.rule {
            round.restart(now);
            if let Rounds::Baseline(baseline) = rounds {
                baseline.forget_limits();
            }
        }
    }

    /// What latency is compared with, in nanoseconds, if that is known.
    pub(crate) fn baseline(&self) -> Option<f64> {
        match &self.rule {
            Rule::Aimd(_) => None,
            Rule::Rounds(_, Rounds::Baseline(baseline)) => baseline.lowest.get(),
            Rule::Rounds(_, Rounds::Vegas(vegas)) => vegas.lowest.get(),
            Rule::Rounds(_, Rounds::Gradient2(gradient2)) => gradient2.average(),
        }
    }

    /// The usual latency in nanoseconds, if anybody was answered.
    pub(crate) const fn usual(&self) -> Option<f64> {
        self.usual.average
    }

    /// A call has ended. Says whether the limit changed for it.
    #[inline]
    pub fn on_result(&mut self, sample: Sample) -> Option<Change> {
        let Sample { began, now, in_use, .. } = sample;
        let losses_only = matches!(self.rule, Rule::Aimd(_));
        let latency = match self.usual.hear(&sample, losses_only, self.settings.window) {
            Heard::Answer(latency) => Some(latency),
            Heard::Loss => None,
            Heard::Nothing => return None,
        };
        let step = match &mut self.rule {
            Rule::Aimd(aimd) => aimd.hear((began, now), latency, in_use, self.limit),
            Rule::Rounds(round, rounds) => {
                round.add(began, latency, in_use);
                let summary = round.end(now, self.settings.window, self.limit)?;
                rounds.step(&summary, self.limit)
            }
        };
        self.take(step?)
    }

    #[inline]
    fn take(&mut self, Step { to, why }: Step) -> Option<Change> {
        let from = self.limit();
        self.limit = self.within_bounds(to);
        let to = self.limit();
        (from != to).then_some(Change { from, to, why })
    }

    fn within_bounds(&self, limit: f64) -> f64 {
        limit.clamp(f64::from(self.settings.floor), f64::from(self.settings.ceiling))
    }
}

impl Rounds {
    #[cold]
    fn step(&mut self, summary: &Summary, limit: f64) -> Option<Step> {
        match self {
            Self::Baseline(baseline) => baseline.step(summary, limit),
            Self::Vegas(vegas) => vegas.step(summary, limit),
            Self::Gradient2(gradient2) => gradient2.step(summary, limit),
        }
    }
}

/// Which latency is usual; tells what an end without an answer means.
#[derive(Debug, Default)]
struct Usual {
    /// In nanoseconds; each answer counts for a sixteenth.
    average: Option<f64>,
    last_answer: Option<Moment>,
}

enum Heard {
    Answer(u64),
    Loss,
    Nothing,
}

/// A cancelled call is a loss once it has taken so many times the usual latency. Calls that are
/// cancelled because a hedge was quicker, or because a caller went away, seldom have.
const OVERDUE: f64 = 4.0;
/// The same where nobody at all has been answered since it began.
const OVERDUE_IN_SILENCE: f64 = 2.0;
/// In nanoseconds: no call is overdue sooner, however quick answers are.
const OVERDUE_AT_LEAST: f64 = 1e6;

impl Usual {
    #[inline]
    fn hear(&mut self, sample: &Sample, failures_are_losses: bool, window: Duration) -> Heard {
        let Sample { began, now, ended, .. } = *sample;
        let latency = now.as_nanos().saturating_sub(began.as_nanos());
        match ended {
            Ended::Lost => Heard::Loss,
            Ended::Failed if failures_are_losses => Heard::Loss,
            Ended::Failed if self.average.is_none_or(|usual| (latency as f64) < usual) => {
                Heard::Nothing
            }
            Ended::Unfinished if self.is_overdue(began, latency as f64, window) => Heard::Loss,
            Ended::Unfinished => Heard::Nothing,
            Ended::Answered | Ended::Failed => {
                let usual = self.average.unwrap_or(latency as f64);
                self.average = Some(usual + (latency as f64 - usual) / 16.0);
                self.last_answer = Some(now);
                Heard::Answer(latency)
            }
        }
    }

    /// Whether a call that began at `began` should have been answered by now. Before the first
    /// answer it has a window's time.
    fn is_overdue(&self, began: Moment, ran: f64, window: Duration) -> bool {
        match (self.average, self.last_answer) {
            (Some(usual), Some(last)) => {
                let times = if last <= began { OVERDUE_IN_SILENCE } else { OVERDUE };
                ran >= (times * usual).max(OVERDUE_AT_LEAST)
            }
            _ => ran >= nanos(window) as f64,
        }
    }
}
