//! A cache, to read and to steer while it runs, whatever it keeps.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::{
    ConfigError, Effector, Lever, Moment, Name, NoSuchLever, Observe, Reading, Sensor,
    Subscription, Unit, clock,
};

use super::config::{Config, Scope};
use super::event::Event;
use super::shared::Shared;
use super::status::{Counts, Status};
use super::store::Shelf;

/// The policy of kept answers, and the answers as a whole. Clones are the same.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shelf: Arc<dyn Shelf>,
}

const LEVERS: &[Lever] = &[
    Lever::new("clear", "forgets every kept answer"),
    Lever::new("hold", "serves what is kept without asking the source, until further notice"),
    Lever::new("release", "asks the source again"),
];

impl Handle {
    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let (entries, weight) = self.shelf.size();
        let until = self.shared.source_unreachable_until();
        let left = until.since(clock::now());
        let is_known = self.shared.terms().scope == Scope::Source && until > Moment::ZERO;
        Status {
            entries,
            weight,
            unreachable_for: (is_known && !left.is_zero()).then_some(left),
            is_held: self.shared.is_held(),
        }
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.totals.read()
    }

    /// The settings it follows.
    #[must_use]
    pub fn config(&self) -> Config {
        self.shared.config()
    }

    /// Forgets every answer. What calls in flight come to is not kept either: they may have asked
    /// before whatever made the answers wrong.
    pub fn clear(&self) {
        self.shared.next_generation();
        self.shelf.clear();
        self.shared.tell(Event::Cleared);
    }

    /// Serves what is kept and not too old without asking the source, until
    /// [`release`](Self::release). Where nothing is kept the source is still asked.
    pub fn hold(&self) {
        self.shared.set_held(true);
    }

    /// Asks the source again.
    pub fn release(&self) {
        self.shared.set_held(false);
    }

    /// Follows new settings, all or nothing. Name, counts and answers stay; calls in flight finish
    /// under the settings they began with.
    ///
    /// # Errors
    /// If a setting is out of bounds, or `max_entries` is another than it was made with; then
    /// nothing has changed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        self.shared.reconfigure(config)
    }

    /// Opens a channel that holds up to `capacity` events, and counts those that do not fit.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.shared.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.shared.events.observe(observer);
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        &self.shared.name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let (status, counts) = (self.status(), self.counts());
        for (name, value) in [
            ("cache_entries", status.entries),
            ("cache_weight", status.weight),
            ("cache_stored_total", counts.stored),
            ("primary_failures_total", counts.failed),
            ("panics_total", counts.panics),
            ("served_fresh_total", counts.served_fresh),
            ("served_failed_total", counts.served_failed),
            ("served_unreachable_total", counts.served_unreachable),
            ("served_revalidating_total", counts.served_revalidating),
            ("served_held_total", counts.served_held),
            ("nothing_kept_total", counts.nothing_kept),
            ("shadow_served_total", counts.shadow),
        ] {
            report(Reading { name, value: value as f64, unit: Unit::Count });
        }
        let flags = [("unreachable", status.unreachable_for.is_some()), ("held", status.is_held)];
        for (name, flag) in flags {
            report(Reading { name, value: f64::from(u8::from(flag)), unit: Unit::Flag });
        }
    }
}

impl Effector for Handle {
    fn name(&self) -> &Name {
        &self.shared.name
    }

    fn levers(&self) -> &'static [Lever] {
        LEVERS
    }

    fn pull(&self, lever: &str) -> Result<(), NoSuchLever> {
        match lever {
            "clear" => self.clear(),
            "hold" => self.hold(),
            "release" => self.release(),
            _ => return Err(NoSuchLever::new(&self.shared.name, lever)),
        }
        Ok(())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("shared", &self.shared).finish_non_exhaustive()
    }
}
