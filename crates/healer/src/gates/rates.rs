//! Asks whether there were too many actions already, or too many are under way.

use std::collections::VecDeque;

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;
use crate::policy::SECOND;
use crate::time::Time;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    nobody_else_is_at_it(look)?;
    let limits = &look.policy.limits;
    let (now, window) = (look.now, limits.window);
    if let Some(until) = next_free(&look.watched.starts, limits.per_target, window, now) {
        return Err(HoldReason::TargetRate { limit: limits.per_target, until });
    }
    if let Some(until) = next_free(&look.state.starts, limits.total, window, now) {
        return Err(HoldReason::TotalRate { limit: limits.total, until });
    }
    let limit = limits.concurrent;
    let busy = look.work.busy();
    refuse_if(busy >= u64::from(limit), || HoldReason::Concurrency { limit })?;
    match next_free(&look.state.starts, limit, SECOND, now) {
        Some(until) => Err(HoldReason::Pace { until }),
        None => Ok(()),
    }
}

/// When one of `limit` places within a sliding window becomes free; `None` if one is.
fn next_free(
    starts: &VecDeque<Time>,
    limit: u32,
    window: std::time::Duration,
    now: Time,
) -> Option<Time> {
    let first = starts.len().checked_sub(limit as usize)?;
    let until = starts.get(first)?.after(window);
    (now < until).then_some(until)
}

/// One repair at a target, also while another is watched for whether it lasts.
fn nobody_else_is_at_it(look: &Look<'_>) -> Passed {
    match look.work.at(&look.watched.target.name, look.incident.id()) {
        Some(incident) => Err(HoldReason::TargetBusy { incident }),
        None => Ok(()),
    }
}
