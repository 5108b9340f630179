//! Asks whether a person has approved it, where one has to.

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    // There is nothing to approve before the plan is made.
    let Some(plan) = look.plan.filter(|plan| plan.approval) else { return Ok(()) };
    let run = look.incident.run.as_ref().filter(|run| run.plan.id == plan.id);
    let timeout = look.policy.approvals.timeout;
    let approved = run.and_then(|run| run.approved.as_ref());
    let until = approved.map_or(look.incident.phase_since, |(_, at)| *at).after(timeout);
    let valid = approved.is_some() && look.now < until;
    refuse_if(!valid, || HoldReason::Approval { plan: plan.id, until })
}
