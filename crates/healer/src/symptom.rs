//! Says whether what is wrong is still wrong.

use crate::incident::{Incident, Subject};
use crate::kind::Kind;
use crate::policy::Policy;
use crate::state::State;
use crate::target::Condition;
use crate::time::Time;

/// Whether what is wrong is still wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Symptom {
    /// It is.
    Present,
    /// It is not.
    Gone,
    /// Nobody can say.
    Unknown,
}

/// Whether what an incident is about is still wrong: as its target's condition says, as its
/// reporter says, or, for what the healer has raised itself, as it sees.
#[must_use]
pub fn symptom(state: &State, policy: &Policy, incident: &Incident, now: Time) -> Symptom {
    let opening = &incident.opening;
    let gone = |gone| if gone { Symptom::Gone } else { Symptom::Present };
    let Subject::Target(name) = &opening.subject else {
        return gone(!state.storms().iter().any(|storm| storm.scope == opening.subject));
    };
    let Some(watched) = state.targets().get(name.as_str()) else { return Symptom::Unknown };
    if opening.kind == Kind::Flapping {
        let turns = watched.turns_within(now, policy.calm.flap_within);
        return gone(turns < policy.calm.flaps);
    }
    if !opening.follows_condition {
        return gone(incident.cleared);
    }
    match watched.condition {
        Condition::Healthy | Condition::Degraded => Symptom::Gone,
        Condition::Unhealthy | Condition::Failed => Symptom::Present,
        Condition::Unknown | Condition::Starting | Condition::Disabled => Symptom::Unknown,
    }
}
