//! What an operator can tell a breaker to do.

use salve_core::{Lever, Moment};

use crate::breaker::{Breaker, State, Transition};
use crate::config::Config;

/// What an operator can tell a breaker to do. Telling it twice leaves what telling it once does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Open as if a rule had tripped, and probe when the wait is over.
    Open,
    /// Close with nothing counted.
    Close,
    /// Close and forget all that was seen, also if it is closed.
    Reset,
    /// Refuse every call until told to open, close or reset.
    ForceOpen,
    /// Admit every call, whatever happens, until told to open, close or reset.
    ForceClosed,
}

impl Command {
    /// The command that a lever of this name stands for.
    pub(crate) fn of_lever(name: &str) -> Option<Self> {
        Some(match name {
            "open" => Self::Open,
            "close" => Self::Close,
            "reset" => Self::Reset,
            "force_open" => Self::ForceOpen,
            "force_closed" => Self::ForceClosed,
            _ => return None,
        })
    }

    pub(crate) fn carry_out(
        self,
        breaker: &mut Breaker,
        config: &Config,
        now: Moment,
    ) -> Option<Transition> {
        match self {
            Self::Open => breaker.open(config, now, &mut fastrand::Rng::new()),
            Self::Close => breaker.close_by_hand(now),
            Self::Reset => breaker.reset(now),
            Self::ForceOpen => breaker.force(State::ForcedOpen, now),
            Self::ForceClosed => breaker.force(State::ForcedClosed, now),
        }
    }
}

/// The commands as an effector's levers.
pub(crate) const LEVERS: &[Lever] = &[
    Lever::reducing("open", "Opens it; it probes when its wait is over."),
    Lever::new("close", "Closes it with nothing counted."),
    Lever::new("reset", "Closes it and forgets all it has seen."),
    Lever::reducing("force_open", "Refuses every call until told otherwise."),
    Lever::new("force_closed", "Admits every call until told otherwise."),
];
