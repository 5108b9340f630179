//! What to change, each with the evidence for it.

use std::time::Duration;

use salve_core::Name;

use crate::incident::{IncidentId, Resolution};
use crate::kind::Kind;
use crate::policy::Policy;
use crate::state::{Arm, Past, Signature, State};
use crate::time::Time;

/// The same thing going wrong again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurring {
    /// With which target.
    pub target: Name,
    /// What.
    pub kind: Kind,
    /// Which incidents, the oldest first.
    pub incidents: Vec<IncidentId>,
    /// The hour of the day (UTC) in which most of them began, if more than half of at least four did.
    pub hour: Option<u8>,
    /// How many of them followed a change.
    pub after_change: usize,
}

/// Something that is worth changing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// A repair does not last: look for the root.
    FindTheRoot(Recurring),
    /// An action has never helped: take it out of the chain.
    DropAction {
        /// For which kind.
        kind: Kind,
        /// For which class.
        class: Name,
        /// The action.
        action: Name,
        /// How often it was tried.
        failures: u64,
    },
    /// A later step of a chain has helped more for its time than an earlier one: let it go first.
    ChangeOrder {
        /// For which kind.
        kind: Kind,
        /// For which class.
        class: Name,
        /// What should go first, how often it has helped, and of how many tries.
        first: (Name, u64, u64),
        /// Before what, how often that has helped, and of how many tries.
        before: (Name, u64, u64),
    },
    /// Most incidents of this kind end by themselves before anything is done: be slower to convict.
    RaiseThreshold {
        /// With which target.
        target: Name,
        /// How many ended by themselves.
        by_itself: usize,
        /// Of how many.
        of: usize,
    },
    /// Detection takes most of the time that the target is broken: look more often.
    ShortenInterval {
        /// The target.
        target: Name,
        /// The median time until an incident is opened.
        detect: Duration,
        /// The median time that it is broken.
        recover: Duration,
    },
    /// What an action gives for a while, such as another instance or more memory, has repaired the target again and
    /// again, alone: give it for good.
    MakePermanent {
        /// With which target.
        target: Name,
        /// The action.
        action: Name,
        /// How often it has.
        times: usize,
    },
    /// A chain names an action that nobody has registered.
    RegisterAction(Name),
}

/// Fewer incidents are no pattern.
pub(super) const ENOUGH: usize = 3;
/// Fewer tries are no proof that an action never helps.
const TRIES: u64 = 5;

/// What has gone wrong with the same target at least three times within this time.
#[must_use]
pub fn recurring(state: &State, now: Time, within: Duration) -> Vec<Recurring> {
    let mut found: Vec<(Recurring, Vec<Time>)> = Vec::new();
    for past in state.past().filter(|it| now.since(it.opened) <= within) {
        let Some(target) = past.subject.target() else { continue };
        let same = |it: &(Recurring, _)| it.0.target == *target && it.0.kind == past.kind;
        let at = found.iter().position(same).unwrap_or_else(|| {
            let (target, kind) = (target.clone(), past.kind.clone());
            let new =
                Recurring { target, kind, incidents: Vec::new(), hour: None, after_change: 0 };
            found.push((new, Vec::new()));
            found.len() - 1
        });
        let (known, times) = &mut found[at];
        known.incidents.push(past.id);
        known.after_change += usize::from(past.change.is_some());
        times.push(past.opened);
    }
    found.retain(|(it, _)| it.incidents.len() >= ENOUGH);
    let with_hour =
        found.into_iter().map(|(it, times)| Recurring { hour: usual_hour(state, &times), ..it });
    with_hour.collect()
}

/// By the date of the last record: how long ago something was is known exactly, clocks that jump or not.
fn usual_hour(state: &State, times: &[Time]) -> Option<u8> {
    let (last, wall) = state.last()?;
    let mut hours = [0_usize; 24];
    for time in times {
        let ago = u64::try_from(last.since(*time).as_millis()).unwrap_or(u64::MAX);
        hours[(wall.0.saturating_sub(ago) / 3_600_000 % 24) as usize] += 1;
    }
    let most = (0..24_u8).max_by_key(|hour| hours[usize::from(*hour)])?;
    (times.len() > ENOUGH && hours[usize::from(most)] * 2 > times.len()).then_some(most)
}

/// What is worth changing, as the last 30 days show.
#[must_use]
pub fn advice(state: &State, policy: &Policy, now: Time) -> Vec<Advice> {
    let month = Duration::from_secs(30 * 24 * 3_600);
    let mut advice: Vec<_> =
        recurring(state, now, month).into_iter().map(Advice::FindTheRoot).collect();
    let useless =
        state.knowledge().arms().filter(|(.., arm)| arm.successes == 0 && arm.failures >= TRIES);
    advice.extend(useless.map(|(signature, action, arm)| Advice::DropAction {
        kind: signature.kind.clone(),
        class: signature.class.clone(),
        action: action.clone(),
        failures: arm.failures,
    }));
    advice.extend(orders(state, policy));
    for watched in state.targets().iter() {
        let target = &watched.target.name;
        let own = |it: &&Past| it.subject.target() == Some(target) && now.since(it.opened) <= month;
        let past: Vec<&Past> = state.past().filter(own).collect();
        advice.extend(by_itself(target, &past));
        advice.extend(late(target, &past));
        advice.extend(too_small(policy, target, &past));
    }
    let missing = policy.missing_actions().into_iter().cloned();
    advice.extend(missing.map(Advice::RegisterAction));
    advice
}

/// Steps that were tried often enough, compared by chance over expected time: the least expected time to recovery is
/// to begin with the largest. A difference of less than half is left alone.
fn orders(state: &State, policy: &Policy) -> Vec<Advice> {
    let mut signatures: Vec<_> = state.knowledge().arms().map(|(it, ..)| it).collect();
    signatures.dedup();
    let order = |signature: &Signature| {
        let chain = policy.strategies.find(&signature.kind, signature.class.as_str())?;
        let measured = chain.steps.iter().filter_map(|step| {
            let arm = state.knowledge().arm(signature, step.action.as_str())?;
            let tries = arm.successes + arm.failures;
            let worth = worth(arm).filter(|_| tries >= TRIES)?;
            Some((worth, (step.action.clone(), arm.successes, tries)))
        });
        let measured: Vec<_> = measured.collect();
        let (earlier, before) = measured.first()?.clone();
        let (best, first) = measured.into_iter().max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        let (kind, class) = (signature.kind.clone(), signature.class.clone());
        (best > 1.5 * earlier).then_some(Advice::ChangeOrder { kind, class, first, before })
    };
    signatures.into_iter().filter_map(order).collect()
}

/// The share of tries that helped, for each second that a try has usually taken.
fn worth(arm: &Arm) -> Option<f64> {
    let share = arm.successes as f64 / (arm.successes + arm.failures).max(1) as f64;
    let helped = arm.usual().or(arm.usually_lost())?.as_secs_f64();
    let lost = arm.usually_lost().or(arm.usual())?.as_secs_f64();
    Some(share / (share * helped + (1.0 - share) * lost).max(1.0))
}

fn by_itself(target: &Name, past: &[&Past]) -> Option<Advice> {
    let idle = |it: &&&Past| it.how == Resolution::ByItself && it.tried.is_empty() && !it.escalated;
    let (by_itself, of) = (past.iter().filter(idle).count(), past.len());
    let most = of >= ENOUGH && by_itself * 2 > of;
    most.then(|| Advice::RaiseThreshold { target: target.clone(), by_itself, of })
}

/// Only where nothing else was tried is it certain what has helped.
fn too_small(policy: &Policy, target: &Name, past: &[&Past]) -> Option<Advice> {
    let for_a_while = policy.actions.iter().filter(|(_, meta)| meta.lasts.is_some());
    let repaired = |by: &Name| {
        let alone = |it: &&&Past| matches!(&*it.tried, [(action, _)] if action == by);
        past.iter().filter(|it| it.how == Resolution::Repaired).filter(alone).count()
    };
    let times = for_a_while.map(|(action, _)| (repaired(action), action));
    let (times, action) = times.max_by_key(|(times, _)| *times)?;
    let (target, action) = (target.clone(), action.clone());
    (times >= ENOUGH).then_some(Advice::MakePermanent { target, action, times })
}

fn late(target: &Name, past: &[&Past]) -> Option<Advice> {
    let repaired: Vec<_> = past.iter().filter(|it| it.how == Resolution::Repaired).collect();
    if repaired.len() < ENOUGH {
        return None;
    }
    let spread =
        |time: fn(&Past) -> Duration| super::Spread::of(repaired.iter().map(|it| time(it)));
    let detect = spread(|it| it.opened.since(it.since)).median;
    let recover = spread(|it| it.ended.since(it.since).saturating_sub(it.spent.soaking)).median;
    let most = detect * 2 > recover;
    most.then(|| Advice::ShortenInterval { target: target.clone(), detect, recover })
}
