//! salve: alternatives that no call needs, answers that are kept, and calls that could be shared.

use std::borrow::Cow;

use salve_core::Repeatable;
use salve_fallback::cache::{self, Answers, CacheLayer};
use salve_fallback::single_flight::{self, Flights, ShareAnswers, SingleFlightLayer};
use salve_fallback::{Alternative, Config, FallbackLayer};
use tower::Layer;

use super::salve::Failure;
use super::{CACHE, FALLBACK, SINGLE_FLIGHT};
use crate::case::Case;
use crate::inner::inner;

fn layer(config: Config, last: Alternative<u64, u64, Failure>) -> FallbackLayer<u64, u64, Failure> {
    FallbackLayer::new(config, [last]).expect("the settings of this case are valid")
}

type KeyOf = fn(&u64) -> Cow<'_, u64>;

/// Few keys, so that each is asked for again.
fn by_number(request: &u64) -> Cow<'_, u64> {
    Cow::Owned(request % 16)
}

fn kept(config: cache::Config) -> CacheLayer<u64, u64, KeyOf, Repeatable> {
    let answers = Answers::new(config).expect("the settings of this case are valid");
    CacheLayer::new(answers, by_number as KeyOf).with_request_rule(Repeatable)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(CACHE, "salve, answered and kept", || {
            let service = kept(cache::Config::new("bench")).layer(inner!(Failure));
            move || service.clone()
        }),
        Case::service(CACHE, "salve, served while fresh", || {
            let config = cache::Config::new("bench").with_serve_fresh(true);
            let service = kept(config).layer(inner!(Failure));
            move || service.clone()
        }),
        Case::service(SINGLE_FLIGHT, "salve, nobody else asks", || {
            let flights = Flights::<u64, u64, Failure>::new(single_flight::Config::new("bench"));
            let flights = flights.expect("the settings of this case are valid");
            let flights = flights.with_sharing(ShareAnswers);
            let by_number = by_number as KeyOf;
            let layer = SingleFlightLayer::<u64, _, _, _, _, _>::new(flights, by_number);
            let service = layer.with_request_rule(Repeatable).layer(inner!(Failure));
            move || service.clone()
        }),
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
