//! salve with one policy per key: what it costs to find the key's policy.

use std::borrow::Cow;

use salve_bulkhead::{Config as Places, KeyedBulkheadLayer};
use salve_circuit_breaker::{Config as Breaker, KeyedCircuitBreakerLayer};
use salve_core::RegistryConfig;
use tower::Layer;

use super::salve::Failure;
use super::{BREAKER_CLOSED, BULKHEAD};
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
    ]
}
