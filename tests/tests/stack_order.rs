//! Why the parts of a stack stand in their order: what would go wrong if a pair changed places.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve::degradation::{self, Feature};
use salve::retry::{self, Backoff};
use salve::{
    Class, Error, Reason, Repeatable, RequestRule, bulkhead, circuit_breaker, fallback, hedge,
    rate_limit, stack,
};
use tower::{Layer, Service, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// Calls that take so long, by their order, and then fail or succeed; and how many there were.
fn client(
    script: &'static [(u64, bool)],
) -> (Arc<AtomicU32>, impl Service<u32, Response = u32, Error = String, Future: Send> + Clone) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let service = service_fn(move |request: u32| {
        let nth = counted.fetch_add(1, Ordering::Relaxed) as usize;
        let (millis, succeeds) = script[nth.min(script.len() - 1)];
        async move {
            tokio::time::sleep(MS * u32::try_from(millis).unwrap()).await;
            if succeeds { Ok(request) } else { Err("down".to_owned()) }
        }
    });
    (calls, service)
}

fn reason<T>(result: Result<T, Error<String>>) -> Option<Reason> {
    match result {
        Err(Error::Rejected(rejection)) => Some(rejection.reason()),
        _ => None,
    }
}

fn at_once(attempts: u32) -> retry::Config {
    retry::Config::default().with_max_attempts(attempts).with_backoff(Backoff::none())
}

#[tokio::test(start_paused = true)]
async fn a_feature_that_is_off_costs_no_rate_no_probe_and_no_place() {
    let shop = degradation::Config::new("shop").with_feature(Feature::new("search"));
    let shop = degradation::Handle::new(shop).unwrap();
    let quota = rate_limit::Quota::per_minute(10);
    let (layer, handle) = stack("search")
        .with_feature(shop.feature("search").unwrap())
        .with_rate_limit(rate_limit::Config::new("search", quota))
        .build()
        .unwrap();
    let (calls, client) = client(&[(0, true)]);
    let service = layer.layer(client);
    shop.override_feature("search", Some(0)).unwrap();
    for _ in 0..100 {
        assert_eq!(reason(service.clone().oneshot(1).await), Some(Reason::Disabled));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert_eq!(handle.retry().unwrap().counts().calls, 0);
    shop.override_feature("search", None).unwrap();
    for _ in 0..10 {
        assert_eq!(service.clone().oneshot(1).await.unwrap(), 1);
    }
}

#[derive(Clone)]
struct AllSheddable;

impl RequestRule<u32> for AllSheddable {
    fn is_repeatable(&self, _: &u32) -> bool {
        true
    }

    fn class(&self, _: &u32) -> Option<Class> {
        Some(Class::Sheddable)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_shed_is_not_attempted_again() {
    let ladder = degradation::Handle::new(degradation::Config::default()).unwrap();
    let (layer, handle) = stack("batch")
        .with_degradation(ladder.clone())
        .with_request_rule(AllSheddable)
        .with_retry(at_once(5))
        .build()
        .unwrap();
    let (calls, client) = client(&[(0, true)]);
    ladder.degrade("reduced", "test").unwrap();
    assert_eq!(reason(layer.layer(client).oneshot(1).await), Some(Reason::Shed));
    assert_eq!((calls.load(Ordering::Relaxed), handle.retry().unwrap().counts().calls), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_one_of_the_attempts_and_paid_from_the_same_budget() {
    let (layer, handle) = stack("stock")
        .with_request_rule(Repeatable)
        .with_retry(at_once(3))
        .with_hedge(hedge::Config::default().with_fixed_delay(10 * MS))
        .with_circuit_breaker(circuit_breaker::Config::default().without_rules())
        .build()
        .unwrap();
    let budget = handle.retry().unwrap().budget().unwrap();
    let before = budget.available(salve::clock::now());
    // Every call is late and fails: 3 attempts in all, copies among them.
    let (calls, client) = client(&[(50, false)]);
    assert!(layer.layer(client).oneshot(1).await.is_err());
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    assert_eq!(handle.hedge().unwrap().counts().copies, 1);
    let after = handle.hedge().unwrap().budget().unwrap().available(salve::clock::now());
    assert!(after + 2 <= before + 1, "{before} before, {after} after two were paid for");
}

#[tokio::test(start_paused = true)]
async fn each_copy_is_admitted_by_the_breaker_and_takes_a_place_of_its_own() {
    let (layer, handle) = stack("stock")
        .with_request_rule(Repeatable)
        .without_retry()
        .with_hedge(hedge::Config::default().with_fixed_delay(10 * MS))
        .with_bulkhead(bulkhead::Config::default().with_places(1))
        .build()
        .unwrap();
    let (calls, client) = client(&[(50, true)]);
    // The copy finds no place; that is no answer, and the call's own comes all the same.
    assert_eq!(layer.layer(client).oneshot(7).await.unwrap(), 7);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let hedge = handle.hedge().unwrap().counts();
    assert_eq!((hedge.copies, hedge.unsent, hedge.won), (1, 1, 0));
    assert_eq!(handle.circuit_breaker().unwrap().counts().neutral, 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_breaker_refuses_uses_up_no_rate() {
    let quota = rate_limit::Quota::per_minute(2);
    let breaker = circuit_breaker::Config::default().without_rules().with_consecutive_failures(1);
    let (layer, handle) = stack("api")
        .without_retry()
        .with_circuit_breaker(breaker)
        .with_rate_limit(rate_limit::Config::new("api", quota))
        .build()
        .unwrap();
    let (calls, client) = client(&[(0, false), (0, true)]);
    let service = layer.layer(client);
    assert!(service.clone().oneshot(1).await.is_err());
    for _ in 0..10 {
        assert_eq!(reason(service.clone().oneshot(1).await), Some(Reason::Unavailable));
    }
    handle.circuit_breaker().unwrap().close();
    assert_eq!(service.clone().oneshot(1).await.unwrap(), 1);
    assert_eq!(reason(service.oneshot(1).await), Some(Reason::RateLimited));
    // The rate says nothing about the dependency.
    let counts = handle.circuit_breaker().unwrap().counts();
    assert_eq!((counts.neutral, counts.failures, calls.load(Ordering::Relaxed)), (1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_rate_holds_no_place_and_stays_within_the_deadline() {
    let quota = rate_limit::Quota::per_second(1).smooth();
    let waits = rate_limit::Config::new("api", quota).with_queue(10).with_max_wait(60 * SECOND);
    let (layer, handle) =
        stack("api").with_rate_limit(waits).with_total_timeout(3 * SECOND).build().unwrap();
    let (_, client) = client(&[(0, true)]);
    let service = layer.layer(client);
    assert_eq!(service.clone().oneshot(1).await.unwrap(), 1);
    let waiting = tokio::spawn(service.clone().oneshot(2));
    tokio::task::yield_now().await;
    assert_eq!((handle.in_flight(), handle.bulkhead().unwrap().status().in_use), (1, 0));
    assert_eq!(waiting.await.unwrap().unwrap(), 2);
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(tokio::spawn(service.clone().oneshot(3)));
        tokio::task::yield_now().await;
    }
    let mut answered = 0;
    for call in waiting {
        match call.await.unwrap() {
            Ok(_) => answered += 1,
            Err(error) => assert!(matches!(error, Error::Rejected(_)), "{error}"),
        }
    }
    assert!((2..=3).contains(&answered), "{answered} turns within three seconds");
}

#[tokio::test(start_paused = true)]
async fn a_fallback_stands_outside_of_everything_that_refuses_or_gives_up() {
    let alternatives = [fallback::Alternative::<u32, u32, Error<String>>::value("none", 99)];
    let layer = fallback::FallbackLayer::new(fallback::Config::new("stock"), alternatives).unwrap();
    let shop = degradation::Config::new("shop").with_feature(Feature::new("search"));
    let shop = degradation::Handle::new(shop).unwrap();
    let breaker = circuit_breaker::Config::default().without_rules().with_consecutive_failures(2);
    let (layer, handle) = stack("stock")
        .with_fallback(layer)
        .with_feature(shop.feature("search").unwrap())
        .with_request_rule(Repeatable)
        .with_retry(at_once(3))
        .with_circuit_breaker(breaker)
        .with_total_timeout(SECOND)
        .build()
        .unwrap();
    let (calls, client) = client(&[(0, false), (0, false), (5_000, true), (0, true)]);
    let service = layer.layer(client);
    // Two failures open the breaker, which refuses the third attempt.
    assert_eq!(service.clone().oneshot(1).await.unwrap(), 99);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    handle.circuit_breaker().unwrap().reset();
    // The next takes too long for the whole call.
    assert_eq!(service.clone().oneshot(1).await.unwrap(), 99);
    assert_eq!(service.clone().oneshot(1).await.unwrap(), 1);
    shop.override_feature("search", Some(0)).unwrap();
    assert_eq!(service.clone().oneshot(1).await.unwrap(), 99);
    assert_eq!(handle.fallback().unwrap().counts().failed, 3);
    // What is closing says so itself.
    assert_eq!(handle.close(SECOND).await, 0);
    assert_eq!(reason(service.oneshot(1).await), Some(Reason::Closing));
}
