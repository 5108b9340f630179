//! What every call through one policy shares: settings, budget, counters, listeners.

use std::sync::Arc;

use salve_core::sync::{AtomicBool, AtomicU64, Lock, Ordering};
use salve_core::{Budget, Enforcement, Events, Moment, Origin, Told, nanos};

use crate::config::{Config, ROOM};
use crate::event::Event;
use crate::status::Totals;

/// What stays while settings come and go.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) totals: Totals,
    pub(crate) origin: Origin,
    pub(crate) events: Events<Event>,
    paused: AtomicBool,
}

impl Policy {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        let origin = Origin::new(ROOM, config.name.clone());
        let (totals, events) = (Totals::default(), Events::default());
        Arc::new(Self { totals, origin, events, paused: AtomicBool::new(false) })
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Pauses or resumes, and tells of it if that is new.
    pub(crate) fn set_paused(&self, paused: bool, at: Moment) {
        if self.paused.swap(paused, Ordering::Relaxed) != paused {
            self.tell(None, at, if paused { Event::Paused } else { Event::Resumed });
        }
    }

    /// Tells the listeners, if there are any.
    pub(crate) fn tell(&self, key: Option<&str>, at: Moment, event: Event) {
        if self.events.is_listened_to() {
            let (by, key) = (self.origin.name().clone(), key.map(str::to_owned));
            self.events.tell(&Told { by, key, at, event });
        }
    }
}

/// The settings that a call begins and ends with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) policy: Arc<Policy>,
    pub(crate) config: Config,
    pub(crate) budget: Option<Budget>,
    /// The budget that calls are counted in: none in shadow mode.
    pub(crate) counting: Option<Budget>,
    pub(crate) shadow: bool,
    /// How many attempts may follow the first. In shadow mode as many as anybody likes, so that
    /// retries further in are left alone.
    pub(crate) further_attempts: u32,
    /// Whose setup it is, where each key has its own.
    key: Option<Box<str>>,
    /// Whether attempts are cut off.
    pub(crate) timed: bool,
    /// Whether every call needs the time.
    pub(crate) needs_clock: bool,
    /// Whether the budget is to be told of successes.
    pub(crate) tells_success: bool,
    /// The shortest wait before the first retry in nanoseconds, which every call asks for.
    pub(crate) shortest_wait: u64,
}

impl Setup {
    pub(crate) fn new(policy: Arc<Policy>, config: Config, budget: Option<Budget>) -> Self {
        let shadow = config.enforcement == Enforcement::Shadow;
        let counting = budget.clone().filter(|_| !shadow);
        let limits = config.total_deadline.is_some() || config.attempt_timeout.is_some();
        let timed = limits && !shadow;
        let (shortest_wait, _) = config.backoff.bounds(1, None);
        Self {
            needs_clock: timed || counting.as_ref().is_some_and(Budget::counts_calls),
            tells_success: counting.as_ref().is_some_and(Budget::counts_successes),
            further_attempts: if shadow { u32::MAX } else { config.max_attempts - 1 },
            // No attempt follows, and so no request is kept for one.
            shortest_wait: if shadow { u64::MAX } else { nanos(shortest_wait) },
            key: None,
            policy,
            config,
            budget,
            counting,
            shadow,
            timed,
        }
    }

    /// The same for one key.
    pub(crate) fn of_key(mut self, key: Option<Box<str>>) -> Self {
        self.key = key;
        self
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Tells the listeners of the policy, if there are any.
    pub(crate) fn tell(&self, at: Moment, event: Event) {
        self.policy.tell(self.key(), at, event);
    }
}

/// A policy that any number of threads may use.
///
/// # Invariants
/// 1. `version` is written under the lock, after the setup: whoever has seen a version finds a
///    setup at least as new.
/// 2. Listeners are told after the lock is released.
#[derive(Debug)]
pub(crate) struct Shared {
    version: AtomicU64,
    setup: Lock<Arc<Setup>>,
    pub(crate) policy: Arc<Policy>,
}

impl Shared {
    pub(crate) fn new(config: Config, budget: Option<Budget>) -> Self {
        let policy = Policy::new(&config);
        let setup = Arc::new(Setup::new(Arc::clone(&policy), config, budget));
        Self { version: AtomicU64::new(0), setup: Lock::new(setup), policy }
    }

    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.lock())
    }

    /// Puts other settings or another budget in the place of the present ones.
    pub(crate) fn change(
        &self,
        at: Moment,
        change: impl FnOnce(&Setup) -> (Config, Option<Budget>),
    ) {
        let mut setup = self.setup.lock();
        let (config, budget) = change(&setup);
        *setup = Arc::new(Setup::new(Arc::clone(&self.policy), config, budget));
        self.version.fetch_add(1, Ordering::Release);
        drop(setup);
        self.policy.tell(None, at, Event::Reconfigured);
    }
}
