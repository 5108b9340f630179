//! The limits as calls read them while they may change, and what is counted.

use salve_core::sync::{AtomicU64, Lock, Ordering};
use salve_core::{Enforcement, Events, Origin, Rejection, Sent, Told, clock};

use crate::config::{Config, ROOM};
use crate::event::Event;
use crate::limits::{Grant, Limit, Limits, Span};

/// What every call under one timeout shares.
///
/// # Invariants
/// 1. The words are written only under `config`'s lock, and `version` is odd meanwhile: whoever
///    reads the same even version before and after has read limits that belong together. Its
///    second bit says whether they are only a shadow.
/// 2. Listeners are told with no lock held.
#[derive(Debug)]
pub(crate) struct Shared {
    version: AtomicU64,
    attempt: AtomicU64,
    total: AtomicU64,
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

const CHANGING: u64 = 1;
const SHADOW: u64 = 2;
const NEXT: u64 = 4;

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let origin = Origin::new(ROOM, config.name.clone());
        let word = || AtomicU64::new(0);
        let shared = Self {
            version: AtomicU64::new(0),
            attempt: word(),
            total: word(),
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
        let version = self.version.fetch_or(CHANGING, Ordering::AcqRel) & !(CHANGING | SHADOW);
        store(&self.attempt, Span::of(config.attempt).0);
        store(&self.total, Span::of(config.total).0);
        let shadow = if config.enforcement == Enforcement::Shadow { SHADOW } else { 0 };
        store(&self.version, (version + NEXT) | shadow);
        *current = config;
    }

    pub(crate) fn config(&self) -> Config {
        self.config.lock().clone()
    }

    #[inline]
    pub(crate) fn limits(&self) -> Limits {
        let version = self.version.load(Ordering::Acquire);
        let attempt = Span(self.attempt.load(Ordering::Acquire));
        let total = Span(self.total.load(Ordering::Acquire));
        if version & CHANGING != 0 || self.version.load(Ordering::Relaxed) != version {
            return self.limits_while_they_change();
        }
        Limits { attempt, total, shadow: version & SHADOW != 0 }
    }

    #[cold]
    fn limits_while_they_change(&self) -> Limits {
        let config = self.config.lock();
        let shadow = config.enforcement == Enforcement::Shadow;
        Limits { attempt: Span::of(config.attempt), total: Span::of(config.total), shadow }
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
    use std::time::Duration;

    use super::*;

    /// Limits that belong together differ by one second; a mix of two settings would not.
    #[test]
    fn no_call_sees_half_of_new_settings() {
        let second = Duration::from_secs(1);
        let pair = |seconds| {
            let attempt = Duration::from_secs(seconds);
            Config::of_attempt("test", attempt).with_total(attempt + second)
        };
        let shared = Shared::new(pair(1));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (1..300_000).for_each(|n| shared.reconfigure(pair(n))));
            while !writer.is_finished() {
                let limits = shared.limits();
                let apart = limits.total.0 - limits.attempt.0;
                assert_eq!(Duration::from_nanos(apart), second);
            }
        });
        assert_eq!(shared.limits().attempt, Span::of(Some(299_999 * second)));
    }
}
