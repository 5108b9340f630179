//! salve with one policy per key: what it costs to find the key's policy; and its rate limit.

use std::borrow::Cow;
use std::time::Duration;

use salve_bulkhead::{Config as Places, KeyedBulkheadLayer};
use salve_circuit_breaker::{Config as Breaker, KeyedCircuitBreakerLayer};
use salve_core::RegistryConfig;
use salve_rate_limit::{Config as Rate, KeyedRateLimitLayer, Quota, RateLimitLayer};
use tower::Layer;

use super::salve::Failure;
use super::{BREAKER_CLOSED, BULKHEAD, RATE_LIMIT};
use crate::case::Case;
use crate::inner::inner;

type ByTenant = fn(&u64) -> Cow<'_, u64>;

const BY_TENANT: ByTenant = |request| Cow::Owned(request % 16);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(BREAKER_CLOSED, "salve, keyed", || {
            let config = Breaker::new("bench").without_rules().with_consecutive_failures(5);
            let tenants =
                salve_circuit_breaker::KeyedHandle::new(config, RegistryConfig::default())
                    .expect("the settings of this case are valid");
            let layer = KeyedCircuitBreakerLayer::<u64, ByTenant>::new(tenants, BY_TENANT);
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(BULKHEAD, "salve, keyed", || {
            let bounds = RegistryConfig::default();
            let tenants = salve_bulkhead::KeyedHandle::new(Places::new("bench"), bounds)
                .expect("the settings of this case are valid");
            let layer = KeyedBulkheadLayer::<u64, ByTenant>::new(tenants, BY_TENANT);
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(RATE_LIMIT, "salve, keyed", || {
            let layer = KeyedRateLimitLayer::new(tenants(), BY_TENANT);
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::sync(RATE_LIMIT, "salve, check keyed", || {
            let tenants = tenants();
            move || {
                let tenants = tenants.clone();
                move |request: u64| tenants.check(&(request % 16)).map(|()| request)
            }
        })
        .contended(),
        Case::service(RATE_LIMIT, "salve", || {
            let layer = RateLimitLayer::new(rate()).expect("the settings of this case are valid");
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::sync(RATE_LIMIT, "salve, check", || {
            let limit =
                salve_rate_limit::Handle::new(rate()).expect("the settings of this case are valid");
            move || {
                let limit = limit.clone();
                move |request| limit.check().map(|()| request)
            }
        })
        .contended(),
    ]
}

/// A rate that no case reaches, however long it runs.
fn rate() -> Rate {
    let second = Duration::from_secs(1);
    Rate::new("bench", Quota::new(1_000_000, second).with_burst(1_000_000))
}

fn tenants() -> salve_rate_limit::KeyedHandle<u64> {
    let bounds = RegistryConfig::default();
    salve_rate_limit::KeyedHandle::new(rate(), bounds).expect("the settings of this case are valid")
}
