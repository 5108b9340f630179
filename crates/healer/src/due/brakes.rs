//! The brakes: blindness, storms, the kill switch, actions that do not help, and harm.

use std::collections::HashSet;

use salve_core::Name;

use crate::gates::{
    blindness, cause, failing_together, given_up_at, is_calm_again, kill_switch_trips,
};
use crate::incident::{Incident, IncidentId, Opening, Subject};
use crate::kind::{Evidence, Kind, Severity};
use crate::policy::Policy;
use crate::record::{Fact, Harm};
use crate::state::{State, Watched};
use crate::time::Time;

type Due = Option<(Fact, String)>;

pub(super) fn due(state: &State, policy: &Policy, now: Time) -> Due {
    sight(state, policy, now)
        .or_else(|| storms(state, policy, now))
        .or_else(|| storm_incidents(state, now))
        .or_else(|| kill_switch(state, policy, now))
        .or_else(|| harm(state, policy, now))
        .or_else(|| no_progress(state, policy, now))
        .or_else(|| settled(state, policy, now))
}

/// Whether the healer sees, and which witnesses it believes.
fn sight(state: &State, policy: &Policy, now: Time) -> Due {
    let mut witnesses = state.targets().witnesses();
    let believed = witnesses.find_map(|it| {
        let name = it.target.name.clone();
        if it.discredited {
            return it.condition.is_up().then(|| (Fact::Trusted(name), "it passes".to_owned()));
        }
        let late = it.ill_since.is_some() && now >= given_up_at(it, policy);
        let why = "it fails for so long that it is rather dead itself";
        late.then(|| (Fact::Discredited(name), why.to_owned()))
    });
    believed.or_else(|| match (state.blind_since(), blindness(state, policy)) {
        (None, Some((witnesses, _))) => {
            Some((Fact::Blinded { witnesses }, "most witnesses fail".to_owned()))
        }
        (Some(_), None) => {
            let until = now.after(policy.doubt.look_again);
            Some((Fact::Sighted { until }, "most witnesses no longer fail".to_owned()))
        }
        _ => None,
    })
}

fn storms(state: &State, policy: &Policy, now: Time) -> Due {
    let over = state.storms().iter().find(|storm| is_calm_again(state, policy, storm, now));
    if let Some(storm) = over {
        return Some((Fact::StormEnded(storm.scope.clone()), "nobody else has failed".to_owned()));
    }
    if state.is_in_doubt(now) {
        return None;
    }
    let mut seen = HashSet::new();
    let groups = state.targets().iter().filter(|it| it.down_since.is_some());
    let groups = groups.filter_map(|it| it.group()).filter(|group| seen.insert(*group));
    let scopes = groups.cloned().map(Subject::Group).chain([Subject::Everything]);
    let known = |scope: &Subject| state.storms().iter().any(|storm| storm.scope == *scope);
    scopes.filter(|scope| !known(scope)).find_map(|scope| {
        let failing = failing_together(state, policy, &scope, now)?;
        let why = format!("{failing} of {scope} have failed within {:?}", policy.storm.within);
        Some((Fact::StormBegan { scope, failing }, why))
    })
}

/// One incident for all that fail together.
fn storm_incidents(state: &State, now: Time) -> Due {
    let told = |scope: &Subject| state.incidents().any(|it| it.opening.subject == *scope);
    let storm = state.storms().iter().find(|storm| !told(&storm.scope))?;
    let id = IncidentId(state.incidents_opened + 1);
    let opening = Opening {
        id,
        correlation: id,
        subject: storm.scope.clone(),
        kind: Kind::Correlated,
        severity: Severity::Critical,
        evidence: Evidence::Confirmed,
        fingerprint: Name::from(format!("{}@{}", Kind::Correlated, storm.scope)),
        since: storm.since.min(now),
        change: None,
        follows_condition: false,
    };
    Some((Fact::Opened(opening), format!("many of {} fail together", storm.scope)))
}

fn kill_switch(state: &State, policy: &Policy, now: Time) -> Due {
    if state.is_killed() {
        return None;
    }
    let (failures, outcomes) = kill_switch_trips(state, policy, now)?;
    let why = format!("{failures} of {outcomes} repairs have failed");
    Some((Fact::KillSwitchTripped { failures, outcomes }, why))
}

fn harm(state: &State, policy: &Policy, now: Time) -> Due {
    let Some(known) = state.harmed() else {
        if state.is_in_doubt(now) {
            return None;
        }
        let harm = state.incidents().find_map(|it| harm_of(state, policy, it, now))?;
        let why = format!("{} more than elsewhere have failed since", harm.failed.len());
        return Some((Fact::Harmed(harm), why));
    };
    let rolling = state.incident_of(known.plan).is_some_and(|it| it.phase.is_busy());
    let failed = known.failed.iter().filter_map(|name| state.targets().get(name.as_str()));
    let last = failed.filter_map(|it| it.down_since.max(it.came_up)).max();
    let calm = last.is_none_or(|at| now.since(at) >= policy.storm.cooldown);
    (!rolling && calm).then(|| (Fact::HarmEnded, "nothing else has failed".to_owned()))
}

/// What got worse since an incident's action began, if it is more than what fails elsewhere lets
/// expect: of its group and of those that need it, whoever has failed for no other reason.
#[must_use]
fn harm_of(state: &State, policy: &Policy, incident: &Incident, now: Time) -> Option<Harm> {
    let run = incident.run.as_ref().filter(|run| !run.harmed)?;
    let started = run.started?;
    let target = &run.plan.target;
    let group = state.targets().get(target.as_str()).and_then(Watched::group);
    let near = within_reach(state, target);
    // What was ill before the action is not its doing, however late it was convicted.
    let fell =
        |it: &Watched| it.down_since.is_some() && it.ill_since.is_some_and(|began| began > started);
    let (mut zone, mut failed, mut others, mut others_failed) = (0_u64, Vec::new(), 0, 0);
    for watched in state.targets().patients().filter(|it| it.target.name != *target) {
        let in_zone =
            near.contains(&watched.target.name) || (group.is_some() && watched.group() == group);
        if !in_zone {
            others += 1;
            others_failed += u64::from(fell(watched));
            continue;
        }
        zone += 1;
        if fell(watched) && cause(state, policy, watched.target.name.as_str(), now).is_none() {
            failed.push(watched.target.name.clone());
        }
    }
    let expected = (zone * others_failed).div_ceil(others.max(1));
    // What a storm explains is no action's doing.
    let scope = group.cloned().map_or(Subject::Everything, Subject::Group);
    let storm =
        state.storms().iter().any(|it| it.scope == scope || it.scope == Subject::Everything);
    let worse = failed.len() as u64 > expected && !storm;
    worse.then_some(Harm { plan: run.plan.id, failed, expected })
}

/// Who needs the target, directly or not.
fn within_reach<'a>(state: &'a State, target: &'a Name) -> HashSet<&'a Name> {
    let topology = state.targets().topology();
    let (mut found, mut waiting) = (HashSet::new(), vec![target]);
    while let Some(name) = waiting.pop() {
        waiting.extend(topology.dependants(name.as_str()).iter().filter(|it| found.insert(*it)));
    }
    found
}

fn no_progress(state: &State, policy: &Policy, now: Time) -> Due {
    let rule = &policy.stops;
    let stuck = state.knowledge().arms().find(|(_, _, arm)| {
        arm.failed_at.len() >= rule.no_progress as usize
            && now.since(arm.failed_last) <= rule.kill_window
    });
    let (signature, action, arm) = stuck?;
    let fact = Fact::Suspended {
        signature: signature.clone(),
        action: action.clone(),
        until: now.after(rule.suspension),
    };
    Some((fact, format!("`{action}` has not helped {} targets in a row", arm.failed_at.len())))
}

fn settled(state: &State, policy: &Policy, now: Time) -> Due {
    let stable = |it: &&Watched| {
        let marked = it.streak > 0 || it.blocked.is_some();
        marked && it.condition.is_up() && now.since(it.since) >= policy.calm.stable
    };
    let busy = |it: &Watched| {
        let name = Some(&it.target.name);
        state.incidents().any(|incident| incident.opening.subject.target() == name)
    };
    let settled = state.targets().iter().filter(stable).find(|it| !busy(it))?;
    Some((Fact::Settled(settled.target.name.clone()), "it has been well for long".to_owned()))
}
