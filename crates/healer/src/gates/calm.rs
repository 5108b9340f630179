//! Asks whether the target was repaired a moment ago, flaps, or waits for a person.

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;
use crate::plan::Plan;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    let watched = look.watched;
    refuse_if(watched.rollback_failed, || HoldReason::RollbackFailed)?;
    if !look.forced {
        if let Some(incident) = watched.blocked {
            return Err(HoldReason::NotAcknowledged { incident });
        }
        is_cool(look)?;
        does_not_flap(look)?;
    }
    // Waits never shrink, also when another incident has tried something since the plan was made.
    let wait =
        |plan: &Plan| plan.not_before.after(look.watched.last_delay.saturating_sub(plan.delay));
    match look.plan.map(wait) {
        Some(until) => refuse_if(look.now < until, || HoldReason::Backoff { until }),
        None => Ok(()),
    }
}

/// Between two repairs; the attempts of one are spread by its own backoff.
fn is_cool(look: &Look<'_>) -> Passed {
    if look.incident.first_action.is_some() {
        return Ok(());
    }
    let calm = &look.policy.calm;
    let own = look.watched.repaired.map(|(at, helped)| {
        let wait = if helped { calm.after_success.max(calm.cooldown) } else { calm.cooldown };
        (look.watched.target.name.clone(), at.after(wait))
    });
    let group = look.watched.group().and_then(|group| {
        let members = look.state.targets().members(group);
        let last = members.filter_map(|it| it.repaired).map(|(at, _)| at).max();
        last.map(|at| (group.clone(), at.after(calm.cooldown)))
    });
    match own.into_iter().chain(group).max_by_key(|(_, until)| *until) {
        Some((of, until)) => refuse_if(look.now < until, || HoldReason::Cooldown { of, until }),
        None => Ok(()),
    }
}

fn does_not_flap(look: &Look<'_>) -> Passed {
    if !look.meta.is_drastic() {
        return Ok(());
    }
    let transitions = look.watched.turns_within(look.now, look.policy.calm.flap_within);
    refuse_if(transitions >= look.policy.calm.flaps, || HoldReason::Flapping { transitions })
}
