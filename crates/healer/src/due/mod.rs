//! What is due by time, or follows from what is known: everything but the choice of an action.

mod brakes;
mod progress;

use std::collections::{HashMap, HashSet};

use crate::gates::cause;
use crate::incident::{IncidentId, Opening, Subject};
use crate::kind::{Evidence, Kind, Severity};
use crate::policy::{HOUR, Policy};
use crate::record::Fact;
use crate::state::{MAX_OPEN, State, Watched};
use crate::target::Priority;
use crate::time::Time;

/// What is due: facts to write down and apply in this order, each with its reason. Ask again until
/// there is none, then [`decide`](crate::decide()).
///
/// It opens incidents for what has failed, judges repairs whose time has come, credits what has
/// lasted, lets approvals expire, calls people, and pulls the brakes. A brake comes alone; else
/// there is one fact at most for each incident and target, so that none stands in another's way.
#[must_use]
pub fn due(state: &State, policy: &Policy, now: Time) -> Vec<(Fact, String)> {
    if let Some(brake) = brakes::due(state, policy, now) {
        return vec![brake];
    }
    let incidents = state.incidents();
    let steps: Vec<_> = incidents.filter_map(|it| progress::due(state, policy, it, now)).collect();
    if steps.is_empty() { openings(state, policy, now) } else { steps }
}

/// Incidents for what has failed, or flaps, and has none.
fn openings(state: &State, policy: &Policy, now: Time) -> Vec<(Fact, String)> {
    if state.is_in_doubt(now) {
        return Vec::new();
    }
    let (mut ill, mut flapping) = (HashSet::new(), HashSet::new());
    for incident in state.incidents() {
        let of_kind =
            if incident.opening.kind == Kind::Flapping { &mut flapping } else { &mut ill };
        of_kind.extend(incident.opening.subject.target());
    }
    let calm = &policy.calm;
    let wanted = state.targets().patients().filter_map(|watched| {
        let name = &watched.target.name;
        let turns = watched.turns_within(now, calm.flap_within);
        if turns >= calm.flaps && !flapping.contains(name) {
            let why = format!("it has changed {turns} times within {:?}", calm.flap_within);
            Some((watched, Kind::Flapping, why))
        } else if watched.target.healed && watched.condition.is_down() && !ill.contains(name) {
            let why = "its checks have failed as often as they must";
            Some((watched, watched.target.kind.clone(), why.to_owned()))
        } else {
            None
        }
    });
    let free = MAX_OPEN.saturating_sub(state.incidents.len());
    let mut made: Vec<(Opening, String)> = Vec::new();
    for (watched, kind, why) in wanted.take(free) {
        let id = IncidentId(state.incidents_opened + 1 + made.len() as u64);
        made.push((opening(state, policy, watched, kind, (id, now)), why));
    }
    correlate(state, policy, &mut made, now);
    made.into_iter().map(|(opening, why)| (Fact::Opened(opening), why)).collect()
}

/// Incidents that begin together know each other, too: consequences belong to their cause's.
fn correlate(state: &State, policy: &Policy, made: &mut [(Opening, String)], now: Time) {
    let ids = made.iter().map(|(it, _)| (it.subject.target().cloned(), it.correlation));
    let ids: HashMap<_, _> = ids.collect();
    for (opening, _) in made.iter_mut().filter(|(it, _)| it.correlation == it.id) {
        let target = opening.subject.target();
        let cause = target.and_then(|name| cause(state, policy, name.as_str(), now));
        if let Some(id) = cause.and_then(|cause| ids.get(&Some(cause.clone()))) {
            opening.correlation = *id;
        }
    }
}

fn opening(
    state: &State,
    policy: &Policy,
    watched: &Watched,
    kind: Kind,
    (id, now): (IncidentId, Time),
) -> Opening {
    let name = &watched.target.name;
    let severity = match (watched.target.priority, &kind) {
        (_, Kind::Flapping) => Severity::Medium,
        (Priority::High, _) => Severity::Critical,
        (Priority::Medium, _) => Severity::High,
        (Priority::Low, _) => Severity::Medium,
    };
    Opening {
        id,
        correlation: correlation(state, policy, watched, now).unwrap_or(id),
        subject: Subject::Target(name.clone()),
        severity,
        evidence: Evidence::Confirmed,
        fingerprint: fingerprint(&kind, name.as_str()),
        since: watched.ill_since.unwrap_or(watched.since),
        change: state.recent_change(name.as_str(), now, HOUR).cloned(),
        follows_condition: kind != Kind::Flapping,
        kind,
    }
}

/// By what an incident is known again where nobody says otherwise.
pub(crate) fn fingerprint(kind: &Kind, target: &str) -> salve_core::Name {
    salve_core::Name::from(format!("{kind}@{target}"))
}

/// The incident that a new one at this target belongs to: its cause's, or its storm's.
pub(crate) fn correlation(
    state: &State,
    policy: &Policy,
    watched: &Watched,
    now: Time,
) -> Option<IncidentId> {
    let about = |subject: &Subject| {
        let found = state.incidents().find(|it| it.opening.subject == *subject);
        found.map(|it| it.opening.correlation)
    };
    let cause = cause(state, policy, watched.target.name.as_str(), now).cloned();
    let by_cause = cause.and_then(|name| about(&Subject::Target(name)));
    let group = || watched.group().and_then(|group| about(&Subject::Group(group.clone())));
    by_cause.or_else(group).or_else(|| about(&Subject::Everything))
}
