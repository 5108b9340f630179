//! Applies what happens to incidents: they are opened, rise, are told, and end.

use super::{Applied, MAX_OPEN, MAX_PAST, Past, State, refuse, remember};
use crate::hold::HoldReason;
use crate::incident::{Incident, IncidentId, Opening, Resolution, Subject};
use crate::kind::{Evidence, Severity};
use crate::phase::Phase;
use crate::record::{Escalation, Who};
use crate::time::Time;

impl State {
    pub(super) fn open(&mut self, opening: &Opening, at: Time) -> Applied {
        if opening.id.0 != self.incidents_opened + 1 {
            return refuse(format_args!("{} does not come next", opening.id));
        }
        if self.incidents.len() >= MAX_OPEN {
            return refuse("too many incidents are open");
        }
        let known = |it: &Incident| it.opening.fingerprint == opening.fingerprint;
        if let Some(known) = self.incidents.values().find(|it| known(it)) {
            return refuse(format_args!("{} is the same", known.id()));
        }
        if let Subject::Target(name) = &opening.subject {
            match self.targets.get(name.as_str()) {
                None => return refuse(format_args!("there is no target `{name}`")),
                Some(it) if it.target.witness => {
                    return refuse(format_args!("`{name}` is a witness"));
                }
                Some(_) => {}
            }
        }
        self.incidents_opened += 1;
        self.incidents.insert(opening.id, Incident::new(opening.clone(), at));
        Ok(())
    }

    pub(super) fn raise(
        &mut self,
        id: IncidentId,
        severity: Severity,
        evidence: Evidence,
    ) -> Applied {
        let incident = self.incident_mut(id)?;
        incident.opening.severity = incident.opening.severity.max(severity);
        if evidence == Evidence::Confirmed {
            incident.opening.evidence = evidence;
        }
        incident.cleared = false;
        Ok(())
    }

    pub(super) fn clear(&mut self, id: IncidentId) -> Applied {
        self.incident_mut(id)?.cleared = true;
        Ok(())
    }

    pub(super) fn resolve(
        &mut self,
        id: IncidentId,
        how: Resolution,
        by: &Who,
        at: Time,
    ) -> Applied {
        let incident = self.incident_mut(id)?;
        let phase = incident.phase;
        if !phase.may_become(Phase::Over) {
            return refuse(format_args!("{id} is {phase} and cannot end"));
        }
        let held = incident.run.as_ref().is_some_and(|run| run.held);
        if (how == Resolution::Repaired) != (phase == Phase::Soaking && held) {
            return refuse(format_args!("{id} was not repaired, or was"));
        }
        if incident.unlearned.is_some() {
            return refuse(format_args!("what {id} has proved is not learned"));
        }
        if how == Resolution::Closed && !matches!(by, Who::Person(_)) {
            return refuse("only a person closes an incident");
        }
        self.end(id, how, at)
    }

    pub(super) fn escalate(&mut self, id: IncidentId, reason: Escalation, at: Time) -> Applied {
        let incident = self.incident_mut(id)?;
        if !incident.phase.may_become(Phase::Escalated) {
            return refuse(format_args!("{id} is {} and cannot be escalated", incident.phase));
        }
        incident.enter(Phase::Escalated, at);
        incident.needs_human = Some(reason);
        let tried = incident.first_action.is_some();
        let target = incident.opening.subject.target().cloned();
        self.totals.escalated += 1;
        let watched = target.and_then(|name| self.targets.get_mut(name.as_str()));
        if let Some(watched) = watched {
            if reason.blocks_target() {
                watched.blocked = Some(id);
            }
            if tried {
                watched.repaired = Some((at, false));
            }
        }
        Ok(())
    }

    pub(super) fn acknowledge(&mut self, id: IncidentId, by: &Who, at: Time) -> Applied {
        if !matches!(by, Who::Person(_)) {
            return refuse("only a person acknowledges");
        }
        if self.incident_mut(id)?.phase != Phase::Escalated {
            return refuse(format_args!("{id} is not escalated"));
        }
        // To acknowledge also lifts the cool-down: somebody has looked.
        let target = self.incident_mut(id)?.opening.subject.target().cloned();
        self.end(id, Resolution::Closed, at)?;
        if let Some(watched) = target.and_then(|name| self.targets.get_mut(name.as_str())) {
            watched.blocked = None;
            watched.repaired = None;
        }
        Ok(())
    }

    pub(super) fn tell_overdue(&mut self, id: IncidentId) -> Applied {
        let incident = self.incident_mut(id)?;
        if incident.overdue {
            return refuse(format_args!("{id} is known to be overdue"));
        }
        incident.overdue = true;
        Ok(())
    }

    pub(super) fn hold(&mut self, id: IncidentId, reason: &HoldReason) -> Applied {
        self.incident_mut(id)?.hold = Some(reason.clone());
        self.totals.held += 1;
        Ok(())
    }

    pub(super) fn incident_mut(&mut self, id: IncidentId) -> Result<&mut Incident, String> {
        self.incidents.get_mut(&id).ok_or_else(|| format!("there is no open {id}"))
    }

    /// Moves an incident to the past; all has been checked.
    fn end(&mut self, id: IncidentId, how: Resolution, at: Time) -> Applied {
        let Some(mut incident) = self.incidents.remove(&id) else {
            return refuse(format_args!("there is no open {id}"));
        };
        let escalated = incident.phase == Phase::Escalated;
        incident.enter(Phase::Over, at);
        let total = match how {
            Resolution::Repaired => &mut self.totals.repaired,
            Resolution::ByItself => &mut self.totals.by_itself,
            Resolution::Closed => &mut self.totals.closed,
        };
        *total += 1;
        let target = incident.opening.subject.target();
        let class = target.and_then(|name| self.targets.get(name.as_str()));
        let class = class.map(|watched| watched.target.class.clone());
        if let Some(watched) = target.and_then(|name| self.targets.get_mut(name.as_str())) {
            if incident.first_action.is_some() && !escalated {
                watched.repaired = Some((at, how == Resolution::Repaired));
            }
            watched.lease = watched.lease.take().filter(|lease| !lease.ours);
        }
        let Incident { opening, opened, tried, spent, .. } = incident;
        let past = Past {
            id,
            correlation: opening.correlation,
            subject: opening.subject,
            class,
            kind: opening.kind,
            severity: opening.severity,
            since: opening.since,
            opened,
            ended: at,
            how,
            escalated,
            tried: tried.into_iter().map(|it| (it.action, it.attempts)).collect(),
            spent,
            change: opening.change,
        };
        remember(&mut self.past, past, MAX_PAST);
        Ok(())
    }
}
