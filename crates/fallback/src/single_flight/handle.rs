//! The policy of single flight, to read and to steer while it runs.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::{
    ConfigError, Effector, Lever, Name, NoSuchLever, Observe, Reading, Sensor, Subscription, Unit,
};

use super::config::Config;
use super::event::Event;
use super::shared::{Policy, Tower};
use super::status::{Counts, Status};

/// The policy of flights. Clones are the same policy.
#[derive(Clone)]
pub struct Handle {
    pub(crate) policy: Arc<Policy>,
    pub(crate) tower: Arc<dyn Tower>,
}

const LEVERS: &[Lever] = &[
    Lever::new("pause", "lets every caller make its own call until further notice"),
    Lever::new("resume", "lets calls wait for each other again"),
];

impl Handle {
    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let (keys, waiting) = self.tower.size();
        Status { keys, waiting, is_paused: self.policy.is_paused() }
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.policy.totals.read()
    }

    /// The settings it follows.
    #[must_use]
    pub fn config(&self) -> Config {
        self.policy.config()
    }

    /// Lets every caller make its own call until [`resume`](Self::resume). Those that wait do so
    /// to the end.
    pub fn pause(&self) {
        self.policy.set_paused(true);
    }

    /// Lets calls wait for each other again.
    pub fn resume(&self) {
        self.policy.set_paused(false);
    }

    /// Follows new settings, all or nothing. Name, counts, pause and those that wait stay.
    ///
    /// # Errors
    /// If `max_keys` is another than it was made with; then nothing has changed.
    pub fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        self.policy.reconfigure(config)
    }

    /// Opens a channel that holds up to `capacity` events, and counts those that do not fit.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.policy.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.policy.events.observe(observer);
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        &self.policy.name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let (status, counts) = (self.status(), self.counts());
        for (name, value) in [
            ("keys_in_flight", status.keys as f64),
            ("calls_waiting", status.waiting as f64),
            ("shared_total", counts.shared as f64),
            ("promoted_total", counts.promoted as f64),
            ("overflowed_total", counts.overflowed as f64),
            ("shadow_shared_total", counts.shadow as f64),
        ] {
            report(Reading { name, value, unit: Unit::Count });
        }
        let paused = f64::from(u8::from(status.is_paused));
        report(Reading { name: "paused", value: paused, unit: Unit::Flag });
    }
}

impl Effector for Handle {
    fn name(&self) -> &Name {
        &self.policy.name
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        match lever {
            "pause" => self.pause(),
            "resume" => self.resume(),
            _ => return Err(NoSuchLever::new(&self.policy.name, lever)),
        }
        Ok(())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("policy", &self.policy).finish_non_exhaustive()
    }
}
