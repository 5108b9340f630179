//! A point in time as one number, so that engines can be given it and atomics can hold it.

use std::time::Duration;

/// A point in time in whole nanoseconds since an origin that lies before the program's start.
///
/// Engines take moments as arguments and never ask for them; shells read them from
/// [`clock`](crate::clock), which follows tokio's clock, paused or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The earliest moment.
    pub const ZERO: Self = Self(0);
    /// The latest moment, about 584 years after the origin: "never" where a limit is meant.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment that lies this many nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` until this moment; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment put off by `wait`, or [`Moment::MAX`] where that overflows.
    #[must_use]
    pub const fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(nanos(wait)))
    }
}

/// A duration in nanoseconds, or `u64::MAX` where that overflows.
#[must_use]
#[inline]
pub const fn nanos(duration: Duration) -> u64 {
    // Not by way of `as_nanos`: 128 bits are slow, and this is part of every clock reading.
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}
