//! The one file that reads a clock: tokio's for waiting and measuring, the system's for dates.
#![allow(clippy::disallowed_types, reason = "every other file asks this one")]

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Moment;

/// Moments count from this long before the first reading, so that a paused clock that lags
/// behind the one read first still yields distinct moments.
const HEAD_START: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads tokio's clock: `tokio::time::pause()` and `advance()` steer it.
#[must_use]
#[inline]
pub fn now() -> Moment {
    moment(tokio::time::Instant::now())
}

/// The moment at which tokio's clock shows `instant`.
#[must_use]
#[inline]
pub fn moment(instant: tokio::time::Instant) -> Moment {
    Moment::from_nanos(crate::moment::nanos(instant.into_std().saturating_duration_since(origin())))
}

/// The instant of tokio's clock at `moment`, for its timers.
#[must_use]
pub fn instant(moment: Moment) -> tokio::time::Instant {
    let since = Duration::from_nanos(moment.as_nanos());
    // Timers cannot hold moments centuries away; a far one is as good as never.
    let far = || Instant::now() + HEAD_START;
    tokio::time::Instant::from_std(origin().checked_add(since).unwrap_or_else(far))
}

/// The time of day as time since 1970 in UTC, for dates that come from or go to the wire.
#[must_use]
pub fn since_unix_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// How far in the future `date` lies by the time of day; zero if it has passed.
#[must_use]
pub fn until_date(date: SystemTime) -> Duration {
    date.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO)
}

#[inline]
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(|| {
        let now = Instant::now();
        now.checked_sub(HEAD_START).unwrap_or(now)
    })
}
