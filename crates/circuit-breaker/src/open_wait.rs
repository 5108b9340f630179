//! How long an open breaker waits before it probes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salve_core::{Check, ConfigError, Ratio};

use crate::config::{MONTH, MS};

/// How long the breaker stays open.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum OpenWait {
    /// Always as long. 1 ms to 30 days.
    Constant(
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration,
    ),
    /// Longer with each trip in a row.
    Growing {
        /// After the first trip. 1 ms to 30 days.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        first: Duration,
        /// Each further wait is this many times the one before. 1 to 100.
        factor: f64,
        /// The longest wait. From `first` to 30 days.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        max: Duration,
        /// Each wait is shortened by a random share of up to this, so it never exceeds `max`.
        jitter: Ratio,
    },
    /// Whatever the function says for this many trips in a row, counted from 1.
    #[cfg_attr(feature = "serde", serde(skip))]
    Computed(Computed),
}

/// A function from the number of trips in a row to a wait.
#[derive(Clone)]
pub struct Computed(Arc<dyn Fn(u32) -> Duration + Send + Sync>);

impl OpenWait {
    /// Twice as long after each trip in a row, from `first` to `max`, shortened by up to a fifth.
    #[must_use]
    pub const fn doubling(first: Duration, max: Duration) -> Self {
        Self::Growing { first, factor: 2.0, max, jitter: Ratio::percent::<20>() }
    }

    /// Whatever `wait` says for the number of trips in a row, counted from 1.
    #[must_use]
    pub fn computed(wait: impl Fn(u32) -> Duration + Send + Sync + 'static) -> Self {
        Self::Computed(Computed(Arc::new(wait)))
    }

    /// The wait after this many trips in a row.
    pub(crate) fn after_trips(&self, trips: u32, rng: &mut fastrand::Rng) -> Duration {
        match self {
            Self::Constant(wait) => *wait,
            Self::Growing { first, factor, max, jitter } => {
                let steps = i32::try_from(trips.saturating_sub(1)).unwrap_or(i32::MAX);
                let grown = first.as_secs_f64() * factor.powi(steps);
                let capped = grown.min(max.as_secs_f64());
                let kept = 1.0 - jitter.as_f64() * rng.f64();
                Duration::try_from_secs_f64(capped * kept).unwrap_or(*max).min(*max)
            }
            Self::Computed(wait) => wait.after(trips),
        }
    }

    pub(crate) fn validate(&self, check: Check) -> Result<(), ConfigError> {
        match self {
            Self::Constant(wait) => check.duration("open_wait", *wait, MS, MONTH),
            Self::Growing { first, factor, max, jitter: _ } => {
                check.duration("open_wait.first", *first, MS, MONTH)?;
                check.range("open_wait.factor", *factor, 1.0, 100.0)?;
                check.duration("open_wait.max", *max, *first, MONTH)
            }
            Self::Computed(_) => Ok(()),
        }
    }
}

impl Computed {
    /// The wait after this many trips in a row, at most 30 days.
    #[must_use]
    pub fn after(&self, trips: u32) -> Duration {
        (self.0)(trips).min(MONTH)
    }
}

impl fmt::Debug for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Computed")
    }
}

impl PartialEq for Computed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
