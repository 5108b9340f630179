//! Hedging by key: what is late is measured for each, the budget is one.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve_core::{Budget, BudgetRule, Effector, RegistryConfig, Repeatable, Sensor};
use salve_hedge::{Config, Event, KeyedHandle, KeyedHedgeLayer, Quantile, Rules};
use salve_testkit::TestError;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

fn config() -> Config {
    Config::new("shards").with_quantile(Quantile::default().with_min_samples(10))
}

fn by_shard<'r>(request: &'r &'static str) -> Cow<'r, str> {
    Cow::Borrowed(request)
}

/// One that takes 1 ms, one that takes 100 ms, and each stalls once when it is told to.
#[tokio::test(start_paused = true)]
async fn each_key_knows_what_is_late_for_it() {
    let shards = KeyedHandle::<String>::new(config(), RegistryConfig::default()).unwrap();
    let mut events = shards.subscribe(NonZeroUsize::new(100).unwrap());
    let rules = Rules::new().with_request_rule(Repeatable);
    let layer = KeyedHedgeLayer::new(shards.clone(), by_shard).with_rules(rules);
    let stalls = Arc::new(AtomicU32::new(0));
    let told = Arc::clone(&stalls);
    let service = layer.layer(service_fn(move |shard: &'static str| {
        let stalled = told.swap(0, Ordering::Relaxed) > 0;
        async move {
            let usual = if shard == "quick" { MS } else { 100 * MS };
            sleep(if stalled { Duration::from_secs(60) } else { usual }).await;
            Ok::<_, TestError>(shard)
        }
    }));
    for _ in 0..20 {
        service.clone().oneshot("quick").await.unwrap();
        service.clone().oneshot("slow").await.unwrap();
    }
    assert_eq!(shards.counts().copies, 0, "neither is late in its own terms");
    for (shard, most) in [("quick", 5 * MS), ("slow", 250 * MS)] {
        stalls.store(1, Ordering::Relaxed);
        let began = Instant::now();
        assert_eq!(service.clone().oneshot(shard).await, Ok(shard));
        assert!(began.elapsed() <= most, "{shard}: {:?}", began.elapsed());
    }
    assert_eq!(shards.counts().won, 2);
    let first = events.try_next().unwrap();
    assert_eq!(first.key.as_deref(), Some("quick"));
    assert!(matches!(first.event, Event::CopySent { copy: 1, .. }), "{first:?}");
    assert_eq!(shards.statuses().len(), 2);
    assert!(shards.status("quick").unwrap().delay < shards.status("slow").unwrap().delay);
}

#[tokio::test(start_paused = true)]
async fn all_keys_pay_from_one_budget_and_follow_new_settings() {
    let rule = BudgetRule::Tokens { capacity: 1, retry_cost: 1, timeout_cost: 1 };
    let budget = Budget::new(rule).unwrap();
    let config = Config::new("shards").with_fixed_delay(MS);
    let bounds = RegistryConfig::default();
    let shards = KeyedHandle::<String>::with_budget(config, Some(budget), bounds).unwrap();
    let call = async |shard: &str| {
        let work = || async {
            sleep(50 * MS).await;
            Ok::<_, TestError>(())
        };
        shards.call(shard, work).await
    };
    assert_eq!(tokio::join!(call("a"), call("b")), (Ok(()), Ok(())));
    let counts = shards.counts();
    assert_eq!((counts.copies, counts.budget_refused), (1, 1));

    shards.reconfigure(Config::new("other").with_fixed_delay(60 * MS)).unwrap();
    assert_eq!(shards.status("a").unwrap().delay, Some(60 * MS));
    assert_eq!(shards.config().name, "shards");
    assert!(shards.reconfigure(Config::new("x").with_max_copies(0)).is_err());
    shards.pause();
    assert!(shards.status("b").unwrap().paused);
    assert!(shards.remove("b"));
    assert_eq!(shards.status("b"), None);
}

#[tokio::test(start_paused = true)]
async fn all_keys_together_are_read_and_steered_by_name() {
    let config = Config::new("shards").with_fixed_delay(MS);
    let shards = KeyedHandle::<String>::new(config, RegistryConfig::default()).unwrap();
    let late = async |shard: &str| {
        let work = || async {
            sleep(50 * MS).await;
            Ok::<_, TestError>(())
        };
        shards.call(shard, work).await.unwrap();
    };
    late("a").await;
    shards.pull("pause").unwrap();
    late("b").await;
    let mut read = Vec::new();
    shards.read(&mut |reading| read.push((reading.name, reading.value)));
    for expected in [("keys", 2.0), ("calls_total", 2.0), ("copies_total", 1.0), ("paused", 1.0)] {
        assert!(read.contains(&expected), "{expected:?} in {read:?}");
    }
    shards.pull("resume").unwrap();
    late("b").await;
    assert_eq!(shards.counts().copies, 2);
    assert_eq!(shards.pull("stop").unwrap_err().to_string(), "`shards` has no lever `stop`");
    assert_eq!((Sensor::name(&shards), shards.levers().len()), (Effector::name(&shards), 2));
}
