//! What is due by time, or follows from what is known: everything but the choice of an action.

mod brakes;
mod progress;

use std::collections::HashSet;

use crate::gates::cause;
use crate::incident::{IncidentId, Opening, Subject};
use crate::kind::{Evidence, Kind, Severity};
use crate::policy::{HOUR, Policy};
use crate::record::Fact;
use crate::state::{MAX_OPEN, State, Watched};
use crate::target::Priority;
use crate::time::Time;

/// The first thing that is due: a fact to write down and apply, and why. Ask again until there is
/// none, then [`decide`](crate::decide()).
///
/// It opens incidents for what has failed, judges repairs whose time has come, credits what has
/// lasted, lets approvals expire, calls people, and pulls the brakes.
#[must_use]
pub fn due(state: &State, policy: &Policy, now: Time) -> Option<(Fact, String)> {
    brakes::due(state, policy, now)
        .or_else(|| state.incidents().find_map(|it| progress::due(state, policy, it, now)))
        .or_else(|| openings(state, policy, now))
}

/// Incidents for what has failed, or flaps, and has none.
fn openings(state: &State, policy: &Policy, now: Time) -> Option<(Fact, String)> {
    if state.incidents.len() >= MAX_OPEN || now < state.doubt_until {
        return None;
    }
    let (mut ill, mut flapping) = (HashSet::new(), HashSet::new());
    for incident in state.incidents() {
        let of_kind = if incident.opening.kind == Kind::Flapping { &mut flapping } else { &mut ill };
        of_kind.extend(incident.opening.subject.target());
    }
    let calm = &policy.calm;
    state.targets().iter().find_map(|watched| {
        let name = &watched.target.name;
        let turns = watched.turns_within(now, calm.flap_within);
        let (kind, why) = if turns >= calm.flaps && !flapping.contains(name) {
            (Kind::Flapping, format!("it has changed {turns} times within {:?}", calm.flap_within))
        } else if watched.target.healed && watched.condition.is_down() && !ill.contains(name) {
            let why = "its checks have failed as often as they must";
            (watched.target.kind.clone(), why.to_owned())
        } else {
            return None;
        };
        Some((Fact::Opened(opening(state, policy, watched, kind, now)), why))
    })
}

fn opening(state: &State, policy: &Policy, watched: &Watched, kind: Kind, now: Time) -> Opening {
    let name = &watched.target.name;
    let severity = match (watched.target.priority, &kind) {
        (_, Kind::Flapping) => Severity::Medium,
        (Priority::High, _) => Severity::Critical,
        (Priority::Medium, _) => Severity::High,
        (Priority::Low, _) => Severity::Medium,
    };
    let id = IncidentId(state.incidents_opened + 1);
    Opening {
        id,
        correlation: correlation(state, policy, watched, now).unwrap_or(id),
        subject: Subject::Target(name.clone()),
        severity,
        evidence: Evidence::Confirmed,
        fingerprint: fingerprint(&kind, name.as_str()),
        since: watched.down_since.unwrap_or(watched.since),
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
