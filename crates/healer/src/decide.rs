//! The decision: one next thing to do, or why nothing is done. Pure, so that it can be made again.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use salve_core::{Name, nanos};

use crate::choice::{Candidate, candidates, rank};
use crate::gates::{Look, Work, pass};
use crate::hold::{Hold, HoldReason};
use crate::incident::Incident;
use crate::meta::ActionMeta;
use crate::phase::Phase;
use crate::plan::{Odds, Plan, PlanId};
use crate::policy::Policy;
use crate::state::{State, Watched};
use crate::strategy::Step;
use crate::symptom::{Symptom, symptom};
use crate::time::Time;

/// The next thing to do. Whoever does it writes it down first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A plan was made: [`Fact::Planned`](crate::Fact::Planned).
    Plan(Box<Plan>),
    /// A plan may start now, once the lease is granted:
    /// [`Fact::ActionStarted`](crate::Fact::ActionStarted).
    Start(PlanId),
    /// An action is to be undone: [`Fact::RollbackStarted`](crate::Fact::RollbackStarted).
    RollBack(PlanId),
    /// A temporary change is to be taken back: [`Fact::TakingBack`](crate::Fact::TakingBack).
    TakeBack(PlanId),
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What to do; nothing means that all is done or held.
    pub next: Option<Next>,
    /// What is held, and why, as far as was looked: all of it if there is nothing to do.
    pub holds: Vec<Hold>,
}

impl Decision {
    /// Holds whose reason was not yet told: [`Fact::Held`](crate::Fact::Held).
    pub fn news<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Hold> {
        self.holds.iter().filter(|hold| {
            let told = state.incident(hold.incident).and_then(|incident| incident.hold.as_ref());
            !told.is_some_and(|told| told.is_like(&hold.reason))
        })
    }

    /// When a reason that is known to end does so first.
    #[must_use]
    pub fn wake(&self) -> Option<Time> {
        self.holds.iter().filter_map(|hold| hold.reason.until()).min()
    }
}

/// Decides what to do next.
///
/// The same state, policy, time and seed give the same decision. Undoing comes first and is never
/// held. Then incidents in this order: ordered by a person, graver, of higher priority, nearer to
/// the root of the dependencies, older. Ask [`due`](crate::due()) before, until it has nothing to say.
pub fn decide(state: &State, policy: &Policy, now: Time, rng: &mut fastrand::Rng) -> Decision {
    decide_beside(state, policy, now, rng, |_| false)
}

/// As [`decide`], while some plans are being prepared: their lease is asked for, their precheck runs.
///
/// Nothing is said of those. All gates are asked again by [`may_start`] once they are ready.
pub fn decide_beside(
    state: &State,
    policy: &Policy,
    now: Time,
    rng: &mut fastrand::Rng,
    preparing: impl Fn(PlanId) -> bool,
) -> Decision {
    let mut decision = Decision { next: undo(state, now), holds: Vec::new() };
    if decision.next.is_some() {
        return decision;
    }
    let work = Work::of(state);
    let idle = |it: &&Incident| !it.plan().is_some_and(|plan| preparing(plan.id));
    for incident in in_order(state).into_iter().filter(idle) {
        let view = View { state, policy, now, work: &work };
        match consider(view, incident, rng) {
            Some(Ok(next)) => {
                decision.next = Some(next);
                break;
            }
            Some(Err(reason)) => decision.holds.push(Hold { incident: incident.id(), reason }),
            None => {}
        }
    }
    decision
}

/// Whether a plan that was prepared may start now: every gate is asked again.
///
/// # Errors
/// The reason why not; none if there is nothing left to do, or the plan no longer waits.
pub fn may_start(
    state: &State,
    policy: &Policy,
    now: Time,
    plan: PlanId,
) -> Result<(), Option<HoldReason>> {
    let incident = state.incident_of(plan).filter(|it| it.phase.is_waiting()).ok_or(None)?;
    let view = View { state, policy, now, work: &Work::of(state) };
    // A plan that waits is not made anew, so nothing is drawn.
    match consider(view, incident, &mut fastrand::Rng::with_seed(0)) {
        Some(Ok(_)) => Ok(()),
        Some(Err(reason)) => Err(Some(reason)),
        None => Err(None),
    }
}

fn undo(state: &State, now: Time) -> Option<Next> {
    let rolling = |it: &&Incident| {
        it.phase == Phase::RollingBack && it.run.as_ref().is_some_and(|run| !run.rolling)
    };
    if let Some(plan) = state.incidents().find(rolling).and_then(Incident::plan) {
        return Some(Next::RollBack(plan.id));
    }
    let busy = |target: &Name| {
        let at_it = |it: &Incident| it.phase.is_busy() || it.phase == Phase::Soaking;
        state.incidents().any(|it| at_it(it) && it.opening.subject.target() == Some(target))
    };
    let due = |it: &&crate::state::Temporary| !it.begun && now >= it.until;
    let temporary = state.temporary().iter().filter(due).find(|it| !busy(&it.plan.target))?;
    Some(Next::TakeBack(temporary.plan.id))
}

/// Incidents that something could be done for, those first that matter most.
fn in_order(state: &State) -> Vec<&Incident> {
    let ready = |it: &&Incident| {
        let waits = it.phase == Phase::Open || it.phase.is_waiting();
        waits && it.needs_human.is_none() && it.unlearned.is_none()
    };
    let mut incidents: Vec<_> = state.incidents().filter(ready).collect();
    let mut depths = HashMap::new();
    if incidents.len() > 1 {
        let topology = state.targets().topology();
        for name in topology.order() {
            let below = topology.required(name.as_str()).filter_map(|need| depths.get(need));
            let depth = below.max().map_or(0, |depth: &usize| depth + 1);
            depths.insert(name, depth);
        }
    }
    incidents.sort_by_key(|it| {
        let target = it.opening.subject.target();
        let watched = target.and_then(|name| state.targets().get(name.as_str()));
        let priority = watched.map(|it| it.target.priority);
        let depth = target.and_then(|name| depths.get(name)).copied();
        (it.force.is_none(), Reverse(it.opening.severity), Reverse(priority), depth, it.id())
    });
    incidents
}

/// What all incidents are looked at with.
#[derive(Clone, Copy)]
struct View<'a> {
    state: &'a State,
    policy: &'a Policy,
    now: Time,
    work: &'a Work<'a>,
}

impl<'a> View<'a> {
    fn at(
        self,
        incident: &'a Incident,
        watched: &'a Watched,
        (action, meta): (&'a Name, &'a ActionMeta),
    ) -> Look<'a> {
        let Self { state, policy, now, work } = self;
        let forced = incident.force.is_some();
        Look { state, policy, now, work, incident, watched, action, meta, plan: None, forced }
    }
}

/// What to do for one incident, or why not; nothing to say if it is no matter of doing.
fn consider(
    view: View<'_>,
    incident: &Incident,
    rng: &mut fastrand::Rng,
) -> Option<Result<Next, HoldReason>> {
    let View { state, policy, now, .. } = view;
    let target = incident.opening.subject.target()?;
    let watched = state.targets().get(target.as_str())?;
    if symptom(state, policy, incident, now) == Symptom::Gone && incident.force.is_none() {
        return None;
    }
    match incident.plan() {
        Some(plan) if incident.phase.is_waiting() => {
            let look = view.at(incident, watched, (&plan.action, &plan.meta));
            let look = Look { plan: Some(plan), forced: plan.forced, ..look };
            Some(pass(&look).map(|()| Next::Start(plan.id)))
        }
        _ if incident.shadowed => Some(Err(HoldReason::ObserveOnly)),
        _ => Some(plan(view, incident, watched, rng)),
    }
}

/// Makes a plan of the best candidate that passes every gate.
fn plan(
    view: View<'_>,
    incident: &Incident,
    watched: &Watched,
    rng: &mut fastrand::Rng,
) -> Result<Next, HoldReason> {
    let View { state, policy, now, .. } = view;
    let seed = rng.get_seed();
    let own = Step::default();
    let ordered = incident.force.as_ref();
    let all = match ordered {
        Some(force) => {
            let known = policy.actions.get_key_value(&force.action);
            let known = known.filter(|(action, _)| !policy.forbidden.contains(action));
            known.map(|(action, meta)| Candidate { step: &own, action, meta }).into_iter().collect()
        }
        None => candidates(state, policy, incident, now),
    };
    let (all, odds) = rank(state, policy, incident, all, rng);
    let mut reasons = Vec::new();
    for candidate in &all {
        let look = view.at(incident, watched, (candidate.action, candidate.meta));
        match pass(&look) {
            Ok(()) => {
                let made = make(&look, candidate.step, seed, odds, rng);
                return Ok(Next::Plan(Box::new(made)));
            }
            Err(reason) => reasons.push(reason),
        }
    }
    // The order is drawn, but whoever reads the reason wants to hear of news only.
    let told = |reason: &HoldReason| incident.hold.as_ref().is_some_and(|it| it.is_like(reason));
    let known = reasons.iter().position(told).unwrap_or(0);
    Err(reasons.into_iter().nth(known).unwrap_or(HoldReason::NothingAllowed))
}

fn make(look: &Look<'_>, step: &Step, seed: u64, odds: Vec<Odds>, rng: &mut fastrand::Rng) -> Plan {
    let Look { state, policy, now, incident, watched, action, meta, forced, .. } = *look;
    let delay = delay(policy, watched, rng);
    let attempts = incident.tried(action.as_str()).map_or(0, |tried| tried.attempts);
    Plan {
        id: PlanId(state.plans_made + 1),
        incident: incident.id(),
        target: watched.target.name.clone(),
        generation: watched.generation,
        action: action.clone(),
        meta: meta.clone(),
        attempt: attempts + 1,
        timeout: step.timeout,
        verify_within: step.verify_within,
        not_before: now.after(delay),
        delay,
        approval: policy.needs_approval(action.as_str(), meta),
        enforced: forced || is_enforced(policy, incident),
        forced,
        seed,
        odds,
    }
}

/// The wait before the next attempt: none before the first, then each twice the one before and
/// never shorter than that, up to the cap, jitter included.
fn delay(policy: &Policy, watched: &Watched, rng: &mut fastrand::Rng) -> Duration {
    let rule = &policy.backoff;
    let Some(doublings) = watched.streak.checked_sub(1) else { return Duration::ZERO };
    let base = rule.first.saturating_mul(2_u32.saturating_pow(doublings)).min(rule.cap);
    let jitter = rule.jitter.of(nanos(base));
    let longer = Duration::from_nanos(rng.u64(0..=jitter));
    base.saturating_add(longer).max(watched.last_delay).min(rule.cap)
}

/// Whether an incident belongs to the share whose plans are carried out. It always or never does.
fn is_enforced(policy: &Policy, incident: &Incident) -> bool {
    // The finaliser of SplitMix64 spreads the numbers evenly (Steele, Lea and Flood 2014).
    let mut mixed = incident.id().0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    mixed % 1_000_000 < u64::from(policy.enforce.parts_per_million())
}
