//! Asks whether too many repairs have failed, or things got worse after one.

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;
use crate::policy::Policy;
use crate::state::State;
use crate::time::Time;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    let off =
        look.state.is_killed() || kill_switch_trips(look.state, look.policy, look.now).is_some();
    refuse_if(off && !look.forced, || HoldReason::KillSwitch)?;
    match look.state.harmed() {
        Some(harm) => Err(HoldReason::Regression { plan: harm.plan }),
        None => Ok(()),
    }
}

/// Failures and outcomes, if more than the allowed share are failures and there are enough.
pub(crate) fn kill_switch_trips(state: &State, policy: &Policy, now: Time) -> Option<(u64, u64)> {
    let rule = &policy.stops;
    let recent = state.outcomes.iter().filter(|(at, _)| now.since(*at) <= rule.kill_window);
    let (mut failures, mut outcomes) = (0_u64, 0_u64);
    for (_, helped) in recent {
        outcomes += 1;
        failures += u64::from(!helped);
    }
    let share = u128::from(rule.kill_share.parts_per_million()) * u128::from(outcomes);
    let trips =
        outcomes >= u64::from(rule.kill_outcomes) && u128::from(failures) * 1_000_000 > share;
    trips.then_some((failures, outcomes))
}
