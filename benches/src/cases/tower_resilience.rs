//! tower-resilience: each pattern alone, and the stack that its guide composes.

use std::time::Duration;

use tower::{Layer, Service, ServiceBuilder};
use tower_resilience_adaptive::{AdaptiveLimiterLayer, Aimd};
use tower_resilience_bulkhead::{BulkheadConfigBuilder, BulkheadLayer, BulkheadServiceError};
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerError, CircuitBreakerLayer, SlidingWindowType,
};
use tower_resilience_fallback::FallbackLayer;
use tower_resilience_hedge::HedgeLayer;
use tower_resilience_retry::{RetryBudgetBuilder, RetryLayer};
use tower_resilience_timelimiter::{TimeLimiterError, TimeLimiterLayer};

use super::{
    ADAPTIVE, BREAKER_CLOSED, BREAKER_OPEN, BULKHEAD, FALLBACK, FULL, HEDGE, RETRY, TIMEOUT,
};
use crate::case::Case;
use crate::clock::settle;
use crate::drive;
use crate::inner::{Failed, inner};
use crate::memory::Instance;

const HOUR: Duration = Duration::from_secs(3600);
const DEADLINE: Duration = Duration::from_secs(30);

type Limited = TimeLimiterError<Failed>;
type Held = BulkheadServiceError<Limited>;
type Guarded = CircuitBreakerError<Held>;

fn breaker() -> CircuitBreakerConfigBuilder {
    CircuitBreakerLayer::builder().wait_duration_in_open(HOUR)
}

/// A breaker layer whose services all share one open circuit.
fn open() -> CircuitBreakerLayer {
    let (layer, handle) = breaker().build_with_handle().expect("the settings are valid");
    settle(handle.force_open());
    layer
}

fn bulkhead(set: impl FnOnce(BulkheadConfigBuilder) -> BulkheadConfigBuilder) -> BulkheadLayer {
    set(BulkheadLayer::builder()).build().expect("the settings are valid")
}

fn timed(calls: u64) -> impl Service<u64> {
    let layer = breaker()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(HOUR)
        .build()
        .expect("the settings are valid");
    let mut service = layer.layer(inner!(Failed));
    let answered = settle(drive::service(&mut service, calls));
    assert_eq!(answered, calls, "the breaker is closed");
    service
}

macro_rules! full {
    () => {
        ServiceBuilder::new()
            .layer(FallbackLayer::<u64, u64, Guarded>::value(0))
            .layer(RetryLayer::<u64, u64, Guarded>::builder().max_attempts(3).build())
            .layer(breaker().build().expect("the settings are valid"))
            .layer(bulkhead(|config| config))
            .layer(TimeLimiterLayer::builder().timeout_duration(DEADLINE).build())
            .service(inner!(Failed))
    };
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(BREAKER_CLOSED, "tower-resilience", || {
            let service = breaker().build().expect("valid").layer(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(BREAKER_CLOSED, "tower-resilience, consecutive", || {
            let layer = breaker().consecutive_failures(5).build().expect("valid");
            let service = layer.layer(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(BREAKER_OPEN, "tower-resilience", || {
            let service = open().layer(inner!(Failed));
            move || service.clone()
        })
        .refused()
        .contended(),
        Case::service(BULKHEAD, "tower-resilience, reject", || {
            let service = bulkhead(BulkheadConfigBuilder::reject_when_full).layer(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(BULKHEAD, "tower-resilience, wait", || {
            let service = bulkhead(|config| config).layer(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(BULKHEAD, "tower-resilience, backpressure", || {
            let service = bulkhead(BulkheadConfigBuilder::backpressure).layer(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(ADAPTIVE, "tower-resilience, AIMD", || {
            let algorithm = Aimd::builder().initial_limit(25).build().expect("valid");
            let service = AdaptiveLimiterLayer::new(algorithm).layer(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(RETRY, "tower-resilience", || {
            let layer = RetryLayer::<u64, u64, Failed>::builder().max_attempts(3).build();
            let service = layer.layer(inner!(Failed));
            move || service.clone()
        }),
        Case::service(RETRY, "tower-resilience, token bucket", || {
            let budget = RetryBudgetBuilder::new().token_bucket().build().expect("valid");
            let layer =
                RetryLayer::<u64, u64, Failed>::builder().max_attempts(3).budget(budget).build();
            let service = layer.layer(inner!(Failed));
            move || service.clone()
        })
        .contended(),
        Case::service(HEDGE, "tower-resilience, fixed delay", || {
            let service = HedgeLayer::new(Duration::from_secs(1)).layer(inner!(Failed));
            move || service.clone()
        }),
        Case::service(TIMEOUT, "tower-resilience", || {
            let layer = TimeLimiterLayer::builder().timeout_duration(DEADLINE).build();
            let service = layer.layer(inner!(Failed));
            move || service.clone()
        }),
        Case::service(FALLBACK, "tower-resilience", || {
            let service = FallbackLayer::<u64, u64, Failed>::value(0).layer(inner!(Failed));
            move || service.clone()
        }),
        Case::service(
            FULL,
            "tower-resilience: fallback, retry, breaker, bulkhead, timeout",
            || {
                let service = full!();
                move || service.clone()
            },
        )
        .contended(),
    ]
}

pub(crate) fn instances() -> Vec<Instance> {
    vec![
        Instance::of("tower-resilience breaker, window 100", || {
            breaker().build().expect("valid").layer(inner!(Failed))
        }),
        Instance::of("tower-resilience breaker, consecutive", || {
            breaker().consecutive_failures(5).build().expect("valid").layer(inner!(Failed))
        }),
        Instance::of("tower-resilience breaker, time window, 0 calls in it", || timed(0)),
        Instance::of("tower-resilience breaker, time window, 1000 calls in it", || timed(1000)),
        Instance::of("tower-resilience bulkhead", || {
            bulkhead(|config| config).layer(inner!(Failed))
        }),
        Instance::of("tower-resilience full stack", || full!()),
    ]
}
