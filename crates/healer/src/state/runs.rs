//! Applies what happens to plans: from the decision to the proof.

use salve_core::Name;

use super::{Applied, Held, MAX_MARKS, MAX_NOTES, State, Temporary, refuse, remember};
use crate::action::{ActionResult, Captured, Verdict};
use crate::incident::{Incident, IncidentId, Proof, Run};
use crate::phase::Phase;
use crate::plan::{Digest, Plan, PlanId};
use crate::record::{DropReason, Escalation, Who};
use crate::time::Time;

impl State {
    pub(super) fn plan(&mut self, plan: &Plan, at: Time) -> Applied {
        if plan.id.0 != self.plans_made + 1 {
            return refuse(format_args!("{} does not come next", plan.id));
        }
        let id = plan.incident;
        let incident = self.incident_mut(id)?;
        if incident.phase != Phase::Open || incident.shadowed || incident.unlearned.is_some() {
            return refuse(format_args!("{id} takes no plan"));
        }
        if incident.opening.subject.target() != Some(&plan.target) {
            return refuse(format_args!("{id} is about another target"));
        }
        if plan.enforced {
            incident.enter(waiting_for(plan), at);
            incident.hold = None;
            incident.run = Some(Run {
                plan: plan.clone(),
                approved: None,
                before: Captured::default(),
                started: None,
                finished: None,
                held: false,
                abort: false,
                harmed: false,
                rolling: false,
            });
        } else {
            incident.shadowed = true;
            self.ledger.count += 1;
            remember(&mut self.ledger.plans, plan.clone(), MAX_NOTES);
        }
        self.plans_made += 1;
        Ok(())
    }

    pub(super) fn approve(&mut self, id: PlanId, digest: Digest, by: &Who, at: Time) -> Applied {
        let incident = self.following(id, Phase::AwaitingApproval)?;
        let requester = incident.force.as_ref().map_or(&Who::Healer, |force| &force.by);
        if !matches!(by, Who::Person(_)) || by == requester {
            return refuse("a plan is approved by a person who has not asked for it");
        }
        let run = incident.run.as_mut().ok_or("there is no plan")?;
        if run.plan.digest() != digest {
            return refuse(format_args!("the approval is for another plan than {id}"));
        }
        run.approved = Some((by.clone(), at));
        incident.enter(Phase::Planned, at);
        Ok(())
    }

    pub(super) fn drop_plan(&mut self, id: PlanId, reason: DropReason, at: Time) -> Applied {
        let incident = self.incident_following(id)?;
        if !incident.phase.is_waiting() {
            return refuse(format_args!("{id} does not wait"));
        }
        let Some(run) = incident.run.take() else { return refuse("there is no plan") };
        if matches!(reason, DropReason::Denied | DropReason::Expired) {
            incident.note_try(&run.plan.action).given_up = true;
        }
        if run.plan.forced {
            incident.force = None;
        }
        incident.enter(Phase::Open, at);
        Ok(())
    }

    pub(super) fn lease(
        &mut self,
        target: &Name,
        holder: &Name,
        ours: bool,
        until: Time,
    ) -> Applied {
        let Some(watched) = self.targets.get_mut(target.as_str()) else {
            return refuse(format_args!("there is no target `{target}`"));
        };
        watched.lease = Some(Held { holder: holder.clone(), ours, until });
        Ok(())
    }

    pub(super) fn start(
        &mut self,
        id: PlanId,
        digest: Digest,
        token: u64,
        before: &Captured,
        at: Time,
    ) -> Applied {
        let incident = self.following(id, Phase::Planned)?;
        let (own, run) = (incident.id(), incident.run.as_ref().ok_or("there is no plan")?);
        let Plan { target, generation, action, delay, .. } = run.plan.clone();
        if run.plan.digest() != digest {
            return refuse(format_args!("what starts is not {id}"));
        }
        if run.plan.approval && run.approved.is_none() {
            return refuse(format_args!("{id} is not approved"));
        }
        if at < run.plan.not_before {
            return refuse(format_args!("{id} starts before its time"));
        }
        if let Some(other) = self.busy_at(&target, own) {
            return refuse(format_args!("`{target}` is being repaired for {other}"));
        }
        let Some(watched) = self.targets.get_mut(target.as_str()) else {
            return refuse(format_args!("there is no target `{target}`"));
        };
        if watched.generation != generation {
            return refuse(format_args!("`{target}` was changed since {id} was made"));
        }
        if token < watched.token {
            return refuse(format_args!("token {token} is older than {}", watched.token));
        }
        watched.token = token;
        remember(&mut watched.starts, at, MAX_MARKS);
        watched.streak = watched.streak.saturating_add(1);
        watched.last_delay = watched.last_delay.max(delay);
        remember(&mut self.starts, at, MAX_MARKS);
        self.totals.started += 1;
        let incident = self.following(id, Phase::Planned)?;
        incident.note_try(&action).attempts += 1;
        incident.first_action.get_or_insert(at);
        if let Some(run) = &mut incident.run {
            run.started = Some(at);
            run.before = before.clone();
        }
        incident.enter(Phase::Acting, at);
        Ok(())
    }

    pub(super) fn finish(&mut self, id: PlanId, result: &ActionResult, at: Time) -> Applied {
        let incident = self.following(id, Phase::Acting)?;
        let Some(run) = &mut incident.run else { return refuse("there is no plan") };
        run.finished = Some((at, result.clone()));
        let plan = run.plan.clone();
        match result {
            ActionResult::NotStarted { .. } => {
                incident.run = None;
                incident.force = None;
                incident.enter(Phase::Open, at);
            }
            ActionResult::Failed { again, .. } => {
                incident.note_try(&plan.action).given_up |= !again;
                self.has_failed(plan.incident, at);
            }
            _ => incident.enter(Phase::Verifying, at),
        }
        Ok(())
    }

    pub(super) fn verify(&mut self, id: PlanId, verdict: Verdict, at: Time) -> Applied {
        let incident = self.following(id, Phase::Verifying)?;
        let Some(run) = &incident.run else { return refuse("there is no plan") };
        let lost = run.finished.as_ref().is_some_and(|(_, result)| result.is_unknown());
        let own = incident.id();
        match verdict {
            Verdict::Recovered => incident.enter(Phase::Soaking, at),
            Verdict::NotRecovered => {
                // What may have been done, and must not be done twice, is for a person to find out.
                if lost && !run.plan.meta.idempotent && !run.plan.meta.reversible {
                    incident.needs_human = Some(Escalation::UnknownEffect);
                }
                self.has_failed(own, at);
            }
            Verdict::Inconclusive => {
                let lost = lost && !run.plan.meta.idempotent;
                let why = if lost { Escalation::UnknownEffect } else { Escalation::Inconclusive };
                incident.needs_human = Some(why);
                incident.force = None;
                incident.run = None;
                incident.enter(Phase::Open, at);
            }
        }
        Ok(())
    }

    pub(super) fn soak(&mut self, id: PlanId, held: bool, at: Time) -> Applied {
        let incident = self.following(id, Phase::Soaking)?;
        let own = incident.id();
        let Some(run) = &mut incident.run else { return refuse("there is no plan") };
        if run.held {
            return refuse(format_args!("{id} has soaked"));
        }
        if !held {
            self.has_failed(own, at);
            return Ok(());
        }
        run.held = true;
        incident.unlearned = proof(run, true, incident.phase_since);
        if let Some(until) = run.plan.meta.lasts.map(|time| at.after(time)) {
            let (plan, before) = (run.plan.clone(), run.before.clone());
            let temporary = Temporary { plan, before, until, begun: false };
            remember_temporary(&mut self.temporary, temporary);
        }
        Ok(())
    }

    pub(super) fn start_rollback(&mut self, id: PlanId) -> Applied {
        let incident = self.following(id, Phase::RollingBack)?;
        match &mut incident.run {
            Some(run) if !run.rolling => {
                run.rolling = true;
                Ok(())
            }
            _ => refuse(format_args!("{id} is being rolled back")),
        }
    }

    pub(super) fn finish_rollback(&mut self, id: PlanId, ok: bool, at: Time) -> Applied {
        let incident = self.following(id, Phase::RollingBack)?;
        let target = incident.opening.subject.target().cloned();
        incident.run = None;
        incident.force = None;
        incident.enter(Phase::Open, at);
        if ok {
            self.totals.rolled_back += 1;
            return Ok(());
        }
        incident.needs_human = Some(Escalation::RollbackFailed);
        self.totals.rollbacks_failed += 1;
        if let Some(watched) = target.and_then(|name| self.targets.get_mut(name.as_str())) {
            watched.rollback_failed = true;
        }
        Ok(())
    }

    pub(super) fn take_back(&mut self, id: PlanId) -> Applied {
        match self.temporary.iter_mut().find(|it| it.plan.id == id && !it.begun) {
            Some(temporary) => {
                temporary.begun = true;
                Ok(())
            }
            None => refuse(format_args!("{id} has left nothing to take back")),
        }
    }

    pub(super) fn expire(&mut self, id: PlanId, ok: bool) -> Applied {
        let Some(at) = self.temporary.iter().position(|it| it.plan.id == id) else {
            return refuse(format_args!("{id} has left nothing to take back"));
        };
        let temporary = self.temporary.remove(at);
        if !ok && let Some(watched) = self.targets.get_mut(temporary.plan.target.as_str()) {
            watched.rollback_failed = true;
        }
        Ok(())
    }

    /// A plan has not helped: what is known of it is to be learned, and it is undone if it can be.
    fn has_failed(&mut self, id: IncidentId, at: Time) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        let Some(run) = &incident.run else { return };
        let lost = run.finished.as_ref().is_some_and(|(_, result)| result.is_unknown());
        // What did not last was judged when its soak began, as what did.
        let judged = if incident.phase == Phase::Soaking { incident.phase_since } else { at };
        // Nothing is learned from what was cut short from outside.
        let cut = lost && !matches!(run.finished, Some((_, ActionResult::TimedOut)));
        incident.unlearned = if cut { None } else { proof(run, false, judged) };
        if run.plan.meta.reversible {
            incident.enter(Phase::RollingBack, at);
        } else {
            incident.run = None;
            incident.force = None;
            incident.enter(Phase::Open, at);
        }
    }

    /// The incident for which somebody works on this target, other than `own`.
    pub(crate) fn busy_at(&self, target: &Name, own: IncidentId) -> Option<IncidentId> {
        let mut busy = self.incidents.values().filter(|it| it.phase.is_busy() && it.id() != own);
        busy.find(|it| it.opening.subject.target() == Some(target)).map(Incident::id)
    }

    pub(super) fn incident_following(&mut self, id: PlanId) -> Result<&mut Incident, String> {
        let mut all = self.incidents.values_mut();
        let found = all.find(|it| it.run.as_ref().is_some_and(|run| run.plan.id == id));
        found.ok_or_else(|| format!("nobody follows {id}"))
    }

    fn following(&mut self, id: PlanId, phase: Phase) -> Result<&mut Incident, String> {
        let incident = self.incident_following(id)?;
        if incident.phase == phase {
            Ok(incident)
        } else {
            refuse(format_args!("{} is {}, not {phase}", incident.id(), incident.phase))
        }
    }
}

/// The newest only: each plan leaves one change at most, and many are no longer temporary.
fn remember_temporary(list: &mut Vec<Temporary>, temporary: Temporary) {
    if list.len() >= MAX_NOTES {
        list.remove(0);
    }
    list.push(temporary);
}

const fn waiting_for(plan: &Plan) -> Phase {
    if plan.approval { Phase::AwaitingApproval } else { Phase::Planned }
}

fn proof(run: &Run, success: bool, judged: Time) -> Option<Proof> {
    let took = judged.since(run.started?);
    Some(Proof { plan: run.plan.id, action: run.plan.action.clone(), success, took })
}
