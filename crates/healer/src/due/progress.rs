//! What is due for one incident.

use crate::action::Verdict;
use crate::choice::{candidates, is_allowed, prior};
use crate::incident::{Incident, Resolution, Run};
use crate::phase::Phase;
use crate::policy::Policy;
use crate::record::{DropReason, Escalation, Fact};
use crate::state::State;
use crate::symptom::{Symptom, symptom};
use crate::time::Time;

/// Successes after which it is known how long one takes.
const ENOUGH: usize = 5;

pub(super) fn due(
    state: &State,
    policy: &Policy,
    incident: &Incident,
    now: Time,
) -> Option<(Fact, String)> {
    let id = incident.id();
    if let Some(proof) = &incident.unlearned {
        let signature = state.signature(id)?;
        let prior = prior(policy, &signature, proof.action.as_str());
        let keep = policy.choice.keep;
        let fact = Fact::Learned { incident: id, proof: proof.clone(), prior, keep };
        let word = if proof.success { "has helped" } else { "has not helped" };
        return Some((fact, format!("`{}` {word}", proof.action)));
    }
    let symptom = symptom(state, policy, incident, now);
    let step = match (incident.phase, &incident.run) {
        (Phase::AwaitingApproval | Phase::Planned, Some(run)) => {
            over(incident, symptom).or_else(|| waiting(state, policy, incident, run, now))
        }
        (Phase::Verifying, Some(run)) => verified(state, incident, run, symptom, now),
        (Phase::Soaking, Some(run)) => {
            let believed = symptom != Symptom::Present || !state.is_in_doubt(now);
            if believed { soaked(policy, incident, run, symptom, now) } else { None }
        }
        (Phase::Open, _) => escalated(incident)
            .or_else(|| over(incident, symptom))
            .or_else(|| nothing_left(state, policy, incident, now)),
        (Phase::Escalated, _) => over(incident, symptom),
        _ => None,
    };
    let late = !incident.overdue
        && incident.phase != Phase::Escalated
        && now.since(incident.opened) >= policy.deadline;
    step.or_else(|| late.then(|| (Fact::Overdue(id), "it takes too long".to_owned())))
}

/// What went away without anything that could claim it. An order by a person stands.
fn over(incident: &Incident, symptom: Symptom) -> Option<(Fact, String)> {
    let gone = symptom == Symptom::Gone && incident.force.is_none();
    gone.then(|| {
        let fact = Fact::Resolved { incident: incident.id(), how: Resolution::ByItself };
        (fact, "the symptom is gone".to_owned())
    })
}

fn waiting(
    state: &State,
    policy: &Policy,
    incident: &Incident,
    run: &Run,
    now: Time,
) -> Option<(Fact, String)> {
    let plan = &run.plan;
    let drop = |reason, why: &str| Some((Fact::Dropped { plan: plan.id, reason }, why.to_owned()));
    let asked = run.approved.as_ref().map_or(incident.phase_since, |(_, at)| *at);
    if plan.approval && now.since(asked) >= policy.approvals.timeout {
        return drop(DropReason::Expired, "nobody has approved it in time, or used the approval");
    }
    let watched = state.targets().get(plan.target.as_str())?;
    if watched.generation != plan.generation {
        return drop(DropReason::Stale, "the target was changed since the plan was made");
    }
    if plan.delay < watched.last_delay {
        return drop(DropReason::Stale, "other attempts were made since; its wait is too short");
    }
    let signature = state.signature(incident.id())?;
    let allowed = is_allowed(state, policy, &signature, &plan.action, now) || plan.forced;
    let same = policy.actions.get(&plan.action).is_some_and(|meta| *meta == plan.meta);
    let asks = policy.needs_approval(plan.action.as_str(), &plan.meta) == plan.approval;
    if !allowed || policy.forbidden.contains(&plan.action) || !same || !asks {
        return drop(DropReason::NotAllowed, "the rules have changed since the plan was made");
    }
    None
}

fn verified(
    state: &State,
    incident: &Incident,
    run: &Run,
    symptom: Symptom,
    now: Time,
) -> Option<(Fact, String)> {
    let (finished, _) = run.finished.as_ref()?;
    let over = now.since(*finished) >= run.plan.verify_within;
    let unusual = usually_known(state, incident, run).is_some_and(|at| now >= at);
    // What was seen across a gap, and what is due because of it, is looked at again first.
    let late = (over || unusual) && !state.is_in_doubt(now);
    let (verdict, why) = match symptom {
        Symptom::Gone => (Verdict::Recovered, "the symptom is gone"),
        Symptom::Present if late => (Verdict::NotRecovered, "the symptom is still there"),
        Symptom::Unknown if late => (Verdict::Inconclusive, "nobody can tell how the target is"),
        _ => return None,
    };
    Some((Fact::Verified { plan: run.plan.id, verdict }, why.to_owned()))
}

/// From when on a success would be later than any that is remembered, by as much again: who has
/// seen enough of them need not wait for the whole time that the step allows.
fn usually_known(state: &State, incident: &Incident, run: &Run) -> Option<Time> {
    let signature = state.signature(incident.id())?;
    let arm = state.knowledge().arm(&signature, run.plan.action.as_str())?;
    let slowest = arm.times.iter().max().filter(|_| arm.times.len() >= ENOUGH)?;
    let slowest = slowest.saturating_mul(2);
    Some(run.started?.after(slowest).max(run.finished.as_ref()?.0))
}

fn soaked(
    policy: &Policy,
    incident: &Incident,
    run: &Run,
    symptom: Symptom,
    now: Time,
) -> Option<(Fact, String)> {
    if run.held {
        let fact = Fact::Resolved { incident: incident.id(), how: Resolution::Repaired };
        return Some((fact, format!("`{}` has helped, and it has lasted", run.plan.action)));
    }
    let over = now.since(incident.phase_since) >= policy.soak;
    let (held, why) = match symptom {
        Symptom::Present => (false, "the symptom has come back"),
        Symptom::Gone if over => (true, "the symptom has stayed away"),
        _ => return None,
    };
    Some((Fact::Soaked { plan: run.plan.id, held }, why.to_owned()))
}

fn escalated(incident: &Incident) -> Option<(Fact, String)> {
    let reason = match incident.needs_human {
        Some(reason) => reason,
        None if incident.opening.subject.target().is_none() => Escalation::NotOneTarget,
        None => return None,
    };
    let why = match reason {
        Escalation::NotOneTarget => "many fail together",
        Escalation::UnknownEffect => "nobody knows what an action did, and it is not repeated",
        Escalation::RollbackFailed => "an action could not be undone",
        _ => "nobody can tell whether an action helped",
    };
    Some((Fact::Escalated { incident: incident.id(), reason }, why.to_owned()))
}

fn nothing_left(
    state: &State,
    policy: &Policy,
    incident: &Incident,
    now: Time,
) -> Option<(Fact, String)> {
    if incident.force.is_some() || incident.shadowed {
        return None;
    }
    if !candidates(state, policy, incident, now).is_empty() {
        return None;
    }
    let (reason, why) = if incident.tried.is_empty() {
        (Escalation::NothingToTry, "there is nothing to try")
    } else {
        (Escalation::ChainExhausted, "everything was tried")
    };
    Some((Fact::Escalated { incident: incident.id(), reason }, why.to_owned()))
}
