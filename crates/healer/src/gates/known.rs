//! Asks whether it is known how the target is, well enough for this action.

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;
use crate::kind::Evidence;
use crate::target::Condition;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    let (condition, drastic) = (look.watched.condition, look.meta.is_drastic());
    let reason = || HoldReason::NotKnown { condition };
    match condition {
        // In its start its failures do not count, and what nobody watches nobody repairs.
        Condition::Starting | Condition::Disabled => return Err(reason()),
        // A suspicion is enough for what does no harm.
        Condition::Unknown | Condition::Unhealthy => refuse_if(drastic, reason)?,
        Condition::Healthy | Condition::Degraded | Condition::Failed => {}
    }
    let suspicion = look.incident.opening.evidence == Evidence::Statistical;
    if !suspicion || condition == Condition::Failed || look.forced {
        return Ok(());
    }
    refuse_if(drastic, || HoldReason::OneSignal)?;
    // Nothing fails, so that nothing is lost by waiting whether it lasts.
    let until = look.incident.opened.after(look.policy.calm.suspicion);
    refuse_if(look.now < until, || HoldReason::Suspicion { until })
}
