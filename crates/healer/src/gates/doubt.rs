//! Asks whether the healer itself stood still, so that what it saw is worth nothing.

use super::{Look, Passed, refuse_if};
use crate::hold::HoldReason;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    let until = look.state.doubt_until;
    refuse_if(look.now < until, || HoldReason::SelfDoubt { until })
}
