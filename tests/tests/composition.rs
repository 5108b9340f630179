//! What the rooms promise each other when they are stacked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve::bulkhead::{self, BulkheadLayer};
use salve::circuit_breaker::{self, CircuitBreakerLayer, State};
use salve::retry::{self, Backoff, RetryLayer};
use salve::timeout::{self, TimeoutLayer};
use salve::{
    Budget, BudgetRule, CallContext, Name, Origin, Ratio, Reason, Refusable, Rejection, Repeatable,
    Unrepeatable, clock,
};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn attempts(max: u32) -> retry::Config {
    retry::Config::default().with_max_attempts(max).with_backoff(Backoff::none())
}

fn retries(max: u32) -> RetryLayer {
    RetryLayer::new(attempts(max)).unwrap()
}

/// Counts the calls that reach it; every one of them fails.
fn failing()
-> (Arc<AtomicU32>, impl Service<u32, Response = u32, Error = BoxError, Future: Send> + Clone) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let service = service_fn(move |_: u32| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Err::<u32, BoxError>("down".into()))
    });
    (calls, service)
}

#[tokio::test(start_paused = true)]
async fn three_attempts_in_three_make_three() {
    let full = BudgetRule::Share { share: Ratio::ONE, minimum_per_second: 1_000, horizon: SECOND };
    for budget in [None, Some(Budget::new(full).unwrap())] {
        let layer = || {
            let layer = retries(3).with_request_rule(Repeatable);
            match &budget {
                Some(budget) => layer.with_budget(budget.clone()),
                None => layer.without_budget(),
            }
        };
        let (calls, client) = failing();
        let nested = layer().layer(layer().layer(client));
        assert!(nested.oneshot(1).await.is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn nested_retries_count_through_the_layers_between_them() {
    let (calls, client) = failing();
    let limit = timeout::Config::of_attempt("between", SECOND).with_total(10 * SECOND);
    let breaker = circuit_breaker::Config::default().without_rules();
    let service = ServiceBuilder::new()
        .layer(retries(4).with_request_rule(Repeatable))
        .layer(TimeoutLayer::new(limit).unwrap())
        .layer(CircuitBreakerLayer::new(breaker).unwrap())
        .layer(BulkheadLayer::new(bulkhead::Config::default()).unwrap())
        .layer(retries(3).with_request_rule(Repeatable))
        .service(client);
    assert!(service.oneshot(1).await.is_err());
    assert_eq!(calls.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_one_account_for_all_that_share_it() {
    let rule = BudgetRule::Share { share: Ratio::ZERO, minimum_per_second: 1, horizon: 2 * SECOND };
    let budget = Budget::new(rule).unwrap();
    let mut sent = 0;
    for _ in 0..2 {
        let (calls, client) = failing();
        let layer = retries(10).with_request_rule(Repeatable).with_budget(budget.clone());
        assert!(layer.layer(client).oneshot(1).await.is_err());
        sent += calls.load(Ordering::Relaxed);
    }
    // Two first attempts, and the two retries that the account holds.
    assert_eq!(sent, 4);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_cannot_finish_before_the_deadline_is_not_started() {
    let (calls, client) = failing();
    let backoff = Backoff::constant(2 * SECOND).without_jitter();
    let retry = attempts(10).with_backoff(backoff);
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(timeout::Config::of_total("call", 3 * SECOND)).unwrap())
        .layer(RetryLayer::new(retry).unwrap().with_request_rule(Repeatable))
        .service(client);
    let began = clock::now();
    let error = service.oneshot(1).await.unwrap_err();
    assert_eq!(error.to_string(), "down", "the dependency's own word, not a timeout");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert!(clock::now().since(began) < 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_and_the_attempt_reach_the_client() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let client = service_fn(move |_: u32| {
        let context = CallContext::current();
        let left = context.remaining(clock::now()).unwrap();
        notes.lock().unwrap().push((context.attempt(), context.attempts_left(), left));
        std::future::ready(Err::<u32, BoxError>("down".into()))
    });
    let (layer, _) = salve::stack("context")
        .with_total_timeout(5 * SECOND)
        .with_attempt_timeout(2 * SECOND)
        .with_retry(attempts(3).with_backoff(Backoff::constant(SECOND).without_jitter()))
        .with_request_rule(Repeatable)
        .build_flat()
        .unwrap();
    assert!(layer.layer(client).oneshot(1).await.is_err());
    let expected = [(1, Some(2), 2 * SECOND), (2, Some(1), 2 * SECOND), (3, Some(0), 2 * SECOND)];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(CallContext::current(), CallContext::NEW);
}

/// What each room makes of a rejection from below it: room by reason, sent or not.
#[tokio::test(start_paused = true)]
async fn every_room_treats_every_rejection_by_the_same_table() {
    let origin = Origin::new("inner", Name::from("inner"));
    for reason in Reason::ALL {
        let never = matches!(
            reason,
            Reason::DeadlineExceeded
                | Reason::TooCostly
                | Reason::Closing
                | Reason::Disabled
                | Reason::Shed
        );
        for sent in [false, true] {
            for repeatable in [false, true] {
                let inner = Rejection::new(&origin, reason);
                let inner = if sent { inner.maybe_sent() } else { inner };
                let what = format!("{reason}, sent: {sent}, repeatable: {repeatable}");
                let calls = Arc::new(AtomicU32::new(0));
                let (counted, rejection) = (Arc::clone(&calls), inner.clone());
                let client = service_fn(move |_: u32| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    std::future::ready(Err::<u32, BoxError>(rejection.clone().into()))
                });
                let config =
                    circuit_breaker::Config::default().without_rules().with_consecutive_failures(2);
                let breaker = circuit_breaker::Handle::new(config).unwrap();
                let service = ServiceBuilder::new()
                    .layer(CircuitBreakerLayer::from(breaker.clone()))
                    .layer(retries(2).with_request_rule(move |_: &u32| repeatable))
                    .layer(TimeoutLayer::new(timeout::Config::default()).unwrap())
                    .layer(BulkheadLayer::new(bulkhead::Config::default()).unwrap())
                    .service(client);
                let error = service.clone().oneshot(1).await.unwrap_err();
                assert_eq!(error.rejection(), Some(&inner), "{what}");
                let expected = if never || (sent && !repeatable) { 1 } else { 2 };
                assert_eq!(calls.load(Ordering::Relaxed), expected, "{what}");
                service.oneshot(1).await.unwrap_err();
                let opened = breaker.state() == State::Open;
                assert_eq!(opened, sent, "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_retry_holds_no_place() {
    let places = bulkhead::Handle::new(bulkhead::Config::default().with_places(1)).unwrap();
    let backoff = Backoff::constant(10 * SECOND).without_jitter();
    let (_, client) = failing();
    let service = ServiceBuilder::new()
        .layer(
            RetryLayer::new(attempts(2).with_backoff(backoff))
                .unwrap()
                .with_request_rule(Repeatable),
        )
        .layer(BulkheadLayer::from(places.clone()))
        .service(client);
    let waiting = tokio::spawn(service.oneshot(1));
    tokio::time::sleep(SECOND).await;
    assert!(!waiting.is_finished());
    assert!(places.try_acquire().is_ok());
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_takes_no_place_and_its_wait_is_kept_by_the_retry() {
    let (calls, client) = failing();
    let (layer, handle) = salve::stack("open")
        .with_circuit_breaker(
            circuit_breaker::Config::default()
                .without_rules()
                .with_consecutive_failures(1)
                .with_open_for(3 * SECOND),
        )
        .with_retry(attempts(3))
        .with_request_rule(Unrepeatable)
        .build_flat()
        .unwrap();
    let service = layer.layer(client);
    assert_eq!(service.clone().oneshot(1).await.unwrap_err().to_string(), "down");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    // Refused calls were never sent, so they are attempted again, though not before the wait is over.
    let began = clock::now();
    service.oneshot(2).await.unwrap_err();
    assert!(clock::now().since(began) >= 3 * SECOND);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert_eq!(handle.bulkhead().unwrap().status().in_use, 0);
}

#[tokio::test(start_paused = true)]
async fn a_closing_stack_lets_calls_finish_and_refuses_new_ones() {
    let client = service_fn(|seconds: u32| async move {
        tokio::time::sleep(SECOND * seconds).await;
        Ok::<_, BoxError>(seconds)
    });
    let (layer, handle) =
        salve::stack("closing").with_attempt_timeout(60 * SECOND).build().unwrap();
    let service = layer.layer(client);
    let short = tokio::spawn(service.clone().oneshot(2));
    let long = tokio::spawn(service.clone().oneshot(20));
    tokio::task::yield_now().await;
    assert_eq!(handle.in_flight(), 2);
    assert_eq!(handle.close(5 * SECOND).await, 1);
    assert_eq!(short.await.unwrap().unwrap(), 2);
    let refused = service.oneshot(1).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().reason(), Reason::Closing);
    let began = clock::now();
    assert_eq!(handle.close(60 * SECOND).await, 0);
    assert_eq!(clock::now().since(began), 15 * SECOND);
    assert_eq!(long.await.unwrap().unwrap(), 20);
}

#[tokio::test(start_paused = true)]
async fn every_part_can_be_left_out() {
    let (calls, client) = failing();
    let (layer, handle) = salve::stack("bare")
        .without_total_timeout()
        .without_retry()
        .without_circuit_breaker()
        .without_bulkhead()
        .without_attempt_timeout()
        .build()
        .unwrap();
    for _ in 0..100 {
        let error = layer.layer(client.clone()).oneshot(1).await.unwrap_err();
        assert!(matches!(error, salve::Error::Service(_)));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 100);
    assert_eq!((handle.sensors().count(), handle.effectors().count()), (0, 0));

    let error = salve::stack("wrong").with_attempt_timeout(Duration::ZERO).build().unwrap_err();
    assert_eq!((error.room(), error.field(), error.value()), ("timeout", "attempt", "0ns"));
}

#[test]
fn a_stack_can_be_read_and_steered_by_name() {
    let (_, handle) = salve::stack("inventory").build().unwrap();
    let names: Vec<_> = handle.sensors().map(|sensor| sensor.name().to_string()).collect();
    let parts = ["total", "retry", "breaker", "bulkhead", "attempt"];
    assert_eq!(names, parts.map(|part| format!("inventory/{part}")));
    let names: Vec<_> = handle.effectors().map(|effector| effector.name().to_string()).collect();
    assert_eq!(names, ["retry", "breaker", "bulkhead"].map(|part| format!("inventory/{part}")));
    let breaker = handle.effectors().nth(1).unwrap();
    breaker.pull("force_open").unwrap();
    assert_eq!(handle.circuit_breaker().unwrap().state(), State::ForcedOpen);
}

#[tokio::test]
async fn a_stack_that_lacks_parts_says_what_its_client_says_of_readiness() {
    let (layer, _) = salve::stack("bare")
        .without_total_timeout()
        .without_retry()
        .without_bulkhead()
        .without_attempt_timeout()
        .build()
        .unwrap();
    let places = tower::limit::ConcurrencyLimitLayer::new(1);
    let client = places.layer(service_fn(|request: u32| async move { Ok::<_, String>(request) }));
    let mut service = layer.layer(client);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut other = service.clone();
    assert!(other.poll_ready(&mut cx).is_pending());
    // The place that it has waited for is the one that the call is made in.
    assert_eq!(service.call(7).await.unwrap(), 7);
    assert!(other.poll_ready(&mut cx).is_ready());
}
