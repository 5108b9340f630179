//! A controller to read and to steer.

use std::num::NonZeroUsize;

use salve_core::sync::Arc;
use salve_core::{
    ConfigError, Effector, Lever, Name, NoSuchLever, Observe, Reading, Sensor, Subscription, Unit,
};

use crate::config::Config;
use crate::event::Event;
use crate::shared::Shared;
use crate::status::{Counts, Status};

/// One controller. Clones are the same controller, and so are the layers made from it.
#[derive(Clone, Debug)]
pub struct Handle(pub(crate) Arc<Shared>);

const LEVERS: &[Lever] = &[
    Lever::reducing("close", "Takes no new calls; those that wait or are under way finish."),
    Lever::new("open", "Takes calls again."),
    Lever::new("reset", "Forgets what it has learnt."),
];

impl Handle {
    /// A controller that knows nothing yet.
    ///
    /// # Errors
    /// If a setting is out of bounds. A layer leads to one address: more than one replica is
    /// refused.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        if config.replicas != 1 {
            let bound = "1 behind a layer";
            return Err(ConfigError::new(crate::config::ROOM, "replicas", config.replicas, bound));
        }
        Ok(Self(Arc::new(Shared::new(config)?)))
    }

    /// What it holds and believes just now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.lock().controller.status()
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.lock().controller.counts()
    }

    /// The scopes that are held to be dead, as calls name them.
    #[must_use]
    pub fn dead_scopes(&self) -> Vec<u64> {
        self.0.lock().controller.dead_scopes()
    }

    /// The settings it follows now.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.lock().config.clone()
    }

    /// Follows new settings, and keeps what it has learnt and counted; the name stays. Nobody who
    /// waits or is under way is sent away.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        self.0.reconfigure(config)
    }

    /// Takes no new calls: they are refused as [`Closing`](salve_core::Reason::Closing). Those that
    /// wait or are under way finish.
    pub fn close(&self) {
        self.0.set_closed(true);
    }

    /// Takes calls again.
    pub fn open(&self) {
        self.0.set_closed(false);
    }

    /// Forgets what it has learnt, as after the dependency was replaced by another.
    pub fn reset(&self) {
        self.0.reset();
    }

    /// Opens a channel that holds up to `capacity` events, and counts those that do not fit.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.0.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.0.events.observe(observer);
    }
}

impl Effector for Handle {
    fn name(&self) -> &Name {
        self.0.origin().name()
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        match lever {
            "close" => self.close(),
            "open" => self.open(),
            "reset" => self.reset(),
            _ => return Err(NoSuchLever::new(self.0.origin().name(), lever)),
        }
        Ok(())
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        self.0.origin().name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let (status, counts) = (self.status(), self.counts());
        for (name, value, unit) in [
            ("in_use", f64::from(status.under_way), Unit::Count),
            ("overdue", f64::from(status.overdue), Unit::Count),
            ("places", status.limit, Unit::Count),
            ("waiting", f64::from(status.waiting), Unit::Count),
            ("parked", f64::from(status.parked), Unit::Count),
            ("dead", f64::from(u8::from(status.dead)), Unit::Flag),
            ("dead_scopes", f64::from(status.dead_scopes), Unit::Count),
            ("shed_level", status.shed, Unit::Count),
            ("calls_total", counts.calls as f64, Unit::Count),
            ("attempts_total", counts.attempts as f64, Unit::Count),
            ("retries_total", counts.retries as f64, Unit::Count),
            ("copies_total", counts.seconds as f64, Unit::Count),
            ("failures_total", counts.failed as f64, Unit::Count),
            ("rejected_total", counts.refusals() as f64, Unit::Count),
            ("shadow_rejected_total", counts.shadow_rejected as f64, Unit::Count),
            ("untracked_total", counts.untracked as f64, Unit::Count),
        ] {
            report(Reading { name, value, unit });
        }
    }
}
