//! What can be read of a registry; no check runs because somebody reads.

use salve_core::{Name, Reading, Sensor, Topology, Unit};

use crate::config::Config;
use crate::handle::Handle;
use crate::report::{Report, Scope, Scores, TargetStatus};
use crate::state::State;

impl Handle {
    /// What is thought of a target.
    #[must_use]
    pub fn state(&self, target: &str) -> Option<State> {
        self.status(target).map(|status| status.state)
    }

    /// Everything about one target.
    #[must_use]
    pub fn status(&self, target: &str) -> Option<TargetStatus> {
        self.with(target, |ward, slot, now, news| {
            ward.look(slot, now, news);
            TargetStatus::of(ward, slot, now)
        })
        .ok()?
    }

    /// What is known of all who have a say in `scope`. No check runs because of it.
    #[must_use]
    pub fn report(&self, scope: Scope) -> Report {
        self.0.change(|ward, now, news| {
            ward.sweep(now, news);
            Report::of(ward, scope, now)
        })
    }

    /// The scores of all and of each component, and where they are heading.
    #[must_use]
    pub fn scores(&self) -> Scores {
        self.0.change(|ward, now, news| {
            ward.sweep(now, news);
            Scores::of(ward, now)
        })
    }

    /// Who needs whom, as it is now.
    #[must_use]
    pub fn topology(&self) -> Topology {
        self.0.ward.lock().topology.clone()
    }

    /// The settings it follows.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.ward.lock().config.clone()
    }

    /// One target as a sensor and an effector.
    #[must_use]
    pub fn target(&self, target: &str) -> Option<crate::TargetHandle> {
        let ward = self.0.ward.lock();
        let name = ward.entry(ward.slot(target)?)?.config.name.clone();
        drop(ward);
        Some(crate::TargetHandle::new(self.clone(), name))
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        &self.0.name
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let all = self.report(Scope::All);
        let mut tell = |name, value| report(Reading { name, value, unit: Unit::Count });
        if let Some(score) = all.score {
            tell("health_score", f64::from(score));
        }
        let count = |states: &[State]| {
            all.targets.iter().filter(|it| states.contains(&it.state)).count() as f64
        };
        tell("targets", all.targets.len() as f64);
        tell("targets_up", count(&[State::Healthy, State::Degraded]));
        tell("targets_down", count(&[State::Unhealthy, State::Failed, State::Recovering]));
        tell("targets_unknown", count(&[State::Starting, State::Unknown]));
        tell("targets_disabled", count(&[State::Disabled]));
    }
}
