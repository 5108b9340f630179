//! When a rule strikes: how much of its share holds at which time since arming.

use std::time::Duration;

use salve_core::{Check, ConfigError};

/// How the share of a rule changes with the time since it was armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
pub enum Schedule {
    /// The whole share, all the time.
    #[default]
    Always,
    /// Nothing before `after`, nothing once it has lasted.
    Window {
        /// When it begins.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        after: Duration,
        /// How long it lasts.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        lasts: Duration,
    },
    /// At the beginning of each period for a while: flapping, and with [`Fault::Stall`] the pauses
    /// of a collector of garbage.
    ///
    /// [`Fault::Stall`]: crate::Fault::Stall
    Period {
        /// From one beginning to the next.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        every: Duration,
        /// How long it lasts each time, at most `every`.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        lasts: Duration,
    },
    /// From nothing to the whole share in a straight line.
    Ramp {
        /// How long that takes.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        over: Duration,
    },
    /// The whole share at first, half of it after each half-life: a cold cache that fills.
    Decay {
        /// After which time half is left.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        half_life: Duration,
    },
}

const MS: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Schedule {
    /// How much of the share holds, from 0 to 1, so long after arming.
    pub(crate) fn strength(self, since: Duration) -> f64 {
        let holds = |yes| if yes { 1.0 } else { 0.0 };
        match self {
            Self::Always => 1.0,
            Self::Window { after, lasts } => holds(since >= after && since < after + lasts),
            Self::Period { every, lasts } => holds(into(since, every) < lasts),
            Self::Ramp { over } => (since.as_secs_f64() / over.as_secs_f64()).min(1.0),
            Self::Decay { half_life } => (-since.as_secs_f64() / half_life.as_secs_f64()).exp2(),
        }
    }

    /// When, since arming, it began to hold without a break until now; asked only while it holds.
    pub(crate) fn began(self, since: Duration) -> Duration {
        match self {
            Self::Window { after, .. } => after,
            Self::Period { every, .. } => since.saturating_sub(into(since, every)),
            Self::Always | Self::Ramp { .. } | Self::Decay { .. } => Duration::ZERO,
        }
    }

    /// How much longer it goes on without a break; `None` where it does not end by itself.
    pub(crate) fn left(self, since: Duration) -> Option<Duration> {
        match self {
            Self::Window { after, lasts } => Some((after + lasts).saturating_sub(since)),
            Self::Period { every, lasts } => Some(lasts.saturating_sub(into(since, every))),
            Self::Always | Self::Ramp { .. } | Self::Decay { .. } => None,
        }
    }

    pub(crate) fn validate(self, check: Check) -> Result<(), ConfigError> {
        match self {
            Self::Always => Ok(()),
            Self::Window { after, lasts } => {
                check.duration("schedule.after", after, Duration::ZERO, DAY)?;
                check.duration("schedule.lasts", lasts, MS, DAY)
            }
            Self::Period { every, lasts } => {
                check.duration("schedule.every", every, MS, DAY)?;
                check.duration("schedule.lasts", lasts, MS, every)
            }
            Self::Ramp { over } => check.duration("schedule.over", over, MS, DAY),
            Self::Decay { half_life } => check.duration("schedule.half_life", half_life, MS, DAY),
        }
    }
}

/// How far into its period a moment lies. A period is never zero: settings are checked.
fn into(since: Duration, every: Duration) -> Duration {
    let every = every.as_nanos().max(1);
    Duration::from_nanos((since.as_nanos() % every) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_belong_to_what_begins_there() {
        let ms = Duration::from_millis;
        let window = Schedule::Window { after: ms(10), lasts: ms(5) };
        let period = Schedule::Period { every: ms(10), lasts: ms(5) };
        for (at, in_window, in_period) in
            [(0, 0.0, 1.0), (5, 0.0, 0.0), (10, 1.0, 1.0), (14, 1.0, 1.0), (15, 0.0, 0.0)]
        {
            assert_eq!(window.strength(ms(at)), in_window, "{at}");
            assert_eq!(period.strength(ms(at)), in_period, "{at}");
        }
        assert_eq!(window.left(ms(12)), Some(ms(3)));
        assert_eq!((window.began(ms(12)), period.began(ms(12))), (ms(10), ms(10)));
        assert_eq!((period.left(ms(22)), period.left(ms(27))), (Some(ms(3)), Some(ms(0))));
    }
}
