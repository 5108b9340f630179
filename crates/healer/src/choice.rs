//! Which action comes next: the best chance for its cost, among those that are allowed.

use std::time::Duration;

use salve_core::Name;

use crate::gates::relying;
use crate::incident::Incident;
use crate::kind::Kind;
use crate::meta::ActionMeta;
use crate::plan::Odds;
use crate::policy::{Order, Policy, SECOND};
use crate::posterior::{Prior, Seen};
use crate::state::{Arm, Signature, State};
use crate::strategy::Step;
use crate::time::Time;

/// A step that may still be tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) step: &'a Step,
    pub(crate) action: &'a Name,
    pub(crate) meta: &'a ActionMeta,
}

/// The steps that may still be tried, in the order of the chain; none means that a person is called.
pub(crate) fn candidates<'a>(
    state: &State,
    policy: &'a Policy,
    incident: &Incident,
    now: Time,
) -> Vec<Candidate<'a>> {
    let Some(signature) = state.signature(incident.id()) else { return Vec::new() };
    let Some(chain) = policy.strategies.find(&signature.kind, signature.class.as_str()) else {
        return Vec::new();
    };
    let left = chain.steps.iter().filter(|step| match incident.tried(step.action.as_str()) {
        Some(tried) => !tried.given_up && tried.attempts < step.attempts,
        None => true,
    });
    let fits = |step: &&'a Step| !step.takes_back || incident.opening.change.is_some();
    let known = left.filter(fits).filter_map(|step| {
        let (action, meta) = policy.actions.get_key_value(&step.action)?;
        let allowed = is_allowed(state, policy, &signature, action, now);
        allowed.then_some(Candidate { step, action, meta })
    });
    let all: Vec<_> = known.collect();
    let all = without(all, |it| {
        let takes = it.meta.restarts || it.meta.reduces_capacity;
        // Taking capacity from what is overloaded makes it worse.
        takes && signature.kind == Kind::Overload
    });
    // What works, and is needed by others that work, is not stopped while anything else may help.
    let all = if is_relied_on(state, incident) { without(all, |it| it.meta.restarts) } else { all };
    // However promising: a person is asked only when nothing else is left.
    without(all, |it| policy.needs_approval(it.action.as_str(), it.meta))
}

/// Whether others that are up cannot do without the target, and it is up itself.
fn is_relied_on(state: &State, incident: &Incident) -> bool {
    let target = incident.opening.subject.target();
    target.is_some_and(|target| relying(state, target).is_some())
}

/// Leaves out those that are the last resort, if there are others.
fn without<'a>(
    all: Vec<Candidate<'a>>,
    last_resort: impl Fn(&Candidate<'a>) -> bool,
) -> Vec<Candidate<'a>> {
    let others: Vec<_> = all.iter().copied().filter(|it| !last_resort(it)).collect();
    if others.is_empty() { all } else { others }
}

pub(crate) fn is_allowed(
    state: &State,
    policy: &Policy,
    signature: &Signature,
    action: &Name,
    now: Time,
) -> bool {
    let forbidden = policy.forbidden.contains(action);
    let suspended = state
        .suspensions()
        .iter()
        .any(|it| it.action == *action && it.signature == *signature && now < it.until);
    !forbidden && !suspended
}

/// Puts the candidates in order, the best first, and says what was thought of each.
///
/// Where tries are independent, the expected time to recovery is least when they are ordered by
/// probability over the expected time of a try, which is long where it does not help: then all of
/// its verification is waited for. The probability is drawn (Thompson 1933), so that what is not
/// known well gets its chance. What was tried here in vain is half as likely to help the next time, and so
/// is what does not take back a change that came just before.
pub(crate) fn rank<'a>(
    state: &State,
    policy: &Policy,
    incident: &Incident,
    mut candidates: Vec<Candidate<'a>>,
    rng: &mut fastrand::Rng,
) -> (Vec<Candidate<'a>>, Vec<Odds>) {
    let signature = state.signature(incident.id());
    let arm = |action: &Name| {
        signature.as_ref().and_then(|it| state.knowledge().arm(it, action.as_str()))
    };
    let tries = |action: &Name| incident.tried(action.as_str()).map_or(0, |it| it.attempts);
    let changed = candidates.iter().any(|it| it.step.takes_back);
    let doubts = |it: &Candidate<'_>| tries(it.action) + u32::from(changed && !it.step.takes_back);
    let mut odds: Vec<_> = candidates
        .iter()
        .map(|it| {
            let known = arm(it.action);
            let seen = known.map_or(Seen::default(), |arm| arm.seen);
            let drawn = seen.draw(&it.step.prior, rng);
            let drawn = drawn.checked_shr(doubts(it)).unwrap_or(0);
            Odds { action: it.action.clone(), drawn, cost: expected(it, known, drawn) }
        })
        .collect();
    match policy.choice.order {
        Order::Fixed => {}
        Order::Learned => {
            let worth = |it: &Odds, other: &Odds| u128::from(it.drawn) * cost(other);
            odds.sort_by(|a, b| worth(b, a).cmp(&worth(a, b)));
        }
    }
    let place = |it: &Candidate<'_>| odds.iter().position(|odd| odd.action == *it.action);
    candidates.sort_by_key(place);
    (candidates, odds)
}

/// How long a try is expected to take until it is known what came of it, and what its disturbance
/// is worth. What was not yet measured is as the action and its step say.
fn expected(candidate: &Candidate<'_>, known: Option<&Arm>, drawn: u32) -> Duration {
    let Candidate { step, meta, .. } = candidate;
    let helps = known.and_then(Arm::usual).unwrap_or(meta.cost);
    let in_vain = known.and_then(Arm::usually_lost);
    let in_vain = in_vain.unwrap_or_else(|| helps.saturating_add(step.verify_within));
    let of = |time: Duration, share: u32| {
        let nanos = time.as_nanos() * u128::from(share) / 1_000_000;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    };
    let share = drawn.min(1_000_000);
    of(helps, share).saturating_add(of(in_vain, 1_000_000 - share)).saturating_add(meta.disruption)
}

/// What a try costs in nanoseconds. Below a second the difference is noise, and nothing is free.
fn cost(odds: &Odds) -> u128 {
    odds.cost.max(SECOND).as_nanos()
}

/// What is thought of an action before anything is known, as its chain says.
pub(crate) fn prior(policy: &Policy, signature: &Signature, action: &str) -> Prior {
    let chain = policy.strategies.find(&signature.kind, signature.class.as_str());
    let step = chain.and_then(|chain| chain.steps.iter().find(|step| step.action == action));
    step.map_or(Prior::default(), |step| step.prior)
}
