//! Retries by key: a budget each, settings in common.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve_core::{BudgetRule, Effector, Ratio, RegistryConfig, Rejection, Repeatable, Sensor};
use salve_retry::{Backoff, Config, Event, KeyedHandle, KeyedRetryLayer, Rules};
use salve_testkit::TestError;
use tower::{Layer, ServiceExt, service_fn};

fn config() -> Config {
    Config::new("hosts").with_backoff(Backoff::constant(Duration::ZERO))
}

/// Five retries a key, and no more.
fn few() -> BudgetRule {
    BudgetRule::Tokens { capacity: 5, retry_cost: 1, timeout_cost: 1 }
}

fn hosts(budget: Option<BudgetRule>) -> KeyedHandle<String> {
    KeyedHandle::with_budget_rule(config(), budget, RegistryConfig::default()).unwrap()
}

fn by_host<'r>(request: &'r &'static str) -> Cow<'r, str> {
    Cow::Borrowed(request)
}

async fn fail(hosts: &KeyedHandle<String>, key: &str) -> u32 {
    let attempts = AtomicU32::new(0);
    let result: Result<(), TestError> = hosts
        .call(key, || {
            attempts.fetch_add(1, Ordering::Relaxed);
            async { Err(TestError::Failed) }
        })
        .await;
    assert!(result.is_err());
    attempts.into_inner()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_fails_uses_up_its_own_budget_alone() {
    let hosts = hosts(Some(few()));
    let attempts = [fail(&hosts, "a").await, fail(&hosts, "a").await, fail(&hosts, "a").await];
    assert_eq!(attempts, [3, 3, 2]);
    assert_eq!(fail(&hosts, "b").await, 3);
    assert_eq!((hosts.budget_available("a"), hosts.budget_available("b")), (Some(0), Some(3)));
    assert_eq!(hosts.budget_available("c"), None);
    let counts = hosts.counts();
    assert_eq!((counts.calls, counts.retries, counts.budget_refused), (4, 7, 1));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_used_up_is_not_forgotten() {
    let bounds = RegistryConfig::default().with_max_keys(1).with_idle_after(Duration::ZERO);
    let hosts = KeyedHandle::<String>::with_budget_rule(config(), Some(few()), bounds).unwrap();
    for _ in 0..3 {
        fail(&hosts, "spent").await;
    }
    assert_eq!(fail(&hosts, "other").await, 3, "it shares the overflow budget");
    assert_eq!(hosts.budget_available("spent"), Some(0));
    assert_eq!(hosts.registry_counts().overflowed, 1);

    assert!(hosts.remove("spent"));
    fail(&hosts, "fresh").await;
    tokio::time::advance(Duration::from_millis(1)).await;
    fail(&hosts, "newer").await;
    assert_eq!(hosts.budget_available("fresh"), None, "one that can still pay may be forgotten");
}

#[tokio::test(start_paused = true)]
async fn the_layer_finds_the_policy_by_the_request() {
    let hosts = hosts(Some(few()));
    let mut events = hosts.subscribe(NonZeroUsize::new(100).unwrap());
    let rules = Rules::new().with_request_rule(Repeatable);
    let layer = KeyedRetryLayer::new(hosts.clone(), by_host).with_rules(rules);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let service = layer.layer(service_fn(move |host: &'static str| {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        async move { if host == "down" || call == 0 { Err(TestError::Failed) } else { Ok(host) } }
    }));
    assert_eq!(service.clone().oneshot("up").await, Ok("up"));
    for _ in 0..3 {
        assert!(service.clone().oneshot("down").await.is_err());
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2 + 3 + 3 + 2);
    assert_eq!((hosts.budget_available("up"), hosts.budget_available("down")), (Some(5), Some(0)));
    let first = events.try_next().unwrap();
    assert_eq!(first.key.as_deref(), Some("up"));
    assert!(matches!(first.event, Event::Retried { attempt: 1, .. }), "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn new_settings_hold_for_every_key_and_leave_budgets_alone() {
    let hosts = hosts(Some(few()));
    fail(&hosts, "old").await;
    hosts.reconfigure(config().with_max_attempts(2)).unwrap();
    assert_eq!((fail(&hosts, "old").await, fail(&hosts, "new").await), (2, 2));
    assert_eq!(hosts.budget_available("old"), Some(2));

    let error = hosts.reconfigure(config().with_max_attempts(0)).unwrap_err();
    assert_eq!(error.field(), "max_attempts");
    assert_eq!(hosts.config().max_attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_every_key_retries_as_settings_allow() {
    let hosts = hosts(None);
    for _ in 0..20 {
        assert_eq!(fail(&hosts, "a").await, 3);
    }
    assert_eq!(hosts.budgets_available(), [("a".to_owned(), None)]);
}

#[test]
fn a_budget_that_is_out_of_bounds_is_refused() {
    let rule = BudgetRule::Share {
        share: Ratio::ZERO,
        minimum_per_second: 0,
        horizon: Duration::from_millis(1),
    };
    let made =
        KeyedHandle::<String>::with_budget_rule(config(), Some(rule), RegistryConfig::default());
    assert_eq!(made.unwrap_err().field(), "horizon");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_can_be_told_from_a_failure() {
    let hosts = hosts(None);
    let result: Result<(), Rejection> = KeyedHandle::<String>::new(
        config().with_attempt_timeout(Duration::from_secs(1)).with_max_attempts(1),
        RegistryConfig::default(),
    )
    .unwrap()
    .call("slow", std::future::pending)
    .await;
    assert_eq!(result.unwrap_err().reason(), salve_core::Reason::AttemptTimeout);
    assert_eq!(hosts.counts().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn all_keys_together_are_read_and_steered_by_name() {
    let hosts = hosts(Some(few()));
    assert_eq!(fail(&hosts, "a").await, 3);
    hosts.pull("pause").unwrap();
    assert_eq!(fail(&hosts, "b").await, 1);
    let mut read = Vec::new();
    hosts.read(&mut |reading| read.push((reading.name, reading.value)));
    for expected in [("keys", 2.0), ("calls_total", 2.0), ("retries_total", 2.0), ("paused", 1.0)] {
        assert!(read.contains(&expected), "{expected:?} in {read:?}");
    }
    hosts.pull("resume").unwrap();
    assert_eq!(fail(&hosts, "b").await, 3);
    assert!(hosts.pull("stop").unwrap_err().to_string().contains("`stop`"));
    assert_eq!((Sensor::name(&hosts), hosts.levers().len()), (Effector::name(&hosts), 2));
}
