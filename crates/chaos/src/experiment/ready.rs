//! Ready experiments: the faults that bring systems down again and again, as data.

use std::num::NonZeroU32;
use std::time::Duration;

use salve_core::{Name, Ratio};

use super::Experiment;
use crate::fault::Fault;
use crate::latency::Latency;
use crate::rule::{Aim, Burst, Quota, Rule, Shard};
use crate::schedule::Schedule;

/// A ready experiment, to be run on any chaos point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ready {
    /// What it is called.
    pub name: &'static str,
    /// What it plays, in a sentence.
    pub about: &'static str,
    /// What is done to calls.
    pub fault: Fault,
    /// Of which share of the calls in the experiment's group.
    pub share: Ratio,
    /// When.
    pub schedule: Schedule,
    /// Whether in runs.
    pub burst: Option<Burst>,
    /// Whether only above a quota.
    pub quota: Option<Quota>,
    /// Whether to calls whose key lies on one shard only.
    pub shard: Option<Shard>,
    /// Whether to calls of one operation only.
    pub operation: Option<&'static str>,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ready(name: &'static str, about: &'static str, fault: Fault) -> Ready {
    Ready {
        name,
        about,
        fault,
        share: Ratio::ONE,
        schedule: Schedule::Always,
        burst: None,
        quota: None,
        shard: None,
        operation: None,
    }
}

const fn window(after: u64, lasts: u64) -> Schedule {
    Schedule::Window { after: seconds(after), lasts: seconds(lasts) }
}

const SIX: NonZeroU32 = match NonZeroU32::new(6) {
    Some(six) => six,
    None => NonZeroU32::MIN,
};

/// By the millisecond, with a tail to a minute and more.
const TAIL: Latency = Latency::Pareto { scale: Duration::from_millis(50), shape: 1.1 };

impl Ready {
    /// Every ready experiment.
    pub const ALL: &'static [Self] = &[
        ready("latency-spike", "Every call takes 2 s longer.", Fault::latency(seconds(2))),
        Self {
            share: Ratio::percent::<30>(),
            ..ready("errors", "Three calls in ten fail.", Fault::ERROR)
        },
        ready("down", "The dependency is gone, such as a database that has failed.", Fault::ERROR),
        Self {
            share: Ratio::percent::<20>(),
            burst: Some(Burst { mean_length: 20.0 }),
            ..ready("error-bursts", "Errors come in runs of twenty.", Fault::ERROR)
        },
        ready("blackhole", "The network takes calls and brings nothing back.", Fault::Hang),
        Self {
            schedule: window(5, 43),
            ..ready("partition", "For 43 s nothing comes through, then all is well.", Fault::Hang)
        },
        ready("grey-replica", "It works, ten times as slowly.", Fault::Slow(10.0)),
        ready(
            "slow-tail",
            "A heavy tail: most calls are quick, few take minutes.",
            Fault::Latency(TAIL),
        ),
        Self {
            schedule: Schedule::Ramp { over: seconds(45) },
            ..ready(
                "slow-database",
                "Calls grow slow one after the other.",
                Fault::latency(seconds(3)),
            )
        },
        Self {
            schedule: Schedule::Period { every: seconds(10), lasts: seconds(5) },
            ..ready("flapping", "Down for 5 s, up for 5 s.", Fault::ERROR)
        },
        Self {
            schedule: Schedule::Period { every: seconds(15), lasts: seconds(1) },
            ..ready("stalls", "Stands still for a second every 15 s.", Fault::Stall)
        },
        Self {
            quota: Some(Quota { calls: 5, per: seconds(1) }),
            ..ready(
                "quota",
                "More than five calls a second are one too many.",
                Fault::Overload { retry_after: Some(seconds(1)) },
            )
        },
        Self {
            share: Ratio::percent::<30>(),
            ..ready(
                "lying-retry-after",
                "Errors ask to come again in an hour, and are over at once.",
                Fault::Error { retry_after: Some(seconds(3_600)) },
            )
        },
        Self {
            schedule: Schedule::Decay { half_life: seconds(10) },
            ..ready("cold-cache", "A cache that fills: slow at first.", Fault::latency(seconds(1)))
        },
        Self {
            shard: Some(Shard { nth: 0, of: SIX }),
            ..ready("dead-shard", "One key in six fails, always the same ones.", Fault::ERROR)
        },
        Self {
            operation: Some("write"),
            ..ready(
                "read-only",
                "Reads work and writes fail: a store that came up read-only.",
                Fault::ERROR,
            )
        },
        ready("damaged-answers", "Answers are empty or broken.", Fault::Corrupt),
        ready(
            "late-answers",
            "The work is done, and the answer comes too late.",
            Fault::Late(Latency::Fixed(seconds(35))),
        ),
        Self {
            share: Ratio::percent::<30>(),
            ..ready(
                "delivered-twice",
                "Requests arrive twice: who is charged twice?",
                Fault::Duplicate,
            )
        },
        Self {
            share: Ratio::percent::<5>(),
            ..ready("panics", "The client panics now and then.", Fault::Panic)
        },
    ];

    /// The ready experiment of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|ready| ready.name == name).copied()
    }

    /// The experiment on the chaos point `target`. Its steady state is still to be added.
    #[must_use]
    pub fn on(self, target: impl Into<Name>) -> Experiment {
        let aim = match self.operation {
            Some(operation) => Aim::operation(operation),
            None => Aim::default(),
        };
        let rule = Rule {
            name: self.name.into(),
            fault: self.fault,
            share: self.share,
            aim: Aim { shard: self.shard, ..aim },
            schedule: self.schedule,
            burst: self.burst,
            quota: self.quota,
        };
        Experiment::new(self.name, target, rule)
    }
}
