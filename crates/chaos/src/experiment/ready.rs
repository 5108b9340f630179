//! Ready experiments: the faults that bring systems down again and again, as data.

use std::num::NonZeroU32;
use std::time::Duration;

use salve_core::{Name, Ratio};

use super::Experiment;
use crate::fault::Fault;
use crate::latency::Latency;
use crate::lie::Lie;
use crate::rule::{Aim, Burst, Quota, Rule, Shard};
use crate::schedule::Schedule;
use crate::skew::Skew;
use crate::toxics::{Slices, Toxic};

/// A ready experiment, to be run on any chaos point where its fault can be done: see
/// [`Fault`](crate::Fault). One that happens in several places at once takes
/// [several targets](Experiment::with_target).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ready {
    /// What it is called.
    pub name: &'static str,
    /// What it plays, in a sentence.
    pub about: &'static str,
    /// What is done.
    pub fault: Fault,
    /// To which share: of the calls in the experiment's group, or of what it is done to.
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

const fn socket(name: &'static str, about: &'static str, toxic: Toxic) -> Ready {
    ready(name, about, Fault::Socket(toxic))
}

const fn clock(name: &'static str, about: &'static str, skew: Skew) -> Ready {
    ready(name, about, Fault::Clock(skew))
}

const fn lie(name: &'static str, about: &'static str, lie: Lie) -> Ready {
    ready(name, about, Fault::Lie(lie))
}

const MIB: u64 = 1 << 20;

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
        Self {
            share: Ratio::percent::<10>(),
            ..ready("unready", "The client often fails before it is asked.", Fault::Unready)
        },
        Self {
            share: Ratio::percent::<30>(),
            ..ready("out-of-order", "Messages overtake each other.", Fault::Swap)
        },
        lie("blind-check", "A check says that all is well, and has not looked.", Lie::Well),
        lie("failing-check", "A check fails, and what it checks works.", Lie::Ill),
        lie("stale-check", "A check goes on saying what it has once seen.", Lie::Stale),
        Self {
            schedule: Schedule::Period { every: seconds(20), lasts: seconds(10) },
            ..lie("flapping-check", "A check fails for 10 s and passes for 10 s.", Lie::Ill)
        },
        clock("clock-ahead", "A clock is an hour ahead.", Skew::Ahead(seconds(3_600))),
        clock("clock-behind", "A clock is an hour behind.", Skew::Behind(seconds(3_600))),
        clock("clock-drift", "A clock gains a second in twenty.", Skew::Drift { ppm: 50_000 }),
        Self {
            schedule: window(5, 30),
            ..clock("clock-frozen", "A clock stands still, then leaps.", Skew::Frozen)
        },
        socket("reset", "Connections are reset, and new ones too.", Toxic::Reset),
        socket("half-open", "Connections stay open, and nothing comes back.", Toxic::Hold),
        socket("refused", "Connections are closed, and new ones refused.", Toxic::Down),
        socket(
            "cut-off",
            "Answers break off in the middle, with the connection.",
            Toxic::LimitData(4_096),
        ),
        socket(
            "short-lived",
            "Connections end after 2 s, whatever they carry.",
            Toxic::CloseAfter(seconds(2)),
        ),
        socket("slow-close", "The end of an answer comes 5 s late.", Toxic::SlowClose(seconds(5))),
        socket(
            "narrow-line",
            "Answers come at 10,000 bytes a second.",
            Toxic::BytesPerSecond(10_000),
        ),
        socket(
            "long-line",
            "Answers are under way for half a second longer.",
            Toxic::Latency(Latency::Fixed(Duration::from_millis(500))),
        ),
        socket(
            "in-pieces",
            "Answers come in pieces of 64 bytes, 50 ms apart.",
            Toxic::Slices(Slices { bytes: 64, pause: Duration::from_millis(50) }),
        ),
        ready("stuck-process", "A process is there, and stands still.", Fault::Pause),
        ready("killed-process", "A process is gone at once.", Fault::Kill),
        ready(
            "full-disk",
            "A disk is full but for 16 MiB, by 64 GiB at most.",
            Fault::Fill { leave: 16 * MIB, most: 65_536 * MIB },
        ),
        ready("busy-processors", "Four processors are busy.", Fault::Cpu { processors: 4 }),
        ready("little-memory", "1 GiB of memory is taken.", Fault::Memory { mebibytes: 1_024 }),
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
