//! The one word that a call reads to be admitted: state, stay, and what the rules need to know.

use salve_core::Enforcement;

use crate::breaker::{Breaker, State};
use crate::config::{Config, OnCancel};

/// State, stay and flags of a breaker in one atomic word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const STATE: u64 = 0b111;
/// Refusals are only counted.
const SHADOW: u64 = 0b1000;
/// How long a call takes matters, so that its start must be known.
const TIMED: u64 = 0b1_0000;
/// When a call ends matters, so that a success must look at the clock.
const STEPPED: u64 = 0b10_0000;
/// Threads have met on the first stripe, and there is one for each.
const STRIPED: u64 = 0b100_0000;
/// Every call is refused until the wait is over or an operator says otherwise.
const REFUSES: u64 = 0b1000_0000;

impl Word {
    pub(crate) fn new(breaker: &Breaker, config: &Config, striped: bool) -> Self {
        let slow = config.rate.is_some_and(|rate| rate.slow.is_some());
        let timed = slow || config.on_cancel != OnCancel::Neutral;
        let shadow = config.enforcement == Enforcement::Shadow;
        let refuses = matches!(breaker.state(), State::Open | State::ForcedOpen) && !shadow;
        let flag = |set: bool, flag: u64| if set { flag } else { 0 };
        Self(
            u64::from(breaker.stay()) << 32
                | breaker.state() as u64
                | flag(shadow, SHADOW)
                | flag(refuses, REFUSES)
                | flag(timed, TIMED)
                | flag(breaker.tally().step_end().is_some(), STEPPED)
                | flag(striped, STRIPED),
        )
    }

    pub(crate) const fn stay(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn state(self) -> State {
        match self.0 & STATE {
            0 => State::Closed,
            1 => State::Open,
            2 => State::HalfOpen,
            3 => State::Ramping,
            4 => State::ForcedOpen,
            _ => State::ForcedClosed,
        }
    }

    /// Whether every call is admitted and none is timed.
    #[inline]
    pub(crate) const fn admits_untimed(self) -> bool {
        self.0 & (STATE | TIMED) == State::Closed as u64
    }

    /// Whether every call is admitted, none is timed, and threads have not met.
    #[inline]
    pub(crate) const fn admits_at_once(self) -> bool {
        self.0 & (STATE | TIMED | STRIPED) == State::Closed as u64
    }

    /// Whether calls are refused without the inner service being asked whether it is ready.
    pub(crate) const fn refuses(self) -> bool {
        self.0 & REFUSES != 0
    }

    /// Whether every call is refused, but only until its wait is over.
    #[inline]
    pub(crate) const fn refuses_for_a_time(self) -> bool {
        self.0 & (STATE | REFUSES) == State::Open as u64 | REFUSES
    }

    pub(crate) const fn is_shadow(self) -> bool {
        self.0 & SHADOW != 0
    }

    pub(crate) const fn is_timed(self) -> bool {
        self.0 & TIMED != 0
    }

    pub(crate) const fn is_stepped(self) -> bool {
        self.0 & STEPPED != 0
    }

    pub(crate) const fn is_striped(self) -> bool {
        self.0 & STRIPED != 0
    }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use super::*;

    const FLAGS: [u64; 5] = [SHADOW, TIMED, STEPPED, STRIPED, REFUSES];

    #[test]
    fn every_part_of_the_word_is_read_back_alone() {
        let states = [
            State::Closed,
            State::Open,
            State::HalfOpen,
            State::Ramping,
            State::ForcedOpen,
            State::ForcedClosed,
        ];
        for (state, set) in
            states.iter().flat_map(|state| (0..32_u64).map(move |set| (*state, set)))
        {
            let flags = FLAGS.iter().enumerate();
            let flags = flags.map(|(place, flag)| if set >> place & 1 == 1 { *flag } else { 0 });
            let word = Word(u64::from(u32::MAX) << 32 | state as u64 | flags.sum::<u64>());
            let has = |flag: u64| word.0 & flag == flag;
            assert_eq!((word.state(), word.stay()), (state, u32::MAX));
            assert_eq!(
                [word.is_shadow(), word.is_timed(), word.is_stepped(), word.is_striped()],
                [has(SHADOW), has(TIMED), has(STEPPED), has(STRIPED)],
            );
            let closed = state == State::Closed;
            assert_eq!(word.refuses(), has(REFUSES));
            assert_eq!(word.refuses_for_a_time(), has(REFUSES) && state == State::Open);
            assert_eq!(word.admits_untimed(), closed && !has(TIMED));
            assert_eq!(word.admits_at_once(), closed && !has(TIMED) && !has(STRIPED));
        }
    }
}
