//! What a breaker tells its listeners, in the past tense.

use std::time::Duration;

use crate::breaker::{State, Transition};
use crate::tally::TripReason;

/// Something that happened to a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It opened.
    Opened {
        /// The state before.
        from: State,
        /// Why.
        reason: TripReason,
        /// How long until it probes.
        wait: Duration,
    },
    /// Its wait was over and it began to probe.
    HalfOpened,
    /// Its probes succeeded and it admits a growing share of the calls.
    Ramped,
    /// It closed.
    Closed {
        /// The state before.
        from: State,
    },
    /// An operator keeps it open or closed.
    Forced(State),
    /// It refused a call, or would have in shadow mode.
    Rejected {
        /// Whether the call was let through all the same.
        shadow: bool,
    },
    /// It follows new settings.
    Reconfigured {
        /// The rate's window started empty, because it is of another kind or span of time.
        window_cleared: bool,
    },
}

impl From<Transition> for Event {
    fn from(transition: Transition) -> Self {
        let Transition { from, to, reason, wait } = transition;
        match to {
            State::Open => Self::Opened {
                from,
                reason: reason.unwrap_or(TripReason::Operator),
                wait: wait.unwrap_or_default(),
            },
            State::HalfOpen => Self::HalfOpened,
            State::Ramping => Self::Ramped,
            State::Closed => Self::Closed { from },
            State::ForcedOpen | State::ForcedClosed => Self::Forced(to),
        }
    }
}
