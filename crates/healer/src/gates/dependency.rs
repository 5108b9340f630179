//! Asks whether the failure is explained by something that the target needs.

use salve_core::{Known, Name};

use super::{Look, Passed};
use crate::hold::HoldReason;
use crate::policy::Policy;
use crate::state::State;
use crate::target::Condition;
use crate::time::Time;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    match cause(look.state, look.policy, look.watched.target.name.as_str(), look.now) {
        Some(cause) => Err(HoldReason::Dependency { cause: cause.clone() }),
        None => Ok(()),
    }
}

/// The root of a target's failure among what it needs: what is down or fails its checks just now, or
/// has come up a moment ago.
pub(crate) fn cause<'a>(
    state: &'a State,
    policy: &Policy,
    target: &str,
    now: Time,
) -> Option<&'a Name> {
    state.targets().topology().cause(target, |name| {
        let Some(watched) = state.targets().get(name) else { return Known::Nothing };
        // Down until it is known to be up: a restart or a silence does not acquit it.
        let back = watched.came_up.is_some_and(|at| now.since(at) < policy.aftermath);
        // What fails after all, if only now and then, has not come up for good.
        if watched.down_since.is_some() || watched.condition == Condition::Unhealthy || back {
            Known::Down
        } else if watched.condition.is_up() {
            Known::Up
        } else {
            Known::Nothing
        }
    })
}
