//! What can be wrong with a clock, as a value that stands in a settings file.

use std::time::Duration;

use salve_core::{Check, ConfigError, Moment};

use crate::schedule::Schedule;

/// How a clock is wrong for as long as its rule holds. It is right again at once when that ends, so
/// beginning and end are steps.
///
/// | to play | take |
/// |---|---|
/// | a step forwards or backwards | an offset, from when the schedule says |
/// | a clock that is slewed | an offset with a ramp, or one that decays |
/// | an oscillator that is off | a drift |
/// | a machine that was suspended | a frozen clock in a window: it leaps at its end |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
pub enum Skew {
    /// It is ahead by so much; at most 30 days.
    Ahead(#[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration),
    /// It is behind by so much; at most 30 days.
    Behind(#[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration),
    /// It gains, or with a negative number loses, so many millionths of the time; at most all of it.
    Drift {
        /// Parts per million.
        ppm: i32,
    },
    /// It stands still.
    Frozen,
}

const MOST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const MILLION: i32 = 1_000_000;

impl Skew {
    /// What the clock shows `now`, when it has been wrong since `began` and is so to this strength.
    pub(crate) fn shown(self, now: Moment, began: Moment, strength: f64) -> Moment {
        let part = |whole: Duration| match strength < 1.0 {
            true => whole.mul_f64(strength),
            false => whole,
        };
        match self {
            Self::Ahead(offset) => now.after(part(offset)),
            Self::Behind(offset) => before(now, part(offset)),
            Self::Drift { ppm } => {
                let off = now.since(began).as_nanos() * u128::from(ppm.unsigned_abs())
                    / u128::from(MILLION.unsigned_abs());
                let off = Duration::from_nanos(u64::try_from(off).unwrap_or(u64::MAX));
                if ppm < 0 { before(now, off) } else { now.after(off) }
            }
            Self::Frozen => began,
        }
    }

    pub(crate) fn validate(self, check: Check) -> Result<(), ConfigError> {
        match self {
            Self::Ahead(offset) | Self::Behind(offset) => {
                check.duration("fault.offset", offset, Duration::ZERO, MOST)
            }
            Self::Drift { ppm } => check.range("fault.ppm", ppm, -MILLION, MILLION),
            Self::Frozen => Ok(()),
        }
    }

    /// Whether it can be so by degrees.
    pub(crate) const fn fits(self, schedule: Schedule) -> bool {
        match self {
            Self::Ahead(_) | Self::Behind(_) => true,
            Self::Drift { .. } | Self::Frozen => {
                !matches!(schedule, Schedule::Ramp { .. } | Schedule::Decay { .. })
            }
        }
    }
}

fn before(moment: Moment, time: Duration) -> Moment {
    Moment::from_nanos(moment.as_nanos().saturating_sub(salve_core::nanos(time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_skew_shows_what_it_says() {
        let (began, second) = (Moment::ZERO.after(MOST), Duration::from_secs(1));
        let now = began.after(1_000 * second);
        let shows = |skew: Skew, strength| skew.shown(now, began, strength).since(began);
        assert_eq!(shows(Skew::Ahead(60 * second), 1.0), 1_060 * second);
        assert_eq!(shows(Skew::Ahead(60 * second), 0.5), 1_030 * second);
        assert_eq!(shows(Skew::Behind(60 * second), 1.0), 940 * second);
        assert_eq!(shows(Skew::Drift { ppm: 500 }, 1.0), 1_000 * second + second / 2);
        assert_eq!(shows(Skew::Drift { ppm: -MILLION }, 1.0), Duration::ZERO);
        assert_eq!(shows(Skew::Frozen, 1.0), Duration::ZERO);
        assert_eq!(Skew::Behind(MOST).shown(Moment::ZERO, Moment::ZERO, 1.0), Moment::ZERO);
    }
}
