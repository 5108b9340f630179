//! salve: the circuit breaker by each of its rules, and the other patterns.

use std::time::Duration;

use salve_bulkhead::{Adaptive, Algorithm, BulkheadLayer};
use salve_circuit_breaker::{CircuitBreakerLayer, Config, Handle, Rate, Window};
use salve_core::{Budget, BudgetRule, Ratio, Refusable, Rejection, Repeatable};
use salve_hedge::HedgeLayer;
use salve_retry::RetryLayer;
use salve_timeout::TimeoutLayer;
use tower::{Layer, ServiceBuilder};

use super::{
    ADAPTIVE, BREAKER_CLOSED, BREAKER_OPEN, BULKHEAD, CONTROLLER, FULL, HEDGE, RETRY, TIMEOUT,
};
use crate::case::Case;
use crate::inner::inner;
use crate::memory::Instance;

/// An application's own flat error.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Rejection),
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl Refusable for Failure {
    fn rejection(&self) -> Option<&Rejection> {
        let Self::Refused(rejection) = self;
        Some(rejection)
    }
}

fn breaker(config: Config) -> CircuitBreakerLayer {
    CircuitBreakerLayer::new(config).expect("the settings of this case are valid")
}

fn consecutive() -> Config {
    Config::new("bench").without_rules().with_consecutive_failures(5)
}

fn rate(window: Window) -> Config {
    let rate = Rate::of_failures(window, Ratio::percent::<50>());
    Config::new("bench").without_rules().with_rate(rate)
}

fn timeouts() -> TimeoutLayer {
    let config = salve_timeout::Config::of_attempt("bench", Duration::from_secs(30));
    TimeoutLayer::new(config).expect("the settings of this case are valid")
}

fn closed(name: &'static str, config: fn() -> Config) -> Case {
    Case::service(BREAKER_CLOSED, name, move || {
        let service = breaker(config()).layer(inner!(Failure));
        move || service.clone()
    })
    .contended()
}

fn adaptive(name: &'static str, algorithm: fn() -> Algorithm) -> Case {
    Case::service(ADAPTIVE, name, move || {
        let adaptive = Adaptive::default().with_algorithm(algorithm());
        let config = salve_bulkhead::Config::new("bench").with_adaptive(adaptive);
        let layer = BulkheadLayer::new(config).expect("the settings of this case are valid");
        let service = layer.layer(inner!(Failure));
        move || service.clone()
    })
    .contended()
}

fn retry() -> RetryLayer {
    let config = salve_retry::Config::new("bench");
    RetryLayer::new(config).expect("the settings of this case are valid")
}

fn hedge(config: salve_hedge::Config) -> HedgeLayer {
    HedgeLayer::new(config).expect("the settings of this case are valid")
}

fn fixed() -> salve_hedge::Config {
    salve_hedge::Config::new("bench").with_fixed_delay(Duration::from_secs(1))
}

/// Late after a quantile of the service's own latency, which one call is enough to know.
fn measured() -> salve_hedge::Config {
    let quantile = salve_hedge::Quantile::default().with_min_samples(1);
    salve_hedge::Config::new("bench").with_quantile(quantile)
}

/// The stack, with a breaker that counts failures within a time.
fn stack() -> salve::stack::Stack<salve_core::ErrorsAreFailures, Repeatable> {
    let stack = salve::stack("bench").with_request_rule(Repeatable);
    stack.with_circuit_breaker(Config::new("bench"))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(RETRY, "salve", || {
            let layer = retry().without_budget().with_request_rule(Repeatable);
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(RETRY, "salve, budget", || {
            let service = retry().with_request_rule(Repeatable).layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(RETRY, "salve, budget of tokens", || {
            let budget = Budget::new(BudgetRule::AWS_STANDARD);
            let budget = budget.expect("the settings of this case are valid");
            let layer = retry().with_budget(budget).with_request_rule(Repeatable);
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        closed("salve, consecutive failures", consecutive),
        closed("salve, failures within a time", || Config::new("bench")),
        closed("salve, rate over 100 calls", || rate(Window::Calls(100))),
        closed("salve, rate over 60 s", || rate(Window::Time(Duration::from_secs(60)))),
        Case::service(BREAKER_OPEN, "salve", || {
            let layer = breaker(consecutive());
            layer.handle().open();
            let service = ServiceBuilder::new().layer(layer).service(inner!(Failure));
            move || service.clone()
        })
        .refused()
        .contended(),
        Case::service(BULKHEAD, "salve", || {
            let config = salve_bulkhead::Config::new("bench");
            let layer = BulkheadLayer::new(config).expect("the settings of this case are valid");
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        adaptive("salve, baseline", Algorithm::baseline),
        adaptive("salve, AIMD", Algorithm::aimd),
        adaptive("salve, Vegas", Algorithm::vegas),
        adaptive("salve, Gradient2", Algorithm::gradient2),
        Case::service(HEDGE, "salve, fixed delay", || {
            let layer = hedge(fixed()).without_budget().with_request_rule(Repeatable);
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(HEDGE, "salve, quantile, budget", || {
            let layer = hedge(measured()).with_request_rule(Repeatable);
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(CONTROLLER, "salve: life, limit, quota, classes, retries, deadline", || {
            let layer = salve_adaptive::AdaptiveLayer::new(&salve_adaptive::Config::new("bench"));
            let layer = layer.expect("the settings of this case are valid");
            let service = layer.with_request_rule(Repeatable).layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(FULL, "salve: gate, timeout, retry, breaker, bulkhead, timeout", || {
            let (layer, _) = stack().build_flat().expect("the settings of this case are valid");
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(FULL, "salve without its bulkhead", || {
            let stack = stack().without_bulkhead();
            let (layer, _) = stack.build_flat().expect("the settings of this case are valid");
            let service = layer.layer(inner!(Failure));
            move || service.clone()
        }),
        Case::service(TIMEOUT, "salve", || {
            let service = timeouts().layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(TIMEOUT, "salve, call only", || {
            let service = timeouts().call_only().layer(inner!(Failure));
            move || service.clone()
        }),
    ]
}

pub(crate) fn instances() -> Vec<Instance> {
    let handle = |config| Handle::new(config).expect("the settings of this instance are valid");
    vec![
        Instance::of("salve breaker, consecutive failures", move || handle(consecutive())),
        Instance::of("salve hedge, fixed delay", || hedge(fixed()).without_budget().handle()),
        Instance::of("salve hedge, quantile, budget", || hedge(measured()).handle()),
        Instance::of("salve breaker, window 100", move || handle(rate(Window::Calls(100)))),
    ]
}
