//! Passive health: outcomes of calls, and sensors that are read as checks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use salve_core::{
    End, Name, Origin, Outcome, Ratio, Reading, Reason, Rejection, Sensor, Settlement, Unit,
};
use salve_health::{
    Check, Config, Handle, HealthLayer, Outcomes, SensorCheck, State, Status, TargetConfig,
};
use salve_testkit::TestError;
use tower::{Layer, Service, ServiceExt, service_fn};

async fn says(outcomes: &Outcomes) -> Status {
    outcomes.run().await.status
}

#[tokio::test]
async fn the_share_of_failures_since_the_last_look_decides() {
    let outcomes = Outcomes::new();
    assert_eq!(says(&outcomes).await, Status::Unknown, "no calls say nothing");
    for (failures, calls, expected) in [
        (0, 10, Status::Pass),
        (9, 100, Status::Pass),
        (1, 10, Status::Warn),
        (49, 100, Status::Warn),
        (5, 10, Status::Fail),
    ] {
        for nth in 0..calls {
            outcomes.count(if nth < failures { Outcome::FAILURE } else { Outcome::Success });
            outcomes.count(Outcome::Ignored);
        }
        assert_eq!(says(&outcomes).await, expected, "{failures} of {calls}");
    }
    assert_eq!(outcomes.counts(), (166, 64));
    let idle = Outcomes::new().with_idle(Status::Pass).with_limits(Ratio::ZERO, Ratio::ONE);
    assert_eq!(says(&idle).await, Status::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_service_makes_its_target_fail_and_recover() {
    let registry = Handle::new(Config::new("test")).unwrap();
    let outcomes = Outcomes::new();
    let config = TargetConfig::new("inventory").with_grace(Duration::ZERO).with_thresholds(2, 2);
    registry.register(config, outcomes.clone()).unwrap();
    tokio::spawn(registry.clone().run());
    let service = service_fn(|works: bool| async move {
        if works { Ok::<_, TestError>(1) } else { Err(TestError::Failed) }
    });
    let service = HealthLayer::new(outcomes).layer(service);
    for (works, expected) in [(false, State::Failed), (true, State::Healthy)] {
        for _ in 0..2 {
            let _ = service.clone().oneshot(works).await;
            registry.refresh("inventory").await.unwrap();
        }
        assert_eq!(registry.state("inventory"), Some(expected));
    }
}

#[tokio::test]
async fn refusals_and_dropped_calls_say_nothing_and_panics_are_failures() {
    let outcomes = Outcomes::new();
    let layer = HealthLayer::new(outcomes.clone());
    let origin = Origin::new("bulkhead", Name::from("test"));
    let refused = service_fn(move |_: u32| {
        let refusal = TestError::from(Rejection::new(&origin, Reason::Full));
        std::future::ready(Err::<u32, _>(refusal))
    });
    assert!(layer.layer(refused).oneshot(1).await.is_err());
    let hangs = service_fn(|_: u32| std::future::pending::<Result<u32, TestError>>());
    let mut hangs = layer.layer(hangs);
    drop(hangs.ready().await.unwrap().call(1));
    assert_eq!(outcomes.counts(), (0, 0));
    let panics = service_fn(|_: u32| async {
        if true { panic!("it does") } else { Ok::<u32, TestError>(1) }
    });
    let panicked = tokio::spawn(layer.layer(panics).oneshot(1)).await;
    assert!(panicked.is_err_and(|error| error.is_panic()));
    assert_eq!(outcomes.counts(), (0, 1));
}

#[derive(Clone)]
struct Streamed;

impl salve_core::Classify<Settlement, TestError> for Streamed {
    fn classify(&self, _: Result<&Settlement, &TestError>) -> Outcome {
        Outcome::Success
    }

    fn settlement<'a>(&self, response: &'a Settlement) -> Option<&'a Settlement> {
        Some(response)
    }
}

#[tokio::test]
async fn an_answer_that_has_only_begun_counts_when_it_ends() {
    let outcomes = Outcomes::new();
    let layer = HealthLayer::new(outcomes.clone()).with_classifier(Streamed);
    let service = service_fn(|(): ()| async { Ok::<_, TestError>(Settlement::new()) });
    let service = layer.layer(service);
    for (end, expected) in [
        (End::Outcome(Outcome::FAILURE), (0, 1)),
        (End::Cancelled, (0, 1)),
        (End::Outcome(Outcome::Success), (1, 1)),
    ] {
        let before = outcomes.counts();
        let answer = service.clone().oneshot(()).await.unwrap();
        assert_eq!(outcomes.counts(), before);
        answer.settle(end);
        assert_eq!(outcomes.counts(), expected);
    }
}

#[derive(Clone)]
struct Breaker(Arc<Mutex<Vec<(&'static str, f64)>>>);

const NAME: Name = Name::literal("breaker");

impl Sensor for Breaker {
    fn name(&self) -> &Name {
        const { &NAME }
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        for &(name, value) in self.0.lock().unwrap().iter() {
            report(Reading { name, value, unit: Unit::Ratio });
        }
    }
}

#[tokio::test]
async fn a_sensor_fails_or_warns_by_the_worst_of_its_limits() {
    let breaker = Breaker(Arc::default());
    let check = SensorCheck::new(breaker.clone()).warn_at("failure_rate", 0.1).fail_at("open", 1.0);
    for (readings, expected) in [
        (vec![("open", 0.0), ("failure_rate", 0.0)], Status::Pass),
        (vec![("open", 0.0), ("failure_rate", 0.1)], Status::Warn),
        (vec![("open", 1.0), ("failure_rate", 0.5)], Status::Fail),
        (vec![("failure_rate", 0.5)], Status::Unknown),
        (vec![("open", f64::NAN), ("failure_rate", 0.0)], Status::Unknown),
    ] {
        *breaker.0.lock().unwrap() = readings.clone();
        assert_eq!(check.run().await.status, expected, "{readings:?}");
    }
    *breaker.0.lock().unwrap() = vec![("open", 1.0), ("failure_rate", 0.0)];
    let finding = check.run().await;
    assert_eq!(finding.reason.as_deref(), Some("`open` is 1, 1 or more"));
    assert_eq!(finding.value.map(|it| it.value), Some(1.0));
}

#[tokio::test]
async fn what_gets_worse_as_it_falls_has_limits_too() {
    let retry = Breaker(Arc::default());
    let check = SensorCheck::new(retry.clone())
        .warn_at_most("budget_available", 2.0)
        .fail_at_most("uptime", 0.8);
    for (budget, uptime, expected) in [
        (3.0, 0.81, Status::Pass),
        (2.0, 0.81, Status::Warn),
        (0.0, 0.81, Status::Warn),
        (3.0, 0.8, Status::Fail),
    ] {
        *retry.0.lock().unwrap() = vec![("budget_available", budget), ("uptime", uptime)];
        assert_eq!(check.run().await.status, expected, "{budget} and {uptime}");
    }
    *retry.0.lock().unwrap() = vec![("budget_available", 0.0), ("uptime", 1.0)];
    let finding = check.run().await;
    assert_eq!(finding.reason.as_deref(), Some("`budget_available` is 0, 2 or less"));
}
