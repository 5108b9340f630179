//! Applies what stops the healer and sets it going again: people's acts, and its own brakes.

use std::collections::VecDeque;

use salve_core::Name;
use serde::{Deserialize, Serialize};

use super::{Applied, State, refuse};
use crate::action::Captured;
use crate::incident::{Force, IncidentId, Subject};
use crate::phase::Phase;
use crate::plan::{Plan, PlanId};
use crate::record::{Harm, Scope, Who, Window};
use crate::state::Signature;
use crate::time::Time;

/// Pauses and windows at most, so that nobody fills the memory with them.
const MAX_NAMES: usize = 1_024;

/// Many fail together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storming {
    /// Who.
    pub scope: Subject,
    /// Since when.
    pub since: Time,
}

/// An action that is not used for incidents like some that it did not help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// For which incidents.
    pub signature: Signature,
    /// The action.
    pub action: Name,
    /// Until when.
    pub until: Time,
}

/// A change that is to be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Temporary {
    /// The plan that made it.
    pub plan: Plan,
    /// The state before it.
    pub before: Captured,
    /// When.
    pub until: Time,
    /// Whether that has begun.
    pub begun: bool,
}

/// What would have been done, had the rules not been on trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// How many plans there were in all.
    pub count: u64,
    /// The last of them.
    pub plans: VecDeque<Plan>,
}

/// What was switched off goes on again only by somebody's explicit act.
fn not_the_healer(by: &Who) -> Applied {
    if matches!(by, Who::Healer) {
        return refuse("the healer does not lift what stops it");
    }
    Ok(())
}

fn a_person(by: &Who) -> Applied {
    if matches!(by, Who::Person(_)) { Ok(()) } else { refuse("only a person can do that") }
}

impl State {
    pub(super) fn disable(&mut self) -> Applied {
        self.disabled = true;
        Ok(())
    }

    pub(super) fn enable(&mut self, by: &Who) -> Applied {
        a_person(by)?;
        self.disabled = false;
        Ok(())
    }

    pub(super) fn pause(&mut self, holder: &Name, scope: &Scope) -> Applied {
        if self.pauses.len() >= MAX_NAMES {
            return refuse("too many have paused it");
        }
        self.pauses.insert(holder.clone(), scope.clone());
        Ok(())
    }

    pub(super) fn resume(&mut self, holder: &Name, by: &Who) -> Applied {
        not_the_healer(by)?;
        match self.pauses.shift_remove(holder.as_str()) {
            Some(_) => Ok(()),
            None => refuse(format_args!("`{holder}` has not paused it")),
        }
    }

    pub(super) fn set_window(&mut self, window: &Window, at: Time) -> Applied {
        if window.from >= window.until {
            return refuse("a window begins before it ends");
        }
        self.windows.retain(|_, known| known.until > at);
        if self.windows.len() >= MAX_NAMES {
            return refuse("there are too many windows");
        }
        self.windows.insert(window.name.clone(), window.clone());
        Ok(())
    }

    pub(super) fn remove_window(&mut self, name: &Name) -> Applied {
        match self.windows.shift_remove(name.as_str()) {
            Some(_) => Ok(()),
            None => refuse(format_args!("there is no window `{name}`")),
        }
    }

    pub(super) fn force(&mut self, id: IncidentId, force: &Force, by: &Who) -> Applied {
        a_person(by)?;
        if force.by != *by {
            return refuse("an order is given in one's own name");
        }
        let incident = self.incident_mut(id)?;
        if incident.phase != Phase::Open {
            return refuse(format_args!("{id} is {}", incident.phase));
        }
        incident.force = Some(force.clone());
        incident.shadowed = false;
        incident.needs_human = None;
        Ok(())
    }

    pub(super) fn ask_abort(&mut self, plan: PlanId, by: &Who) -> Applied {
        not_the_healer(by)?;
        let incident = self.incident_following(plan)?;
        match &mut incident.run {
            Some(run) if incident.phase == Phase::Acting => {
                run.abort = true;
                Ok(())
            }
            _ => refuse(format_args!("{plan} does not run")),
        }
    }

    pub(super) fn ask_rollback(&mut self, plan: PlanId, by: &Who, at: Time) -> Applied {
        let harmed = self.harm.as_ref().is_some_and(|harm| harm.plan == plan);
        if !harmed {
            not_the_healer(by)?;
        }
        let incident = self.incident_following(plan)?;
        let can = incident.plan().is_some_and(|plan| plan.meta.reversible);
        if !can || !matches!(incident.phase, Phase::Verifying | Phase::Soaking) {
            return refuse(format_args!("{plan} cannot be rolled back now"));
        }
        incident.enter(Phase::RollingBack, at);
        incident.unlearned = None;
        Ok(())
    }

    pub(super) fn unblock(&mut self, target: &Name, by: &Who) -> Applied {
        a_person(by)?;
        let Some(watched) = self.targets.get_mut(target.as_str()) else {
            return refuse(format_args!("there is no target `{target}`"));
        };
        watched.repaired = None;
        watched.blocked = None;
        watched.rollback_failed = false;
        Ok(())
    }

    pub(super) fn trip_kill_switch(&mut self) -> Applied {
        if self.killed {
            return refuse("the kill switch has tripped");
        }
        self.killed = true;
        Ok(())
    }

    /// What has failed until now has been looked at, and no longer counts.
    pub(super) fn reset_kill_switch(&mut self, by: &Who) -> Applied {
        a_person(by)?;
        self.killed = false;
        self.outcomes.clear();
        Ok(())
    }

    pub(super) fn begin_storm(&mut self, scope: &Subject, at: Time) -> Applied {
        if self.storms.iter().any(|storm| storm.scope == *scope) {
            return refuse("that storm is known");
        }
        self.storms.push(Storming { scope: scope.clone(), since: at });
        Ok(())
    }

    pub(super) fn end_storm(&mut self, scope: &Subject) -> Applied {
        let Some(at) = self.storms.iter().position(|storm| storm.scope == *scope) else {
            return refuse("there is no such storm");
        };
        self.storms.remove(at);
        Ok(())
    }

    /// The plan that did it is undone if it can be.
    pub(super) fn harm(&mut self, harm: &Harm, at: Time) -> Applied {
        if self.harm.is_some() {
            return refuse("harm is known");
        }
        let incident = self.incident_following(harm.plan)?;
        let can = incident.plan().is_some_and(|plan| plan.meta.reversible);
        if let Some(run) = &mut incident.run {
            run.harmed = true;
        }
        if can && matches!(incident.phase, Phase::Verifying | Phase::Soaking) {
            incident.enter(Phase::RollingBack, at);
        }
        self.harm = Some(harm.clone());
        Ok(())
    }

    pub(super) fn end_harm(&mut self) -> Applied {
        match self.harm.take() {
            Some(_) => Ok(()),
            None => refuse("no harm is known"),
        }
    }

    pub(super) fn suspend(&mut self, signature: &Signature, action: &Name, until: Time) -> Applied {
        self.knowledge.forget_failures(signature, action.as_str());
        let same = |it: &Suspension| it.signature == *signature && it.action == *action;
        self.suspended.retain(|it| !same(it));
        let (signature, action) = (signature.clone(), action.clone());
        self.suspended.push(Suspension { signature, action, until });
        Ok(())
    }

    pub(super) fn reinstate(&mut self, action: &Name, by: &Who) -> Applied {
        a_person(by)?;
        self.suspended.retain(|it| it.action != *action);
        Ok(())
    }

    pub(super) fn settle(&mut self, target: &Name) -> Applied {
        let Some(watched) = self.targets.get_mut(target.as_str()) else {
            return refuse(format_args!("there is no target `{target}`"));
        };
        watched.streak = 0;
        watched.last_delay = std::time::Duration::ZERO;
        watched.blocked = None;
        Ok(())
    }
}
