//! Asks whether the healer itself stood still or is blind, so that what it saw is worth nothing.

use salve_core::Name;

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;
use crate::policy::Policy;
use crate::state::{State, Watched};
use crate::target::Condition;
use crate::time::Time;

/// A person's order passes while the healer is blind: it rests on what that person sees.
pub(super) fn gate(look: &Look<'_>) -> Passed {
    if !look.forced
        && let Some((witnesses, until)) = blindness(look.state, look.policy)
    {
        return Err(HoldReason::Blind { witnesses, until });
    }
    let until = look.state.doubt_until;
    refuse_if(look.now < until, || HoldReason::SelfDoubt { until })
}

/// The witnesses that fail, if they are most of those that are believed and known, and when they would no
/// longer be believed.
pub(crate) fn blindness(state: &State, policy: &Policy) -> Option<(Vec<Name>, Time)> {
    let believed = |it: &&Watched| !it.discredited && it.condition.is_known();
    let known = state.targets().witnesses().filter(believed).count();
    let failing = state.targets().witnesses().filter(believed).filter(|it| fails(it));
    let failing: Vec<&Watched> = failing.collect();
    if failing.len() * 2 <= known {
        return None;
    }
    let until = failing.iter().map(|it| given_up_at(it, policy)).min()?;
    Some((failing.iter().map(|it| it.target.name.clone()).collect(), until))
}

/// One failing reading is enough: a conviction of the witness would come too late for those of the targets.
const fn fails(witness: &Watched) -> bool {
    matches!(witness.condition, Condition::Unhealthy | Condition::Failed)
}

/// When a witness that fails is no longer believed.
pub(crate) fn given_up_at(witness: &Watched, policy: &Policy) -> Time {
    witness.ill_since.unwrap_or(witness.since).after(policy.doubt.patience)
}
