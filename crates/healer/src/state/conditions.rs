//! Applies what is observed: targets, their conditions, changes, and doubts about all of that.

use std::time::Duration;

use salve_core::Name;

use super::{Applied, MAX_NOTES, State, refuse, remember};
use crate::action::ActionResult;
use crate::phase::Phase;
use crate::plan::PlanId;
use crate::target::{Condition, Target};
use crate::time::Time;

/// More turns than any rule about flapping looks at.
const MAX_TURNS: usize = 64;

impl State {
    /// Nothing that was seen before the restart is known any more, and nobody knows what the
    /// actions have done that ran.
    pub(super) fn healer_started(&mut self, at: Time) -> Applied {
        for watched in self.targets.iter_mut() {
            if watched.condition != Condition::Disabled {
                watched.condition = Condition::Unknown;
                watched.since = at;
            }
        }
        for incident in self.incidents.values_mut().filter(|it| it.phase == Phase::Acting) {
            incident.enter(Phase::Verifying, at);
            if let Some(run) = &mut incident.run {
                run.finished = Some((at, ActionResult::Interrupted));
            }
        }
        // To undo is to put back what was; what was cut short is done again.
        for run in self.incidents.values_mut().filter_map(|it| it.run.as_mut()) {
            run.rolling = false;
        }
        for temporary in &mut self.temporary {
            temporary.begun = false;
        }
        Ok(())
    }

    pub(super) fn hang(&mut self, plan: PlanId) -> Applied {
        if self.hung.contains(&plan) {
            return refuse(format_args!("it is known that {plan} hangs"));
        }
        remember(&mut self.hung, plan, MAX_NOTES);
        Ok(())
    }

    pub(super) fn free(&mut self, plan: PlanId) -> Applied {
        let Some(at) = self.hung.iter().position(|hung| *hung == plan) else {
            return refuse(format_args!("it is not known that {plan} hangs"));
        };
        self.hung.remove(at);
        Ok(())
    }

    pub(super) fn set_target(&mut self, target: &Target, at: Time) -> Applied {
        if target.name.as_str().is_empty() {
            return refuse("a target has a name");
        }
        self.targets.set(target.clone(), at).map_err(|cycle| cycle.to_string())
    }

    pub(super) fn remove_target(&mut self, name: &Name) -> Applied {
        let about = |it: &crate::Incident| it.opening.subject.target() == Some(name);
        if self.incidents.values().any(about) {
            return refuse(format_args!("`{name}` has an incident"));
        }
        if self.targets.remove(name.as_str()) {
            Ok(())
        } else {
            refuse(format_args!("there is no target `{name}`"))
        }
    }

    pub(super) fn observe(&mut self, name: &Name, condition: Condition, at: Time) -> Applied {
        let Some(watched) = self.targets.get_mut(name.as_str()) else {
            return refuse(format_args!("there is no target `{name}`"));
        };
        if watched.condition != condition {
            watched.condition = condition;
            watched.since = at;
        }
        if condition.is_up() {
            watched.ill_since = None;
        } else if matches!(condition, Condition::Unhealthy | Condition::Failed) {
            watched.ill_since.get_or_insert(at);
        }
        // What lies between up and down, or is not known, is neither.
        if condition.is_down() && watched.down_since.is_none() {
            watched.down_since = Some(at);
            remember(&mut watched.turns, at, MAX_TURNS);
        } else if condition.is_up() && watched.down_since.take().is_some() {
            watched.came_up = Some(at);
            remember(&mut watched.turns, at, MAX_TURNS);
        }
        Ok(())
    }

    pub(super) fn see_change(&mut self, target: &Name, what: &Name, at: Time) -> Applied {
        if self.targets.get(target.as_str()).is_none() {
            return refuse(format_args!("there is no target `{target}`"));
        }
        remember(&mut self.changes, (at, target.clone(), what.clone()), MAX_NOTES);
        Ok(())
    }

    pub(super) fn doubt(&mut self, until: Time) -> Applied {
        self.doubt_until = self.doubt_until.max(until);
        Ok(())
    }

    /// What was changed last at the target or at what it needs, within this time.
    #[must_use]
    pub fn recent_change(&self, target: &str, now: Time, within: Duration) -> Option<&Name> {
        let topology = self.targets.topology();
        let concerns =
            |name: &Name| name == target || topology.required(target).any(|need| need == name);
        let mut latest = self.changes.iter().rev();
        latest
            .find(|(at, name, _)| now.since(*at) <= within && concerns(name))
            .map(|(_, _, what)| what)
    }
}
