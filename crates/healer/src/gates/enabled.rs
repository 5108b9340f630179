//! Asks whether automatic repair is switched on, by the settings and by people.

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    let off = !look.policy.enabled || look.state.is_disabled();
    refuse_if(off && !look.forced, || HoldReason::Disabled)
}
