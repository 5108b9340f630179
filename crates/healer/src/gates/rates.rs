//! Were there too many actions already, or are too many under way?

use std::collections::VecDeque;

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;
use crate::incident::Incident;
use crate::phase::Phase;
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
    let busy = look.state.incidents().filter(|it| it.phase.is_busy()).count() as u64;
    let limit = limits.concurrent;
    refuse_if(busy >= u64::from(limit), || HoldReason::Concurrency { limit })?;
    // Only a start has a pace; a plan may be made at any time.
    match look.plan.and_then(|_| next_free(&look.state.starts, limit, SECOND, now)) {
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
    let target = &look.watched.target.name;
    let at_it = |it: &&Incident| {
        it.id() != look.incident.id()
            && (it.phase.is_busy() || it.phase == Phase::Soaking)
            && it.opening.subject.target() == Some(target)
    };
    match look.state.incidents().find(at_it).map(Incident::id) {
        Some(incident) => Err(HoldReason::TargetBusy { incident }),
        None => Ok(()),
    }
}
