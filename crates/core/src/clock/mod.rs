//! The one file that reads a clock: tokio's for waiting and measuring, the system's for dates.
#![allow(clippy::disallowed_types, reason = "every other file asks this one")]

use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{Moment, nanos};

mod face;

pub use face::{Face, with_face};

/// Moments count from this long before the first reading, so that a paused clock that lags
/// behind the one read first still yields distinct moments.
const HEAD_START: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads tokio's clock: `tokio::time::pause()` and `advance()` steer it.
#[must_use]
#[inline]
pub fn now() -> Moment {
    let instant = tokio::time::Instant::now().into_std();
    let origin = COUNT.load(Ordering::Relaxed);
    if origin == UNKNOWN {
        return by_subtraction(instant);
    }
    match Parts::of(instant).count().map(|count| count.wrapping_sub(origin)) {
        // What lies before the origin has wrapped around to far beyond any clock's reach.
        Some(since) if since <= FARTHEST => Moment::from_nanos(since),
        _ => by_subtraction(instant),
    }
}

/// The moment at which tokio's clock shows `instant`.
#[must_use]
pub fn moment(instant: tokio::time::Instant) -> Moment {
    by_subtraction(instant.into_std())
}

/// Exact for every instant, but far from free: the standard library's subtraction is not inlined
/// and takes twice as long as reading the clock does.
#[cold]
fn by_subtraction(instant: Instant) -> Moment {
    face::shown(Moment::from_nanos(nanos(instant.saturating_duration_since(origin()))))
}

/// The instant of tokio's clock at `moment`, for its timers.
#[must_use]
pub fn instant(moment: Moment) -> tokio::time::Instant {
    let since = Duration::from_nanos(face::true_moment(moment).as_nanos());
    // Timers cannot hold moments centuries away; a far one is as good as never.
    let far = || Instant::now() + HEAD_START;
    tokio::time::Instant::from_std(origin().checked_add(since).unwrap_or_else(far))
}

/// The time of day as time since 1970 in UTC, for dates that come from or go to the wire.
#[must_use]
pub fn since_unix_epoch() -> Duration {
    face::shown_date(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))
}

/// How far in the future `date` lies by the time of day; zero if it has passed.
#[must_use]
pub fn until_date(date: SystemTime) -> Duration {
    let date = date.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    date.saturating_sub(since_unix_epoch())
}

/// The nanoseconds of the origin by [`Parts`], once it is known that those are what they are taken
/// for, and as long as no clock of the program shows anything but the time.
static COUNT: AtomicU64 = AtomicU64::new(UNKNOWN);

const UNKNOWN: u64 = u64::MAX;

/// The instant from which moments count.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(|| {
        let now = Instant::now();
        let origin = now.checked_sub(HEAD_START).unwrap_or(now);
        if let Some(count) = Parts::of(origin).count()
            && Parts::are_right(origin)
        {
            COUNT.store(count, Ordering::Relaxed);
        }
        origin
    })
}

/// More nanoseconds after the origin than any clock will show: about 292 years.
const FARTHEST: u64 = u64::MAX / 2;

/// The seconds and nanoseconds of an instant, as it gives them to a hasher.
///
/// This is the one way to them that can be inlined. Nobody promises what an instant hashes, so
/// [`Parts::are_right`] compares with real subtraction before anything relies on it.
#[derive(Default)]
struct Parts {
    seconds: Option<u64>,
    nanos: Option<u32>,
    others: bool,
}

impl Parts {
    #[inline]
    fn of(instant: Instant) -> Self {
        let mut parts = Self::default();
        instant.hash(&mut parts);
        parts
    }

    /// Both in nanoseconds, wrapped around; `None` if the instant hashed anything else.
    #[inline]
    fn count(&self) -> Option<u64> {
        let seconds = self.seconds.filter(|_| !self.others)?;
        Some(seconds.wrapping_mul(1_000_000_000).wrapping_add(self.nanos?.into()))
    }

    /// Whether counts are as far apart as their instants, over carries and long times alike.
    fn are_right(origin: Instant) -> bool {
        [1, 999_999_999, 1_000_000_000, 1_300_000_007, 86_400_000_000_001].iter().all(|&apart| {
            let Some(later) = origin.checked_add(Duration::from_nanos(apart)) else { return false };
            let counts = Self::of(later).count().zip(Self::of(origin).count());
            counts.is_some_and(|(later, origin)| later.wrapping_sub(origin) == apart)
        })
    }
}

impl Hasher for Parts {
    #[inline]
    fn write_u64(&mut self, seconds: u64) {
        self.others |= self.seconds.replace(seconds).is_some();
    }

    #[inline]
    fn write_i64(&mut self, seconds: i64) {
        self.write_u64(seconds.cast_unsigned());
    }

    #[inline]
    fn write_u32(&mut self, nanos: u32) {
        self.others |= self.nanos.replace(nanos).is_some();
    }

    #[inline]
    fn write(&mut self, _: &[u8]) {
        self.others = true;
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_parts_of_an_instant_are_used_here() {
        let _ = now();
        assert_ne!(face::true_count(), UNKNOWN);
    }

    #[tokio::test(start_paused = true)]
    async fn both_ways_to_a_moment_agree_while_time_is_moved() {
        for step in [1, 999_999_999, 1, 1_000_000_000, 86_400_000_000_123] {
            let before = now();
            tokio::time::advance(Duration::from_nanos(step)).await;
            assert_eq!(now(), moment(tokio::time::Instant::now()));
            assert_eq!(now().since(before), Duration::from_nanos(step));
        }
    }

    #[test]
    fn no_moment_lies_before_the_origin() {
        let before = origin().checked_sub(Duration::from_secs(1));
        assert_eq!(before.map(by_subtraction), Some(Moment::ZERO));
    }
}
