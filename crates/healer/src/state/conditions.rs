//! Applies what is observed: targets, their conditions, changes, and doubts about all of that.

use std::time::Duration;

use salve_core::{Name, Place};

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
        if target.witness {
            if target.place != Place::new() {
                let why = "is a witness and has no group, domain or dependencies";
                return refuse(format_args!("`{}` {why}", target.name));
            }
            if self.has_incident(&target.name) {
                return refuse(format_args!("`{}` has an incident", target.name));
            }
        }
        self.targets.set(target.clone(), at).map_err(|cycle| cycle.to_string())
    }

    pub(super) fn remove_target(&mut self, name: &Name) -> Applied {
        if self.has_incident(name) {
            return refuse(format_args!("`{name}` has an incident"));
        }
        if self.targets.remove(name.as_str()) {
            Ok(())
        } else {
            refuse(format_args!("there is no target `{name}`"))
        }
    }

    fn has_incident(&self, name: &Name) -> bool {
        self.incidents.values().any(|it| it.opening.subject.target() == Some(name))
    }

    pub(super) fn observe(&mut self, name: &Name, condition: Condition, at: Time) -> Applied {
        let (blind, sighted) = (self.blind.is_some(), self.sighted);
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
            if !blind {
                remember(&mut watched.turns, at, MAX_TURNS);
            }
        } else if condition.is_up()
            && let Some(since) = watched.down_since.take()
        {
            watched.came_up = Some(at);
            // Who only seemed to go down does not flap.
            if !blind && sighted != Some(since) {
                remember(&mut watched.turns, at, MAX_TURNS);
            }
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

    pub(super) fn go_blind(&mut self, at: Time) -> Applied {
        if self.blind.is_some() {
            return refuse("it is known that most witnesses fail");
        }
        self.blind = Some(at);
        Ok(())
    }

    /// Whoever seemed to go down meanwhile does so now, if it is still down: all of them together.
    pub(super) fn see_again(&mut self, until: Time, at: Time) -> Applied {
        let Some(since) = self.blind.take() else {
            return refuse("it is not known that most witnesses fail");
        };
        self.sighted = Some(at);
        for watched in self.targets.iter_mut().filter(|it| it.down_since >= Some(since)) {
            watched.down_since = Some(at);
        }
        self.doubt(until)
    }

    pub(super) fn discredit(&mut self, name: &Name) -> Applied {
        self.believe(name, false)
    }

    pub(super) fn trust(&mut self, name: &Name) -> Applied {
        self.believe(name, true)
    }

    fn believe(&mut self, name: &Name, yes: bool) -> Applied {
        match self.targets.get_mut(name.as_str()).filter(|it| it.target.witness) {
            Some(witness) if witness.discredited == yes => witness.discredited = !yes,
            Some(_) => return refuse(format_args!("that is known of `{name}`")),
            None => return refuse(format_args!("there is no witness `{name}`")),
        }
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
