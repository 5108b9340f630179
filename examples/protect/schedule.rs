//! The script of the show: which fault from when to when, as data for a run of 60 seconds.

use std::time::Duration;

use crate::origin::{Manner, Mode};

/// The length of the run for which [`SCRIPT`] is written, in seconds.
const WRITTEN_FOR: f64 = 60.0;

/// What is done to a server, and undone at the end of the step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The origin is killed; at the end of the step a new one starts on the same port.
    Kill,
    /// The origin is stopped with SIGSTOP; at the end of the step it goes on with SIGCONT.
    Stall,
    /// The origin is killed and started again at once.
    Restart,
    /// The origin answers some or all requests badly.
    Manner(Manner),
    /// SSH operations arrive in waves of this many at once, one wave every two seconds.
    Storm(u32),
}

/// One entry of the script. Times are seconds of a 60 second run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) from: f64,
    pub(crate) until: f64,
    pub(crate) fault: Fault,
}

const fn step(name: &'static str, from: f64, until: f64, fault: Fault) -> Step {
    Step { name, from, until, fault }
}

const fn answers(mode: Mode, tenths: u64) -> Fault {
    Fault::Manner(Manner { mode, tenths })
}

/// In order of start. HTTP steps do not overlap and leave at least two seconds to recover.
pub(crate) const SCRIPT: [Step; 10] = [
    step("kill", 4.0, 10.0, Fault::Kill),
    step("stall", 14.0, 19.0, Fault::Stall),
    step("ssh storm", 19.5, 25.5, Fault::Storm(12)),
    step("500", 23.0, 27.0, answers(Mode::Errors, 10)),
    step("429", 30.0, 33.0, answers(Mode::TooMany, 10)),
    step("stalled body", 36.0, 40.0, answers(Mode::StalledBody, 5)),
    step("truncated body", 43.0, 46.0, answers(Mode::TruncatedBody, 5)),
    step("slow", 48.0, 51.0, answers(Mode::Slow, 5)),
    step("restart", 54.0, 54.5, Fault::Restart),
    step("ssh storm 2", 54.5, 56.5, Fault::Storm(24)),
];

/// When a step begins and ends in a run of this length.
pub(crate) fn window(step: &Step, run: Duration) -> (Duration, Duration) {
    let scale = run.as_secs_f64() / WRITTEN_FOR;
    (Duration::from_secs_f64(step.from * scale), Duration::from_secs_f64(step.until * scale))
}

impl Fault {
    /// Whether the origin is dead: it takes calls and never answers, or does not even take them.
    pub(crate) fn is_dead(self) -> bool {
        matches!(self, Self::Kill | Self::Stall)
    }

    /// Whether the fault spares no call, so that it is best to send none.
    pub(crate) fn is_total(self) -> bool {
        match self {
            Self::Manner(manner) => manner.mode != Mode::Slow && manner.tenths >= 10,
            other => other.is_dead(),
        }
    }

    /// Whether the fault is done to the SSH server.
    pub(crate) fn is_ssh(self) -> bool {
        matches!(self, Self::Storm(_))
    }
}
