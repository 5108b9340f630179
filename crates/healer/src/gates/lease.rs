//! Asks whether another healer has the right to act on the target.

use super::{Look, Passed};
use crate::hold::HoldReason;

pub(super) fn gate(look: &Look<'_>) -> Passed {
    match look.watched.lease.as_ref().filter(|it| !it.ours && look.now < it.until) {
        Some(lease) => Err(HoldReason::Lease { holder: lease.holder.clone(), until: lease.until }),
        None => Ok(()),
    }
}
