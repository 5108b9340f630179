//! Time that survives a restart: counted by a monotonic clock while a process lives, carried on from
//! the journal's last record by the next.

use std::time::Duration;

use salve_core::{Moment, nanos};
use serde::{Deserialize, Serialize};

/// A point in the healer's time: nanoseconds since its journal began.
///
/// Every limit, cool-down and soak is measured in it. It never runs backwards, also not across a
/// restart, and a step of the wall clock does not move it while a process lives.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// When the journal began.
    pub const ZERO: Self = Self(0);

    /// The time this many nanoseconds after the journal began.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The time this many seconds after the journal began.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the journal began.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` it is; zero if `earlier` lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This long after it.
    #[must_use]
    pub const fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(nanos(wait)))
    }
}

/// A date: milliseconds since 1970 in UTC. For people only; nothing is ever measured with it but
/// how long no healer was running.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Wall(pub u64);

/// Turns a process's moments into the healer's time.
///
/// ```
/// use salve_core::Moment;
/// use salve_healer::{Time, Timeline, Wall};
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// // The last record was written at 40 s; the new process begins five seconds later by the date.
/// let last = Some((Time::from_secs(40), Wall(90_000)));
/// let started = Moment::ZERO.after(7 * second);
/// let line = Timeline::resume(last, Wall(95_000), started);
/// assert_eq!(line.at(started.after(second)), Time::from_secs(46));
/// // A date that was set back cannot take time back.
/// assert_eq!(Timeline::resume(last, Wall(0), started).at(started), Time::from_secs(40));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    started: Moment,
    began: Time,
}

impl Timeline {
    /// Goes on after the journal's last record, or begins with zero where there is none. What lies
    /// between is measured by the dates, and is zero if the date was set back.
    #[must_use]
    pub const fn resume(last: Option<(Time, Wall)>, wall: Wall, now: Moment) -> Self {
        let began = match last {
            Some((time, at)) => time.after(Duration::from_millis(wall.0.saturating_sub(at.0))),
            None => Time::ZERO,
        };
        Self { started: now, began }
    }

    /// The healer's time at this moment of the process.
    #[must_use]
    pub const fn at(&self, now: Moment) -> Time {
        self.began.after(now.since(self.started))
    }
}
