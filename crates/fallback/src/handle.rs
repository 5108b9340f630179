//! The policy of a chain, to read and to steer while it runs.

use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::{
    ConfigError, Effector, Lever, Name, NoSuchLever, Observe, Reading, Sensor, Subscription, Unit,
};

use crate::config::Config;
use crate::event::Event;
use crate::shared::Policy;
use crate::status::Counts;

/// The policy of one or more chains. Clones are the same policy.
#[derive(Clone, Debug)]
pub struct Handle(pub(crate) Arc<Policy>);

const LEVERS: &[Lever] = &[
    Lever::reducing("pause", "gives failures to the callers until further notice"),
    Lever::new("resume", "tries alternatives again"),
];

impl Handle {
    /// A policy of which chains can be made with [`Chain::with_handle`](crate::Chain::with_handle).
    ///
    /// # Errors
    /// If a setting is out of bounds, which no value of today's settings is.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Policy::new(config))))
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }

    /// The settings it follows.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.config()
    }

    /// Whether failures go to the callers.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.word().is_paused()
    }

    /// Gives failures to the callers until [`resume`](Self::resume). Calls that have failed before
    /// it keep their alternatives.
    pub fn pause(&self) {
        self.0.set_paused(true);
    }

    /// Tries alternatives again.
    pub fn resume(&self) {
        self.0.set_paused(false);
    }

    /// Follows new settings. Name, counts and pause stay; a call that has failed goes through its
    /// alternatives under the settings it failed with.
    ///
    /// # Errors
    /// As with [`new`](Self::new); then nothing has changed.
    pub fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        self.0.reconfigure(config);
        Ok(())
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

impl Sensor for Handle {
    fn name(&self) -> &Name {
        &self.0.name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let counts = self.counts();
        for (name, value) in [
            ("primary_failures_total", counts.failed),
            ("panics_total", counts.panics),
            ("alternatives_answered_total", counts.answered),
            ("exhausted_total", counts.exhausted),
            ("shadow_fallbacks_total", counts.shadow),
        ] {
            report(Reading { name, value: value as f64, unit: Unit::Count });
        }
        let paused = f64::from(u8::from(self.is_paused()));
        report(Reading { name: "paused", value: paused, unit: Unit::Flag });
    }
}

impl Effector for Handle {
    fn name(&self) -> &Name {
        &self.0.name
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        match lever {
            "pause" => self.pause(),
            "resume" => self.resume(),
            _ => return Err(NoSuchLever::new(&self.0.name, lever)),
        }
        Ok(())
    }
}
