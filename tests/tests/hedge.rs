//! What hedges and the rooms within and around them promise each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve::bulkhead::{self, BulkheadLayer};
use salve::circuit_breaker::{self, CircuitBreakerLayer, State};
use salve::retry::{self, Backoff, RetryLayer};
use salve::{Budget, BudgetRule, Ratio, Repeatable};
use salve_hedge::{Config, HedgeLayer};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

fn hedges() -> HedgeLayer<salve_hedge::Rules<salve::ErrorsAreFailures, Repeatable>> {
    let config = Config::new("hedge").with_fixed_delay(10 * MS);
    HedgeLayer::new(config).unwrap().without_budget().with_request_rule(Repeatable)
}

/// The calls that reach it hang and answer in turn, a hanging one first.
fn every_second_hangs()
-> (Arc<AtomicU32>, impl Service<u32, Response = u32, Error = BoxError, Future: Send> + Clone) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let service = service_fn(move |_: u32| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            if number.is_multiple_of(2) {
                std::future::pending::<()>().await;
            }
            Ok::<u32, BoxError>(number)
        }
    });
    (calls, service)
}

#[tokio::test(start_paused = true)]
async fn a_breaker_takes_losers_for_cancelled_and_not_for_failed() {
    let rules = circuit_breaker::Config::default().without_rules().with_consecutive_failures(1);
    let breaker = CircuitBreakerLayer::new(rules).unwrap();
    let handle = breaker.handle();
    let (calls, client) = every_second_hangs();
    let service = ServiceBuilder::new().layer(hedges()).layer(breaker).service(client);
    for _ in 0..20 {
        assert!(service.clone().oneshot(0).await.is_ok());
    }
    assert_eq!(calls.load(Ordering::Relaxed), 40);
    assert_eq!(handle.state(), State::Closed);
    assert_eq!(handle.counts().failures, 0);
}

#[tokio::test(start_paused = true)]
async fn losers_give_their_places_back_and_a_full_bulkhead_refuses_only_copies() {
    let config = bulkhead::Config::default().with_places(1);
    let bulkhead = BulkheadLayer::new(config).unwrap();
    let handle = bulkhead.handle();
    let slow = service_fn(|request: u32| async move {
        tokio::time::sleep(30 * MS).await;
        Ok::<u32, BoxError>(request)
    });
    let layer = hedges();
    let service = layer.layer(bulkhead.layer(slow));
    assert_eq!(service.oneshot(7).await.unwrap(), 7);
    assert_eq!((layer.handle().counts().unsent, handle.status().in_use), (1, 0));

    let bulkhead = BulkheadLayer::new(bulkhead::Config::default().with_places(2)).unwrap();
    let handle = bulkhead.handle();
    let (_, client) = every_second_hangs();
    let service = layer.layer(bulkhead.layer(client));
    for _ in 0..5 {
        assert!(service.clone().oneshot(0).await.is_ok());
    }
    assert_eq!(handle.status().in_use, 0);
}

#[tokio::test(start_paused = true)]
async fn copies_are_attempts_of_the_retries_around_them() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let failing = service_fn(move |_: u32| {
        counted.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::time::sleep(15 * MS).await;
            Err::<u32, BoxError>("down".into())
        }
    });
    for (attempts, expected) in [(1, 1), (2, 2), (3, 3), (4, 4)] {
        calls.store(0, Ordering::Relaxed);
        let config =
            retry::Config::default().with_max_attempts(attempts).with_backoff(Backoff::none());
        let retries = RetryLayer::new(config).unwrap().with_request_rule(Repeatable);
        let service = ServiceBuilder::new().layer(retries).layer(hedges()).service(failing.clone());
        assert!(service.oneshot(0).await.is_err());
        assert_eq!(calls.load(Ordering::Relaxed), expected, "of {attempts} attempts");
    }
}

#[tokio::test(start_paused = true)]
async fn retries_within_a_hedge_repeat_the_call_and_not_its_copy() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let failing = service_fn(move |_: u32| {
        counted.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::time::sleep(15 * MS).await;
            Err::<u32, BoxError>("down".into())
        }
    });
    let config = retry::Config::default().with_max_attempts(3).with_backoff(Backoff::none());
    let retries = RetryLayer::new(config).unwrap().with_request_rule(Repeatable);
    let service = ServiceBuilder::new().layer(hedges()).layer(retries).service(failing);
    assert!(service.oneshot(0).await.is_err());
    assert_eq!(calls.load(Ordering::Relaxed), 3 + 1, "and not 3 times 2");
}

#[tokio::test(start_paused = true)]
async fn retries_and_hedges_that_share_a_budget_count_a_call_once() {
    let rule = BudgetRule::Share {
        share: Ratio::percent::<20>(),
        minimum_per_second: 0,
        horizon: Duration::from_secs(10),
    };
    let budget = Budget::new(rule).unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let failing = service_fn(move |_: u32| {
        counted.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::time::sleep(15 * MS).await;
            Err::<u32, BoxError>("down".into())
        }
    });
    let config = retry::Config::default().with_max_attempts(4).with_backoff(Backoff::none());
    let retries = RetryLayer::new(config).unwrap().with_request_rule(Repeatable);
    let mut service = ServiceBuilder::new()
        .layer(retries.with_budget(budget.clone()))
        .layer(hedges().with_budget(budget))
        .service(failing);
    for _ in 0..100 {
        assert!(service.call(0).await.is_err());
    }
    assert_eq!(calls.load(Ordering::Relaxed), 120);
}
