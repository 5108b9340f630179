//! Asks whether anybody has paused it, and whether maintenance is going on.

use super::{Look, Passed};
use crate::hold::HoldReason;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    let target = &look.watched.target;
    let pauses = look.state.pauses().filter(|(_, scope)| scope.covers(target));
    let by: Vec<_> = pauses.map(|(holder, _)| holder.clone()).collect();
    if !by.is_empty() {
        return Err(HoldReason::Paused { by });
    }
    let open = look.state.windows().filter(|window| {
        window.from <= look.now && look.now < window.until && window.scope.covers(target)
    });
    match open.max_by_key(|window| window.until) {
        Some(window) => {
            Err(HoldReason::Maintenance { window: window.name.clone(), until: window.until })
        }
        None => Ok(()),
    }
}
