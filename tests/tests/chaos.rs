//! What chaos and the policies around it make of each other.

use std::time::Duration;

use salve::circuit_breaker::{CircuitBreakerLayer, Config, State};
use salve::{Ratio, Refusable};
use salve_chaos::{Arming, ChaosLayer, Fault, Handle, Injected, Rule};
use tower::{BoxError, Layer, ServiceExt, service_fn};

fn down() -> Handle {
    let rule = Rule::new("down", Fault::ERROR).with_share(Ratio::ONE);
    let config = salve_chaos::Config::new("stock").with_rule(rule).with_most_per_second(100);
    let point = Handle::new(config).unwrap();
    point.arm(Arming::new("ada", "a test", Duration::from_secs(60))).unwrap();
    point
}

#[tokio::test(start_paused = true)]
async fn a_breaker_does_not_hold_an_injected_rejection_against_the_service() {
    let layer = CircuitBreakerLayer::new(Config::default()).unwrap();
    let breaker = layer.handle();
    let inner = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let service = layer.layer(ChaosLayer::from(down()).layer(inner));
    for n in 0..20 {
        let error = service.clone().oneshot(n).await.unwrap_err();
        assert_eq!(error.rejection().unwrap().room(), "chaos");
    }
    assert_eq!((breaker.state(), breaker.counts().failures), (State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_on_errors_that_a_drill_builds_to_be_real() {
    let layer = CircuitBreakerLayer::new(Config::default()).unwrap();
    let breaker = layer.handle();
    let inner = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let broken = ChaosLayer::from(down()).with_errors(|_: &Injected| BoxError::from("broken pipe"));
    let service = layer.layer(broken.layer(inner));
    for n in 0..5 {
        assert!(service.clone().oneshot(n).await.is_err());
    }
    assert_eq!((breaker.state(), breaker.counts().failures), (State::Open, 5));
}
