//! What can be done to a call, as values that stand in a settings file.

use std::fmt;
use std::time::Duration;

use salve_core::{Check, ConfigError};

use crate::latency::Latency;
use crate::lie::Lie;
use crate::skew::Skew;

/// A fault: what happens to a call that is struck.
///
/// One value serves in production, in tests under paused time, and, where it makes sense there, on
/// the links of a simulation (feature `turmoil`).
///
/// | strikes | faults |
/// |---|---|
/// | calls, by a [`ChaosLayer`](crate::ChaosLayer) or [`Handle::call`](crate::Handle::call) | all but `Swap`, `Lie` and `Clock` |
/// | checks, by [`Handle::check`](crate::Handle::check) | `Lie`; waits and failures as well |
/// | messages, by a [`Wire`](crate::Wire) | `Duplicate`, `Swap`, and `Error`, which loses them |
/// | clocks, by [`Handle::clock`](crate::Handle::clock) | `Clock` alone |
///
/// What a place cannot do is left undone there, and counted as impossible.
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
    /// The request is delivered twice; for messages, the message.
    Duplicate,
    /// A message changes places with the one after it.
    Swap,
    /// A check says what is not so.
    Lie(Lie),
    /// A clock shows what it is not.
    Clock(Skew),
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
    /// [`Fault::Duplicate`].
    Duplicate,
    /// [`Fault::Swap`].
    Swap,
    /// [`Fault::Lie`].
    Lie,
    /// [`Fault::Clock`].
    Clock,
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
            Self::Duplicate => Kind::Duplicate,
            Self::Swap => Kind::Swap,
            Self::Lie(_) => Kind::Lie,
            Self::Clock(_) => Kind::Clock,
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
            Self::Clock(skew) => skew.validate(check),
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
            Self::Duplicate => "duplicate",
            Self::Swap => "swap",
            Self::Lie => "lie",
            Self::Clock => "clock",
        }
    }
}

impl Kind {
    /// Whether it can be done to any call, whatever its answer.
    pub(crate) const fn strikes_calls(self) -> bool {
        !matches!(self, Self::Corrupt | Self::Duplicate | Self::Swap | Self::Lie | Self::Clock)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
