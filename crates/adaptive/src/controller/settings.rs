//! New settings for a controller that runs, and a fresh start for what it has learnt.

use salve_core::{ConfigError, Moment};

use super::Controller;
use crate::config::{Config, Part, Parts, ROOM};
use crate::event::Event;
use crate::limit::Limit;
use crate::overtime::Overtime;
use crate::pulse::{Probing, Pulse};
use crate::quota::Quota;
use crate::work::Work;
use crate::worth::Worth;

impl Controller {
    /// Follows new settings. What it has learnt stays, and so do calls: nobody who waits or is
    /// under way is sent away.
    ///
    /// # Errors
    /// If a setting is out of bounds, or `replicas` another number than before; then nothing has
    /// changed.
    pub fn reconfigure(&mut self, config: &Config, now: Moment) -> Result<(), ConfigError> {
        config.validate()?;
        if config.replicas != self.routes.count() {
            let bound = "as many as before";
            return Err(ConfigError::new(ROOM, "replicas", config.replicas, bound));
        }
        self.parts = Parts::without(&config.off);
        self.max_attempts = config.max_attempts;
        self.ceiling = config.ceiling;
        self.queue = config.queue;
        self.probing = Probing::within(config.patience);
        self.limit.reconfigure(config.patience, config.ceiling);
        self.scopes.reconfigure(config.scopes as usize);
        self.routes.reconfigure(self.parts.has(Part::Routing));
        self.work.reconfigure(self.parts.has(Part::Refunds));
        if !self.parts.has(Part::Death) {
            self.whole = Pulse::default();
        }
        if !self.parts.has(Part::Death) || !self.parts.has(Part::Scopes) {
            self.scopes.revive();
        }
        if !self.parts.has(Part::Classes) {
            self.worth = Worth::default();
        }
        let calls = (config.ceiling + config.queue) as usize + 1;
        self.calls.reserve(calls.saturating_sub(self.calls.len()));
        self.attempts.reserve((config.ceiling as usize).saturating_sub(self.attempts.len()));
        self.acts.reserve(calls.saturating_sub(self.acts.len()));
        self.tell(Event::Reconfigured);
        self.pump(now);
        Ok(())
    }

    /// Forgets all that it has learnt, as after a dependency was replaced by another. Counts and
    /// calls stay; who waits for life is let in as there is room.
    pub fn reset(&mut self, now: Moment) {
        self.whole = Pulse::default();
        self.scopes.revive();
        self.routes.forget();
        self.limit = Limit::new(self.probing.longest, self.ceiling);
        self.quota = Quota::default();
        self.worth = Worth::default();
        self.work = Work::new(self.parts.has(Part::Refunds));
        self.overtime = Overtime::new();
        self.tell(Event::Reset);
        self.pump(now);
    }
}
