//! The inner service alone: what the loop itself costs, and what one box around the future adds.

use tower::ServiceExt;

use crate::case::Case;
use crate::inner::{Failed, answer, inner};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service("bare", "service", || || inner!(Failed)).contended(),
        Case::service("bare", "service, future boxed", || || inner!(Failed).boxed_clone()),
        Case::future("bare", "future", || || |request| answer!(Failed, request)),
    ]
}
