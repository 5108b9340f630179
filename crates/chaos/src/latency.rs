//! How long something takes, as a value that stands in a settings file.

use std::time::Duration;

use salve_core::{Check, ConfigError};

use crate::dice::Dice;

/// A length of time, drawn for each call to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
pub enum Latency {
    /// Always the same.
    Fixed(#[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration),
    /// Anything between two bounds, all alike.
    Uniform {
        /// The least.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        from: Duration,
        /// The most.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        to: Duration,
    },
    /// Around a mean; what falls below nothing is nothing.
    Normal {
        /// The mean.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        mean: Duration,
        /// The standard deviation.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        deviation: Duration,
    },
    /// As services have it: half below the median, and a tail to the right.
    LogNormal {
        /// The median.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        median: Duration,
        /// The deviation of the logarithm; 0 to 10.
        sigma: f64,
    },
    /// A heavy tail: a share of `(scale / t) ^ shape` takes longer than `t`.
    Pareto {
        /// The least.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        scale: Duration,
        /// How fast the tail thins out; above 0 to 100. At 1 and less there is no mean.
        shape: f64,
    },
}

/// No latency is longer, whatever a tail may draw.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Latency {
    /// The time for the call of this number under this seed; at most 24 h.
    #[must_use]
    pub fn draw(self, seed: u64, number: u64) -> Duration {
        self.roll(Dice::new(seed).at(number))
    }

    pub(crate) fn roll(self, dice: Dice) -> Duration {
        let seconds = match self {
            Self::Fixed(time) => return time,
            // Of a whole number of nanoseconds, so that the bounds hold exactly.
            Self::Uniform { from, to } => {
                let width = to.saturating_sub(from).as_nanos() as f64;
                let part = Duration::from_nanos((width * dice.unit()).round() as u64);
                return from.saturating_add(part).min(to);
            }
            Self::Normal { mean, deviation } => {
                mean.as_secs_f64() + deviation.as_secs_f64() * dice.normal()
            }
            Self::LogNormal { median, sigma } => {
                median.as_secs_f64() * (sigma * dice.normal()).exp()
            }
            Self::Pareto { scale, shape } => {
                scale.as_secs_f64() * (1.0 - dice.unit()).powf(-1.0 / shape)
            }
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST).min(LONGEST)
    }

    pub(crate) fn validate(self, check: Check) -> Result<(), ConfigError> {
        let time = |field, time| check.duration(field, time, Duration::ZERO, LONGEST);
        match self {
            Self::Fixed(fixed) => time("fault.fixed", fixed),
            Self::Uniform { from, to } => {
                time("fault.to", to)?;
                check.duration("fault.from", from, Duration::ZERO, to)
            }
            Self::Normal { mean, deviation } => {
                time("fault.mean", mean)?;
                time("fault.deviation", deviation)
            }
            Self::LogNormal { median, sigma } => {
                time("fault.median", median)?;
                check.range("fault.sigma", sigma, 0.0, 10.0)
            }
            Self::Pareto { scale, shape } => {
                time("fault.scale", scale)?;
                check.that("fault.shape", shape, shape > 0.0 && shape <= 100.0, "above 0, to 100")
            }
        }
    }
}
