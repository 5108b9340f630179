//! How many calls in how much time, and how many of them at once.

use std::fmt;
use std::time::Duration;

use salve_core::{Check, ConfigError};

use crate::config::ROOM;

/// So many calls in so much time, and so many of them at once.
///
/// What is not used is saved up to `burst` calls, never more, however long nothing was called.
///
/// ```
/// use salve_rate_limit::Quota;
/// use std::time::Duration;
///
/// // Sixty at once, then one a second:
/// assert_eq!(Quota::per_minute(60).interval(), Duration::from_secs(1));
/// // One a second from the start:
/// assert_eq!(Quota::per_minute(60).smooth().burst, 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "Written"))]
pub struct Quota {
    /// How many calls in each period; 1 to 1,000,000,000.
    pub calls: u32,
    /// The period: 1 ms to 31 days. A call must take 1 µs of it or more.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub period: Duration,
    /// How many calls may be made at once after a time without any; 1 to 1,000,000. To save up
    /// so many may take 31 days.
    pub burst: u32,
}

/// A quota as it stands in a file: what it says nothing of is a burst of all calls.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    calls: u32,
    #[serde(with = "salve_core::settings::duration")]
    period: Duration,
    burst: Option<u32>,
}

#[cfg(feature = "serde")]
impl From<Written> for Quota {
    fn from(Written { calls, period, burst }: Written) -> Self {
        Self { calls, period, burst: burst.unwrap_or(calls) }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const LONGEST: Duration = DAY.saturating_mul(31);
const LEAST: Duration = Duration::from_micros(1);

impl Quota {
    /// So many calls a period, all of them at once if nothing was called before.
    #[must_use]
    pub const fn new(calls: u32, period: Duration) -> Self {
        Self { calls, period, burst: calls }
    }

    /// So many calls a second.
    #[must_use]
    pub const fn per_second(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(1))
    }

    /// So many calls a minute.
    #[must_use]
    pub const fn per_minute(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(60))
    }

    /// So many calls an hour.
    #[must_use]
    pub const fn per_hour(calls: u32) -> Self {
        Self::new(calls, Duration::from_secs(60 * 60))
    }

    /// Sets how many calls may be made at once.
    #[must_use]
    pub const fn with_burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    /// Spaces the calls evenly: never two at once.
    #[must_use]
    pub const fn smooth(self) -> Self {
        self.with_burst(1)
    }

    /// The time after which one more call may be made, in whole nanoseconds. It is rounded up, so
    /// that the rate is never exceeded; of a million calls a second that is 0.1 % at most.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        // A quota that has not been checked may have no calls at all.
        let calls = if self.calls == 0 { 1 } else { self.calls };
        let nanos = salve_core::nanos(self.period).div_ceil(calls as u64);
        Duration::from_nanos(nanos)
    }

    /// Checks it.
    ///
    /// # Errors
    /// Names the first part that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        check.range("calls", self.calls, 1, 1_000_000_000)?;
        check.duration("period", self.period, Duration::from_millis(1), LONGEST)?;
        let least = || format!("at most {} in {:?}", times(self.period, LEAST), self.period);
        check.that("calls", self.calls, self.period / self.calls >= LEAST, least())?;
        check.range("burst", self.burst, 1, 1_000_000)?;
        let saved_up = self.interval().saturating_mul(self.burst);
        let most =
            || format!("at most {}: saved up within 31 days", times(LONGEST, self.interval()));
        check.that("burst", self.burst, saved_up <= LONGEST, most())
    }
}

/// How many times `part` fits into `whole`.
const fn times(whole: Duration, part: Duration) -> u64 {
    salve_core::nanos(whole) / salve_core::nanos(part)
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}, {} at once", self.calls, self.period, self.burst)
    }
}
