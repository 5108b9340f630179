//! Steering a target by hand: whether it is watched, and that somebody repairs it.

use salve_core::Moment;

use crate::handle::{Handle, NoSuchTarget};
use crate::target::{Change, Rules, Target};

impl Handle {
    /// Watches a target no longer until it is enabled: it runs no check and counts nowhere.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn disable(&self, target: &str) -> Result<(), NoSuchTarget> {
        self.act(target, |target, _, now| target.disable(now))
    }

    /// Watches a disabled target again, from its start.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn enable(&self, target: &str) -> Result<(), NoSuchTarget> {
        self.act(target, |target, rules, now| target.enable(rules, now))
    }

    /// Says that somebody repairs the target: failures do not count for a while.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn begin_recovery(&self, target: &str) -> Result<(), NoSuchTarget> {
        self.act(target, |target, _, now| target.begin_recovery(now))
    }

    /// Says that the repair has not helped. That it has is for the checks to say.
    ///
    /// # Errors
    /// If there is no target of that name.
    pub fn fail_recovery(&self, target: &str) -> Result<(), NoSuchTarget> {
        self.act(target, |target, _, now| target.fail_recovery(now))
    }

    fn act(
        &self,
        target: &str,
        step: impl FnOnce(&mut Target, &Rules, Moment) -> Option<Change>,
    ) -> Result<(), NoSuchTarget> {
        self.with(target, |ward, slot, now, news| {
            ward.act(slot, now, news, |target, rules| step(target, rules, now));
        })?;
        self.0.nudge();
        Ok(())
    }
}
