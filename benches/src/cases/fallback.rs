//! salve: a service behind which alternatives stand that no call needs.

use salve_fallback::{Alternative, Config, FallbackLayer};
use tower::Layer;

use super::FALLBACK;
use super::salve::Failure;
use crate::case::Case;
use crate::inner::inner;

fn layer(config: Config, last: Alternative<u64, u64, Failure>) -> FallbackLayer<u64, u64, Failure> {
    FallbackLayer::new(config, [last]).expect("the settings of this case are valid")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(FALLBACK, "salve, value", || {
            let layer = layer(Config::new("bench"), Alternative::value("none", 0));
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(FALLBACK, "salve, another service", || {
            let replica = Alternative::service("replica", inner!(Failure));
            let service = layer(Config::new("bench"), replica).layer(inner!(Failure));
            move || service.clone()
        }),
        Case::service(FALLBACK, "salve, value, panics caught", || {
            let config = Config::new("bench").with_catch_panics(true);
            let layer = layer(config, Alternative::value("none", 0));
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        }),
    ]
}
