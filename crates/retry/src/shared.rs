//! What every call through one policy shares: settings, budget, counters, listeners.

use std::sync::Arc;

use salve_core::sync::{AtomicU64, Lock, Ordering};
use salve_core::{Budget, Events, Moment, Origin, Told, nanos};

use crate::config::{Config, ROOM};
use crate::event::Event;
use crate::status::Totals;

/// What stays while settings come and go.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) totals: Totals,
    pub(crate) origin: Origin,
    pub(crate) events: Events<Event>,
}

impl Policy {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        let origin = Origin::new(ROOM, config.name.clone());
        Arc::new(Self { totals: Totals::default(), origin, events: Events::default() })
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
        let timed = config.total_deadline.is_some() || config.attempt_timeout.is_some();
        let needs_clock = timed || budget.as_ref().is_some_and(Budget::counts_calls);
        let tells_success = budget.as_ref().is_some_and(Budget::counts_successes);
        let (shortest_wait, _) = config.backoff.bounds(1, None);
        let shortest_wait = nanos(shortest_wait);
        let key = None;
        Self { policy, config, budget, key, timed, needs_clock, tells_success, shortest_wait }
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
