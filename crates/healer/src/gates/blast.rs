//! Asks whether the group, and those that need the target, can bear it.

use salve_core::Name;

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;
use crate::incident::Incident;
use crate::state::{State, Watched};
use crate::target::Condition;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    if look.meta.reduces_capacity {
        capacity_is_not_needed(look)?;
    }
    nobody_is_taken_along(look)?;
    let Some(group) = look.watched.group() else { return Ok(()) };
    let members: Vec<_> = look.state.targets().members(group).collect();
    let busy: Vec<_> = members.iter().copied().filter(|it| is_busy(look, it)).collect();
    few_are_unavailable(look, group, members.len() as u64, busy.len() as u64)?;
    enough_stay_healthy(look, group, &members)?;
    one_domain_at_a_time(look, group, &busy)
}

/// Whether somebody works on a member, for another incident than this one.
fn is_busy(look: &Look<'_>, member: &Watched) -> bool {
    look.work.is_busy(&member.target.name, look.incident.id())
}

/// Those that need a target are down while it is stopped. As long as it works they have lost nothing, so
/// stopping it would be the failure; once it is down, a restart takes nothing from them. Where a person
/// has to agree anyhow, that person decides.
fn nobody_is_taken_along(look: &Look<'_>) -> Passed {
    let asked = look.policy.needs_approval(look.action.as_str(), look.meta);
    let ordered = look.forced && may_be_last(look);
    if !look.meta.restarts || look.policy.blast.stop_providers || asked || ordered {
        return Ok(());
    }
    let relying = relying(look.state, &look.watched.target.name);
    relying.map_or(Ok(()), |by| Err(HoldReason::ReliedOn { by: by.clone() }))
}

/// One that cannot do without a target that works, and is not known to be down. A single failing reading,
/// or a silence, does not make it fair game.
pub(crate) fn relying<'a>(state: &'a State, target: &Name) -> Option<&'a Name> {
    let targets = state.targets();
    if !targets.get(target.as_str()).is_some_and(|it| it.condition.is_up()) {
        return None;
    }
    let lives = |name: &Name| {
        let watched = targets.get(name.as_str());
        watched.is_some_and(|it| it.down_since.is_none() && it.condition != Condition::Disabled)
    };
    let topology = targets.topology();
    let needs = |name: &Name| topology.required(name.as_str()).any(|need| need == target);
    topology.dependants(target.as_str()).iter().find(|it| lives(it) && needs(it))
}

/// Whether a person has said that it may take down the last that works.
fn may_be_last(look: &Look<'_>) -> bool {
    look.incident.force.as_ref().is_some_and(|force| force.last_member)
}

fn few_are_unavailable(look: &Look<'_>, group: &Name, size: u64, busy: u64) -> Passed {
    let mut limit = look.policy.blast.of(group.as_str()).0.at_most(size);
    // What does not serve is not made unavailable by us: one at a time is always allowed.
    if !look.watched.condition.is_up() || !look.meta.is_drastic() {
        limit = limit.max(1);
    }
    refuse_if(busy >= limit, || HoldReason::MaxUnavailable { group: group.clone(), limit })
}

fn enough_stay_healthy(look: &Look<'_>, group: &Name, members: &[&Watched]) -> Passed {
    if !look.watched.condition.is_up() || !look.meta.is_drastic() {
        return Ok(());
    }
    let healthy = members.iter().filter(|it| it.condition.is_up()).count() as u64;
    let left = healthy.saturating_sub(1);
    if look.forced && may_be_last(look) {
        return Ok(());
    }
    refuse_if(left == 0, || HoldReason::LastHealthy { group: group.clone() })?;
    let required = look.policy.blast.of(group.as_str()).1.at_least(members.len() as u64);
    refuse_if(left < required, || HoldReason::MinHealthy {
        group: group.clone(),
        healthy,
        required,
    })
}

fn one_domain_at_a_time(look: &Look<'_>, group: &Name, busy: &[&Watched]) -> Passed {
    if look.policy.blast.across_domains {
        return Ok(());
    }
    let own = look.watched.target.place.domain.as_ref();
    let mut domains = busy.iter().filter_map(|it| it.target.place.domain.as_ref());
    match domains.find(|domain| own != Some(domain)) {
        Some(domain) => {
            Err(HoldReason::OtherDomain { group: group.clone(), domain: domain.clone() })
        }
        None => Ok(()),
    }
}

fn capacity_is_not_needed(look: &Look<'_>) -> Passed {
    let group = look.watched.group();
    let near = |incident: &&Incident| {
        let Some(name) = incident.opening.subject.target() else { return false };
        let other = look.state.targets().get(name.as_str());
        let same_group = group.is_some() && other.is_some_and(|it| it.group() == group);
        *name == look.watched.target.name || same_group
    };
    let others = look.state.incidents().filter(|it| it.id() != look.incident.id());
    match others.filter(near).map(Incident::id).next() {
        Some(incident) => Err(HoldReason::CapacityNeeded { incident }),
        None => Ok(()),
    }
}
