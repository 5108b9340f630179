//! What can be done to a call, as values that stand in a settings file.

use std::fmt;
use std::time::Duration;

use salve_core::{Check, ConfigError};

use crate::dice::Dice;

/// A fault: what happens to a call that is struck.
///
/// One value serves in production, in tests under paused time, and wherever else
/// [`Latency::draw`] or an injector's decisions are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum Fault {
    /// The call waits before the service works on it.
    Latency(Latency),
    /// The service answers, and the answer waits: it may come after the caller's deadline.
    Late(Latency),
    /// The answer takes this many times as long as it did; 1 to 10,000. A grey replica.
    Slow(f64),
    /// The call fails without reaching the service.
    Error {
        /// When to come again, as the error claims; it need not be true. Default nothing.
        #[cfg_attr(
            feature = "serde",
            serde(default, with = "salve_core::settings::optional_duration")
        )]
        retry_after: Option<Duration>,
    },
    /// The call is refused as one too many, without reaching the service.
    Overload {
        /// When to come again, as the error claims; it need not be true. Default nothing.
        #[cfg_attr(
            feature = "serde",
            serde(default, with = "salve_core::settings::optional_duration")
        )]
        retry_after: Option<Duration>,
    },
    /// The call waits until its caller gives up, or the fault is taken back; then it goes on.
    Hang,
    /// The call waits until the schedule lets go: the pause of a collector of garbage.
    Stall,
    /// The code that makes the call panics, with an [`Injected`](crate::Injected) as its payload.
    Panic,
    /// The service fails when it is asked whether it is ready.
    Unready,
    /// The answer is damaged by the function that the layer was given.
    Corrupt,
}

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

/// The kinds of [`Fault`], for lists of what is allowed and for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// [`Fault::Latency`].
    Latency,
    /// [`Fault::Late`].
    Late,
    /// [`Fault::Slow`].
    Slow,
    /// [`Fault::Error`].
    Error,
    /// [`Fault::Overload`].
    Overload,
    /// [`Fault::Hang`].
    Hang,
    /// [`Fault::Stall`].
    Stall,
    /// [`Fault::Panic`].
    Panic,
    /// [`Fault::Unready`].
    Unready,
    /// [`Fault::Corrupt`].
    Corrupt,
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

    fn validate(self, check: Check) -> Result<(), ConfigError> {
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

impl Fault {
    /// A fixed latency.
    #[must_use]
    pub const fn latency(time: Duration) -> Self {
        Self::Latency(Latency::Fixed(time))
    }

    /// An error that does not say when to come again.
    pub const ERROR: Self = Self::Error { retry_after: None };

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Latency(_) => Kind::Latency,
            Self::Late(_) => Kind::Late,
            Self::Slow(_) => Kind::Slow,
            Self::Error { .. } => Kind::Error,
            Self::Overload { .. } => Kind::Overload,
            Self::Hang => Kind::Hang,
            Self::Stall => Kind::Stall,
            Self::Panic => Kind::Panic,
            Self::Unready => Kind::Unready,
            Self::Corrupt => Kind::Corrupt,
        }
    }

    /// What its error says of coming again.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Error { retry_after } | Self::Overload { retry_after } => *retry_after,
            _ => None,
        }
    }

    pub(crate) fn validate(&self, check: Check) -> Result<(), ConfigError> {
        match self {
            Self::Latency(latency) | Self::Late(latency) => latency.validate(check),
            Self::Slow(factor) => check.range("fault.slow", *factor, 1.0, 10_000.0),
            _ => Ok(()),
        }
    }
}

impl Kind {
    /// The kind in a word, as it stands in settings and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Late => "late",
            Self::Slow => "slow",
            Self::Error => "error",
            Self::Overload => "overload",
            Self::Hang => "hang",
            Self::Stall => "stall",
            Self::Panic => "panic",
            Self::Unready => "unready",
            Self::Corrupt => "corrupt",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
