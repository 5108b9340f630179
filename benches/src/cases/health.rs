//! salve: a service whose outcomes are counted for a health check.

use salve_health::{HealthLayer, Outcomes};
use tower::Layer;

use super::HEALTH;
use super::salve::Failure;
use crate::case::Case;
use crate::inner::inner;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(HEALTH, "salve, outcomes counted", || {
            let layer = HealthLayer::new(Outcomes::new());
            move || layer.layer(inner!(Failure))
        })
        .contended(),
    ]
}
