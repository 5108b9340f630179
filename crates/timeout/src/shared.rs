//! The limits as calls read them while they may change, and what is counted.

use std::time::Duration;

use salve_core::sync::{AtomicU64, Lock, Ordering};
use salve_core::{Enforcement, Events, Origin, Rejection, Sent, Told, clock, nanos};

use crate::config::{Config, ROOM};
use crate::event::Event;
use crate::limits::{Grant, Limit, Limits};

/// What every call under one timeout shares.
///
/// # Invariants
/// 1. The words are written only under `config`'s lock, and `version` is odd meanwhile: whoever
///    reads the same even version before and after has read limits that belong together.
/// 2. Listeners are told with no lock held.
#[derive(Debug)]
pub(crate) struct Shared {
    version: AtomicU64,
    /// In nanoseconds; the largest number is none.
    attempt: AtomicU64,
    total: AtomicU64,
    shadow: AtomicU64,
    config: Lock<Config>,
    pub(crate) origin: Origin,
    pub(crate) events: Events<Event>,
    totals: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    attempt_timeouts: AtomicU64,
    deadlines_exceeded: AtomicU64,
    refused: AtomicU64,
    shadow: AtomicU64,
}

/// What a timeout has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeoutCounts {
    /// Calls that were ended by the limit of an attempt.
    pub attempt_timeouts: u64,
    /// Calls that were ended by a deadline of the whole call, this layer's own or the caller's.
    pub deadlines_exceeded: u64,
    /// Calls whose time was over before they began, and that were not made.
    pub refused: u64,
    /// Calls that would have been ended or refused, but for shadow mode.
    pub shadow: u64,
}

const NONE: u64 = u64::MAX;

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let origin = Origin::new(ROOM, config.name.clone());
        let word = || AtomicU64::new(NONE);
        let shared = Self {
            version: AtomicU64::new(0),
            attempt: word(),
            total: word(),
            shadow: word(),
            config: Lock::new(config.clone()),
            origin,
            events: Events::default(),
            totals: Totals::default(),
        };
        shared.reconfigure(config);
        shared
    }

    pub(crate) fn reconfigure(&self, config: Config) {
        let mut current = self.config.lock();
        let store = |word: &AtomicU64, value: u64| word.store(value, Ordering::Release);
        self.version.fetch_add(1, Ordering::AcqRel);
        store(&self.attempt, config.attempt.map_or(NONE, nanos));
        store(&self.total, config.total.map_or(NONE, nanos));
        store(&self.shadow, u64::from(config.enforcement == Enforcement::Shadow));
        self.version.fetch_add(1, Ordering::AcqRel);
        *current = config;
    }

    pub(crate) fn config(&self) -> Config {
        self.config.lock().clone()
    }

    #[inline]
    pub(crate) fn limits(&self) -> Limits {
        let version = self.version.load(Ordering::Acquire);
        let read = |word: &AtomicU64| {
            let nanos = word.load(Ordering::Acquire);
            (nanos != NONE).then(|| Duration::from_nanos(nanos))
        };
        let (attempt, total) = (read(&self.attempt), read(&self.total));
        let shadow = self.shadow.load(Ordering::Acquire) == 1;
        if version % 2 == 1 || self.version.load(Ordering::Relaxed) != version {
            return self.limits_while_they_change();
        }
        let enforcement = if shadow { Enforcement::Shadow } else { Enforcement::Enforce };
        Limits { attempt, total, enforcement }
    }

    #[cold]
    fn limits_while_they_change(&self) -> Limits {
        let config = self.config.lock();
        Limits { attempt: config.attempt, total: config.total, enforcement: config.enforcement }
    }

    /// Counts and tells that the time of a call is over, and makes the rejection.
    #[cold]
    pub(crate) fn time_out(&self, grant: &Grant, sent: Sent) -> Rejection {
        let counter = match grant.limit {
            _ if grant.shadow => &self.totals.shadow,
            _ if grant.is_over() => &self.totals.refused,
            Limit::Attempt => &self.totals.attempt_timeouts,
            Limit::Call => &self.totals.deadlines_exceeded,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let Grant { deadline, began, shadow, .. } = *grant;
        let (reason, after) = (grant.reason(), deadline.since(began));
        self.tell(|| Event::TimedOut { reason, sent, after, shadow });
        let rejection = Rejection::new(&self.origin, reason);
        if sent == Sent::No { rejection } else { rejection.maybe_sent() }
    }

    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if self.events.is_listened_to() {
            let by = self.origin.name().clone();
            self.events.tell(&Told { by, key: None, at: clock::now(), event: event() });
        }
    }

    pub(crate) fn counts(&self) -> TimeoutCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TimeoutCounts {
            attempt_timeouts: read(&self.totals.attempt_timeouts),
            deadlines_exceeded: read(&self.totals.deadlines_exceeded),
            refused: read(&self.totals.refused),
            shadow: read(&self.totals.shadow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits that belong together differ by one second; a mix of two settings would not.
    #[test]
    fn no_call_sees_half_of_new_settings() {
        let pair = |seconds| {
            let attempt = Duration::from_secs(seconds);
            Config::of_attempt("test", attempt).with_total(attempt + Duration::from_secs(1))
        };
        let shared = Shared::new(pair(1));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (1..5_000).for_each(|n| shared.reconfigure(pair(n))));
            while !writer.is_finished() {
                let limits = shared.limits();
                let apart = limits.total.unwrap() - limits.attempt.unwrap();
                assert_eq!(apart, Duration::from_secs(1));
            }
        });
        assert_eq!(shared.limits().attempt, Some(Duration::from_secs(4_999)));
    }
}
