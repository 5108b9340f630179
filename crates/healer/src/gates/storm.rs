//! Asks whether many fail together, so that no single one of them is to blame.

use super::{Look, Passed, refuse_if};
use crate::gates::cause;
use crate::hold::HoldReason;
use crate::incident::Subject;
use crate::kind::Kind;
use crate::policy::Policy;
use crate::state::{State, Storming, Watched};
use crate::target::Condition;
use crate::time::Time;

/// What is harmless is held as well: none of them is to blame, so that it cannot help, and if it
/// seemed to, the wrong thing would be learned. To relieve an overload is no repair of one target.
pub(super) fn gate(look: &Look<'_>) -> Passed {
    let relieves = look.incident.opening.kind == Kind::Overload && !look.meta.is_drastic();
    if relieves || look.forced {
        return Ok(());
    }
    let own = look.watched.group().cloned().map(Subject::Group);
    for scope in own.into_iter().chain([Subject::Everything]) {
        let known = look.state.storms().iter().any(|storm| storm.scope == scope);
        let counts = |suspects| together(look.state, look.policy, &scope, look.now, suspects);
        refuse_if(known || counts(true).is_some(), || HoldReason::Storm { scope })?;
    }
    Ok(())
}

/// How many of those that the scope covers have failed together just now, if that is a storm.
pub(crate) fn failing_together(
    state: &State,
    policy: &Policy,
    scope: &Subject,
    now: Time,
) -> Option<u64> {
    together(state, policy, scope, now, false)
}

/// As [`failing_together`]; suspects fail their checks since a moment ago, and are soon convicted or
/// acquitted: who is convicted a check before the others does not fail alone.
fn together(
    state: &State,
    policy: &Policy,
    scope: &Subject,
    now: Time,
    suspects: bool,
) -> Option<u64> {
    let rule = &policy.storm;
    let just_now = |at: Time| now.since(at) <= rule.within;
    let fresh = |it: &&Watched| {
        let suspect = suspects && it.condition == Condition::Unhealthy && just_now(it.since);
        it.down_since.is_some_and(just_now) || suspect
    };
    let all = state.targets().patients();
    match scope {
        Subject::Target(_) => None,
        Subject::Group(group) => {
            let size = all.filter(|it| it.group() == Some(group)).count() as u64;
            let failing = state.targets().members(group).filter(fresh).count() as u64;
            let many = failing >= rule.at_least && rule.share.reached_by(failing, size);
            many.then_some(failing)
        }
        Subject::Everything => {
            let failing: Vec<_> = all.filter(fresh).collect();
            if (failing.len() as u64) < rule.independent {
                return None;
            }
            // When none of so many is well, it is rather the watcher who is ill.
            let known = state.targets().patients().filter(|it| it.condition.is_known()).count();
            let everybody = failing.len() == known;
            let enough = if everybody { rule.at_least } else { rule.independent };
            let enough = enough.min(rule.independent);
            let own = |it: &&&Watched| cause(state, policy, it.target.name.as_str(), now).is_none();
            let failing = failing.iter().filter(own).count() as u64;
            (failing >= enough).then_some(failing)
        }
    }
}

/// Whether a storm is over: nobody has joined it for as long as it takes to calm down.
pub(crate) fn is_calm_again(state: &State, policy: &Policy, storm: &Storming, now: Time) -> bool {
    let covered = |it: &&Watched| match &storm.scope {
        Subject::Group(group) => it.group() == Some(group),
        _ => true,
    };
    let last = state.targets().patients().filter(covered).filter_map(|it| it.down_since).max();
    let last = last.unwrap_or(storm.since).max(storm.since);
    now.since(last) >= policy.storm.cooldown
        && failing_together(state, policy, &storm.scope, now).is_none()
}
