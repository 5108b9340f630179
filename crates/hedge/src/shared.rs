//! What every call through one policy shares: settings, meter, budget, counters, listeners.

use std::time::Duration;

use salve_core::sync::{Arc, AtomicBool, AtomicU64, Lock, Ordering};
use salve_core::{Budget, Enforcement, Events, Moment, Name, Told, nanos};

use crate::config::{Config, Delay};
use crate::event::Event;
use crate::meter::Meter;
use crate::status::{Status, Totals};

/// What stays while settings come and go.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: Name,
    pub(crate) totals: Totals,
    pub(crate) events: Events<Event>,
    paused: AtomicBool,
}

impl Policy {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            name: config.name.clone(),
            totals: Totals::default(),
            events: Events::default(),
            paused: AtomicBool::new(false),
        })
    }

    /// Tells the listeners, if there are any.
    pub(crate) fn tell(&self, key: Option<&str>, at: Moment, event: Event) {
        if self.events.is_listened_to() {
            let (by, key) = (self.name.clone(), key.map(str::to_owned));
            self.events.tell(&Told { by, key, at, event });
        }
    }

    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Pauses or resumes, and tells of it if that is new.
    pub(crate) fn set_paused(&self, paused: bool, at: Moment) {
        if self.paused.swap(paused, Ordering::Relaxed) != paused {
            self.tell(None, at, if paused { Event::Paused } else { Event::Resumed });
        }
    }
}

/// The settings that a call begins and ends with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) policy: Arc<Policy>,
    pub(crate) config: Config,
    pub(crate) budget: Option<Budget>,
    /// Only where the delay follows the latency.
    pub(crate) meter: Option<Arc<Meter>>,
    pub(crate) shadow: bool,
    /// Whose setup it is, where each key has its own.
    key: Option<Box<str>>,
}

impl Setup {
    pub(crate) fn new(
        policy: Arc<Policy>,
        config: Config,
        budget: Option<Budget>,
        key: Option<Box<str>>,
    ) -> Self {
        Self::with_meter(policy, config, budget, None, key)
    }

    fn with_meter(
        policy: Arc<Policy>,
        config: Config,
        budget: Option<Budget>,
        meter: Option<Arc<Meter>>,
        key: Option<Box<str>>,
    ) -> Self {
        let meter = match config.delay {
            Delay::Fixed(_) => None,
            Delay::Quantile(settings) => meter.or_else(|| Some(Arc::new(Meter::new(settings)))),
        };
        let shadow = config.enforcement == Enforcement::Shadow;
        Self { policy, config, budget, meter, shadow, key }
    }

    /// The same with other settings or another budget. What was measured stays as long as the
    /// delay is a quantile.
    pub(crate) fn changed(&self, config: Config, budget: Option<Budget>, at: Moment) -> Self {
        if let (Some(meter), Delay::Quantile(settings)) = (&self.meter, config.delay) {
            meter.reconfigure(settings, at);
        }
        let (policy, meter) = (Arc::clone(&self.policy), self.meter.clone());
        Self::with_meter(policy, config, budget, meter, self.key.clone())
    }

    /// Tells the listeners of the policy, if there are any.
    pub(crate) fn tell(&self, at: Moment, event: Event) {
        self.policy.tell(self.key.as_deref(), at, event);
    }

    /// How it stands at `now`.
    pub(crate) fn status(&self, now: Moment) -> Status {
        let measured = self.meter.as_ref().map(|meter| meter.measured(now)).unwrap_or_default();
        Status {
            delay: self.delay(now).map(Duration::from_nanos),
            quantile: measured.quantile.map(Duration::from_nanos),
            answered: measured.answered,
            cut_short: measured.cut_short,
            paused: self.policy.is_paused(),
        }
    }

    /// How long to wait for a call that begins at `now`, in nanoseconds; `None` while too little
    /// was measured.
    #[inline]
    pub(crate) fn delay(&self, now: Moment) -> Option<u64> {
        match (&self.meter, &self.config.delay) {
            (Some(meter), _) => meter.delay(now),
            (None, Delay::Fixed(delay)) => Some(nanos(*delay)),
            (None, Delay::Quantile(_)) => None,
        }
    }
}

/// A policy that any number of threads may use.
///
/// # Invariants
/// 1. `version` is written under the lock, after the setup: whoever has seen a version finds a
///    setup at least as new.
/// 2. Listeners are told after the lock is released.
/// 3. A setup has a meter if, and only if, its delay is a quantile.
#[derive(Debug)]
pub(crate) struct Shared {
    version: AtomicU64,
    setup: Lock<Arc<Setup>>,
    pub(crate) policy: Arc<Policy>,
}

impl Shared {
    pub(crate) fn new(config: Config, budget: Option<Budget>) -> Self {
        let policy = Policy::new(&config);
        let setup = Setup::new(Arc::clone(&policy), config, budget, None);
        Self { version: AtomicU64::new(0), setup: Lock::new(Arc::new(setup)), policy }
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
        let mut present = self.setup.lock();
        let (config, budget) = change(&present);
        *present = Arc::new(present.changed(config, budget, at));
        self.version.fetch_add(1, Ordering::Release);
        drop(present);
        self.policy.tell(None, at, Event::Reconfigured);
    }
}
