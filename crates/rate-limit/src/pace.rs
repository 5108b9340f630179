//! The engine: what a call costs in time, and when it may be made.
//!
//! This is the generic cell rate algorithm (ITU-T I.371) in its virtual-scheduling form: the one
//! thing remembered is the moment until which everything granted so far is paid for.

use salve_core::{Ratio, nanos};

use crate::quota::Quota;

/// A quota as time. All moments and times are in nanoseconds.
///
/// # Invariants
/// 1. Over any span of time no more is granted than a burst and what the rate allows in it: time
///    in which nothing was called pays for nothing beyond a full burst.
/// 2. Settings change neither what has been spent nor what is owed: both are kept in calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// What one call costs.
    pub(crate) interval: u64,
    /// How far ahead may be paid: a whole burst.
    pub(crate) depth: u64,
}

/// No moment after this is told from it: 36 years from the clock's origin.
pub(crate) const FARTHEST: u64 = (1 << 60) - 1;

/// What a call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may be made; everything granted is now paid for until this moment.
    Granted(u64),
    /// It may be made at this moment, if nothing is granted until then.
    At(u64),
    /// It costs more than a burst.
    Never,
}

impl Pace {
    pub(crate) fn new(quota: &Quota, scale: Ratio) -> Self {
        let whole = u64::from(Ratio::ONE.parts_per_million());
        let share = u64::from(scale.parts_per_million()).max(1);
        // Rounded up, so that the rate is never exceeded.
        let interval = u128::from(nanos(quota.interval())) * u128::from(whole);
        let interval = interval.div_ceil(u128::from(share)) as u64;
        Self { interval, depth: interval.saturating_mul(quota.burst.into()) }
    }

    /// Asks for a call at `now`, where everything granted is paid for until `paid_until`.
    #[inline]
    pub(crate) const fn ask(self, paid_until: u64, cost: u32, now: u64) -> Turn {
        let price = self.price(cost);
        if price > self.depth {
            return Turn::Never;
        }
        // Neither sum can overflow: no moment, debt or depth takes more than 61 bits.
        let start = if paid_until > now { paid_until } else { now };
        let end = start.wrapping_add(price);
        if end <= now.wrapping_add(self.depth) {
            Turn::Granted(end)
        } else {
            Turn::At(end - self.depth)
        }
    }

    /// When a call may be made that comes after others which cost so much together.
    pub(crate) fn turn_behind(self, paid_until: u64, ahead: u64, cost: u32, now: u64) -> Turn {
        let ahead = self.interval.saturating_mul(ahead);
        self.ask(paid_until.max(now).saturating_add(ahead).min(FARTHEST), cost, now)
    }

    #[inline]
    pub(crate) const fn price(self, cost: u32) -> u64 {
        self.interval.saturating_mul(cost as u64)
    }

    /// What of a call's price lies ahead, if it is given back at `now`: the time it paid for ends
    /// at `end`. To give back more would let others have what time has already taken away.
    pub(crate) fn refund(self, end: u64, cost: u32, now: u64) -> u64 {
        end.saturating_sub(now).min(self.price(cost))
    }

    /// The same state at another pace: what has been spent is spent, what is owed is owed.
    pub(crate) fn convert(self, paid_until: u64, to: Self, now: u64) -> u64 {
        let spent = u128::from(paid_until.saturating_sub(now));
        let spent = (spent * u128::from(to.interval)).div_ceil(u128::from(self.interval.max(1)));
        let spent = u64::try_from(spent).unwrap_or(u64::MAX);
        if spent == 0 { paid_until } else { now.saturating_add(spent).min(FARTHEST) }
    }

    /// How many calls could be made at `now`.
    pub(crate) fn available(self, paid_until: u64, now: u64) -> u32 {
        let left = self.depth.saturating_sub(paid_until.saturating_sub(now));
        u32::try_from(left / self.interval.max(1)).unwrap_or(u32::MAX)
    }
}
