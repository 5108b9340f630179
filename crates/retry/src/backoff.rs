//! The engine of waiting: how long to wait before each retry, with jitter, within a cap.

use std::borrow::Cow;
use std::time::Duration;

use salve_core::{Check, ConfigError, Ratio, nanos};

/// How long to wait before each retry.
///
/// The cap holds after jitter: what jitter adds is drawn from what is left below the cap, so waits
/// near the cap do not pile up on it. No number of retries overflows.
///
/// ```
/// use salve_retry::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::exponential(Duration::from_millis(100), 2.0)
///     .with_max(Duration::from_secs(1))
///     .without_jitter();
/// let waits = [1, 2, 3, 4, 5, u32::MAX].map(|retry| backoff.bounds(retry, None).1.as_millis());
/// assert_eq!(waits, [100, 200, 400, 800, 1_000, 1_000]);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Backoff {
    /// How waits grow.
    pub curve: Curve,
    /// How they are spread, so that callers that failed together do not return together.
    pub jitter: Jitter,
    /// The longest wait, jitter included. Default 30 s; at most 30 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub max: Duration,
}

/// How waits grow from retry to retry.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum Curve {
    /// Always as long; zero retries at once.
    Constant(
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration,
    ),
    /// `first`, then longer by `step` each time.
    Linear {
        /// Before the first retry.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        first: Duration,
        /// How much longer each further wait is.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        step: Duration,
    },
    /// `first`, then `factor` times as long each time.
    Exponential {
        /// Before the first retry.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        first: Duration,
        /// 1 to 100.
        factor: f64,
    },
    /// `unit` times 1, 1, 2, 3, 5, 8, ...
    Fibonacci {
        /// Before the first retry.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        unit: Duration,
    },
    /// These, one after the other; then the last again and again, until the attempts are used up.
    List(
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::durations"))]
        Cow<'static, [Duration]>,
    ),
    /// Between `base` and three times the wait before (after the AWS architecture blog's
    /// "decorrelated jitter"). It is jitter itself and takes no other.
    Decorrelated {
        /// The shortest wait, and what the first is drawn from: `base` to three times `base`.
        #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
        base: Duration,
    },
}

/// How a wait of `d` is spread at random. Every bound may be drawn itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Jitter {
    /// `d`.
    None,
    /// 0 to `d`.
    Full,
    /// Half of `d` to `d`.
    Equal,
    /// `d` less this share of it, to `d` and this share more.
    Factor(Ratio),
    /// `d` to `d` and this share more.
    Above(Ratio),
    /// `d` to `d` and this much more.
    Plus(#[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration),
}

/// The longest wait that may be set.
pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const DEFAULT_MAX: Duration = Duration::from_secs(30);

impl Backoff {
    /// 100 ms, doubling, at most 30 s, with full jitter.
    pub const DEFAULT: Self = Self::of(
        Curve::Exponential { first: Duration::from_millis(100), factor: 2.0 },
        Jitter::Full,
        DEFAULT_MAX,
    );

    pub(crate) const fn of(curve: Curve, jitter: Jitter, max: Duration) -> Self {
        Self { curve, jitter, max }
    }

    /// Retries at once.
    #[must_use]
    pub const fn none() -> Self {
        Self::of(Curve::Constant(Duration::ZERO), Jitter::None, DEFAULT_MAX)
    }

    /// Always as long, without jitter; the cap is raised to `wait` if it must be.
    #[must_use]
    pub fn constant(wait: Duration) -> Self {
        Self::of(Curve::Constant(wait), Jitter::None, DEFAULT_MAX.max(wait))
    }

    /// `first`, then longer by `step` each time, with full jitter.
    #[must_use]
    pub const fn linear(first: Duration, step: Duration) -> Self {
        Self::of(Curve::Linear { first, step }, Jitter::Full, DEFAULT_MAX)
    }

    /// `first`, then `factor` times as long each time, with full jitter.
    #[must_use]
    pub const fn exponential(first: Duration, factor: f64) -> Self {
        Self::of(Curve::Exponential { first, factor }, Jitter::Full, DEFAULT_MAX)
    }

    /// `unit` times 1, 1, 2, 3, 5, ..., with full jitter.
    #[must_use]
    pub const fn fibonacci(unit: Duration) -> Self {
        Self::of(Curve::Fibonacci { unit }, Jitter::Full, DEFAULT_MAX)
    }

    /// These waits, the last again and again, without jitter; the cap is raised to the longest of
    /// them if it must be.
    #[must_use]
    pub fn list(waits: impl Into<Cow<'static, [Duration]>>) -> Self {
        let waits = waits.into();
        let longest = waits.iter().max().copied().unwrap_or_default();
        Self::of(Curve::List(waits), Jitter::None, DEFAULT_MAX.max(longest))
    }

    /// Between `base` and three times the wait before.
    #[must_use]
    pub const fn decorrelated(base: Duration) -> Self {
        Self::of(Curve::Decorrelated { base }, Jitter::None, DEFAULT_MAX)
    }

    /// Sets the jitter.
    #[must_use]
    pub const fn with_jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Waits exactly as long as the curve says.
    #[must_use]
    pub const fn without_jitter(self) -> Self {
        self.with_jitter(Jitter::None)
    }

    /// Sets the longest wait, jitter included.
    #[must_use]
    pub const fn with_max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// The shortest and the longest wait there can be before this retry, counted from 1, after a
    /// wait of `previous`.
    #[must_use]
    pub fn bounds(&self, retry: u32, previous: Option<Duration>) -> (Duration, Duration) {
        let (low, high) = self.range(retry, previous);
        (Duration::from_nanos(low), Duration::from_nanos(high))
    }

    /// Draws the wait before this retry, counted from 1, after a wait of `previous`.
    #[must_use]
    pub fn wait(
        &self,
        retry: u32,
        previous: Option<Duration>,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        let (low, high) = self.range(retry, previous);
        Duration::from_nanos(if low == high { low } else { rng.u64(low..=high) })
    }

    fn range(&self, retry: u32, previous: Option<Duration>) -> (u64, u64) {
        let max = nanos(self.max);
        let (low, high) = match &self.curve {
            Curve::Decorrelated { base } => {
                let base = nanos(*base);
                let previous = previous.map_or(base, nanos);
                (base, previous.saturating_mul(3).max(base))
            }
            curve => self.jitter.around(curve.nanos(retry.max(1), max)),
        };
        (low.min(max), high.min(max))
    }

    pub(crate) fn validate(&self, check: Check) -> Result<(), ConfigError> {
        check.duration("backoff.max", self.max, Duration::ZERO, LONGEST)?;
        let within = |field, wait| check.duration(field, wait, Duration::ZERO, self.max);
        match &self.curve {
            Curve::Constant(wait) => within("backoff.constant", *wait)?,
            Curve::Linear { first, step } => {
                within("backoff.first", *first)?;
                within("backoff.step", *step)?;
            }
            Curve::Exponential { first, factor } => {
                within("backoff.first", *first)?;
                check.range("backoff.factor", *factor, 1.0, 100.0)?;
            }
            Curve::Fibonacci { unit } => within("backoff.unit", *unit)?,
            Curve::List(waits) => {
                check.that("backoff.list", "empty", !waits.is_empty(), "at least one wait")?;
                waits.iter().try_for_each(|wait| within("backoff.list", *wait))?;
            }
            Curve::Decorrelated { base } => {
                within("backoff.base", *base)?;
                let plain = self.jitter == Jitter::None;
                let jitter = format_args!("{:?}", self.jitter).to_string();
                check.that("backoff.jitter", jitter, plain, "None with a decorrelated curve")?;
            }
        }
        if let Jitter::Plus(more) = self.jitter {
            within("backoff.jitter", more)?;
        }
        Ok(())
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Curve {
    /// The wait before this retry without jitter, no more than `max`.
    fn nanos(&self, retry: u32, max: u64) -> u64 {
        let wait = match self {
            Self::Constant(wait) => nanos(*wait),
            Self::Linear { first, step } => {
                nanos(*first).saturating_add(nanos(*step).saturating_mul(u64::from(retry - 1)))
            }
            Self::Exponential { first, factor } => exponential(nanos(*first), *factor, retry - 1),
            Self::Fibonacci { unit } => nanos(*unit).saturating_mul(fibonacci(retry)),
            Self::List(waits) => {
                let last = waits.len().saturating_sub(1);
                let index = usize::try_from(retry - 1).unwrap_or(last).min(last);
                waits.get(index).copied().map_or(0, nanos)
            }
            // Its range is worked out where the previous wait is known.
            Self::Decorrelated { base } => nanos(*base),
        };
        wait.min(max)
    }
}

impl Jitter {
    /// The shortest and the longest wait that come of `wait`.
    fn around(self, wait: u64) -> (u64, u64) {
        match self {
            Self::None => (wait, wait),
            Self::Full => (0, wait),
            Self::Equal => (wait / 2, wait),
            Self::Factor(share) => {
                let part = share.of(wait);
                (wait - part, wait.saturating_add(part))
            }
            Self::Above(share) => (wait, wait.saturating_add(share.of(wait))),
            Self::Plus(more) => (wait, wait.saturating_add(nanos(more))),
        }
    }
}

/// Exact while `first * factor^times` is below 2^53 nanoseconds, which is 104 days.
fn exponential(first: u64, factor: f64, times: u32) -> u64 {
    if first == 0 {
        return 0;
    }
    // A conversion from floating point stops at the largest number.
    (first as f64 * factor.powi(i32::try_from(times).unwrap_or(i32::MAX))) as u64
}

/// The Fibonacci number of this index, counted from 1, or the largest number that fits.
fn fibonacci(index: u32) -> u64 {
    let (mut current, mut next) = (1_u64, 1_u64);
    // The 94th does not fit any more.
    for _ in 1..index.min(94) {
        (current, next) = (next, current.saturating_add(next));
    }
    current
}
