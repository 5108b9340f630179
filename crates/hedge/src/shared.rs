//! What every call through one policy shares: settings, meter, budget, counters, listeners.

use salve_core::sync::{Arc, AtomicBool, AtomicU64, Lock, Ordering};
use salve_core::{Budget, Enforcement, Events, Moment, Name, Told, nanos};

use crate::config::{Config, Delay};
use crate::event::Event;
use crate::meter::Meter;
use crate::status::Totals;

/// What stays while settings come and go.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: Name,
    pub(crate) totals: Totals,
    pub(crate) events: Events<Event>,
    paused: AtomicBool,
}

impl Policy {
    /// Tells the listeners, if there are any.
    pub(crate) fn tell(&self, at: Moment, event: Event) {
        if self.events.is_listened_to() {
            self.events.tell(&Told { by: self.name.clone(), key: None, at, event });
        }
    }

    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Says whether that was a change.
    pub(crate) fn set_paused(&self, paused: bool) -> bool {
        self.paused.swap(paused, Ordering::Relaxed) != paused
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
}

impl Setup {
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
        let policy = Arc::new(Policy {
            name: config.name.clone(),
            totals: Totals::default(),
            events: Events::default(),
            paused: AtomicBool::new(false),
        });
        let setup = setup(Arc::clone(&policy), config, budget, None);
        Self { version: AtomicU64::new(0), setup: Lock::new(Arc::new(setup)), policy }
    }

    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.lock())
    }

    /// Puts other settings or another budget in the place of the present ones. What was measured
    /// stays as long as the delay is a quantile.
    pub(crate) fn change(
        &self,
        at: Moment,
        change: impl FnOnce(&Setup) -> (Config, Option<Budget>),
    ) {
        let mut present = self.setup.lock();
        let (config, budget) = change(&present);
        if let (Some(meter), Delay::Quantile(settings)) = (&present.meter, config.delay) {
            meter.reconfigure(settings, at);
        }
        let meter = present.meter.clone();
        *present = Arc::new(setup(Arc::clone(&self.policy), config, budget, meter));
        self.version.fetch_add(1, Ordering::Release);
        drop(present);
        self.policy.tell(at, Event::Reconfigured);
    }
}

fn setup(
    policy: Arc<Policy>,
    config: Config,
    budget: Option<Budget>,
    meter: Option<Arc<Meter>>,
) -> Setup {
    let meter = match config.delay {
        Delay::Fixed(_) => None,
        Delay::Quantile(settings) => meter.or_else(|| Some(Arc::new(Meter::new(settings)))),
    };
    let shadow = config.enforcement == Enforcement::Shadow;
    Setup { policy, config, budget, meter, shadow }
}
