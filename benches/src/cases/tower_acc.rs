//! tower-acc: a concurrency limit by each of its algorithms.

use tower::Layer;
use tower_acc::{Aimd, ConcurrencyLimitLayer, Gradient2, Vegas};

use super::ADAPTIVE;
use crate::case::Case;
use crate::inner::{Failed, inner};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(ADAPTIVE, "tower-acc, AIMD", || {
            let service = ConcurrencyLimitLayer::new(Aimd::default()).layer(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(ADAPTIVE, "tower-acc, Vegas", || {
            let service = ConcurrencyLimitLayer::new(Vegas::default()).layer(inner!(Failed));
            move || service.clone()
        }),
        Case::service(ADAPTIVE, "tower-acc, Gradient2", || {
            let service = ConcurrencyLimitLayer::new(Gradient2::default()).layer(inner!(Failed));
            move || service.clone()
        }),
    ]
}
