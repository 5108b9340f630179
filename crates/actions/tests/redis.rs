//! A real Redis as a cache that is flushed.
#![cfg(feature = "redis")]

mod order;

use std::future::Future;
use std::time::Duration;

use order::order;
use salve_actions::cache::{Cache, FlushCache, RedisCache, RedisConfig};
use salve_actions::failover::Switch;
use salve_healer::{Action, Verdict};
use salve_testkit::servers::Redis;
use tokio::time::timeout;

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("an end in time")
}

fn url(redis: &Redis) -> String {
    format!("redis://127.0.0.1:{}", redis.port())
}

/// Puts so many keys under a name.
async fn fill(redis: &Redis, name: &str, count: usize) {
    let client = redis::Client::open(url(redis)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut all = redis::pipe();
    for at in 0..count {
        all.cmd("SET").arg(format!("{name}:{at}")).arg(at).ignore();
    }
    all.query_async::<()>(&mut connection).await.unwrap();
}

async fn size(redis: &Redis) -> u64 {
    let client = redis::Client::open(url(redis)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn inv_34_only_what_fits_is_flushed_and_a_value_makes_the_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let redis = soon(Redis::start(dir.path(), &[])).await.unwrap();
    soon(fill(&redis, "shop", 1_200)).await;
    soon(fill(&redis, "other", 30)).await;
    let config = RedisConfig::new(url(&redis)).with_pattern("shop:*");
    let flush = FlushCache::new("flush", RedisCache::new(config).unwrap());
    let order = order(&flush);
    let report = soon(flush.execute(&order)).await.unwrap();
    assert_eq!(report.done, ["1200 entries flushed, it answers"]);
    assert_eq!(soon(size(&redis)).await, 30, "nothing else, and no trace of the trip");
    let again = soon(flush.execute(&order)).await.unwrap();
    assert_eq!(again.done, ["0 entries flushed, it answers"]);
    assert_eq!(soon(flush.verify(&order)).await, Some(Verdict::Recovered));

    let all = RedisCache::new(RedisConfig::new(url(&redis))).unwrap();
    assert_eq!(soon(all.flush()).await, Ok(30));
    assert_eq!(soon(size(&redis)).await, 0);
}

#[tokio::test]
async fn a_redis_that_is_gone_is_fallen_back_from_and_tells_no_password() {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = soon(Redis::start(dir.path(), &["--requirepass", "hunter2"])).await.unwrap();
    let cache = |word: &str| {
        let url = format!("redis://:{word}@127.0.0.1:{}", redis.port());
        RedisCache::new(RedisConfig::new(url)).unwrap()
    };
    let (known, unknown) = (cache("hunter2"), cache("hunter3"));
    soon(known.round_trip()).await.unwrap();
    let refused = soon(unknown.flush()).await.unwrap_err();
    assert!(!refused.again && !refused.why.contains("hunter"), "{refused}");
    assert!(!format!("{known:?}").contains("hunter"));
    let wrong = RedisCache::new(RedisConfig::new("http://:hunter2@shop/")).unwrap_err();
    assert!(wrong.field() == "url" && !wrong.to_string().contains("hunter"), "{wrong}");
    let empty = RedisConfig::default().with_pattern("");
    assert_eq!(RedisCache::new(empty).unwrap_err().field(), "pattern");

    redis.kill().await.unwrap();
    assert!(soon(known.round_trip()).await.unwrap_err().again);
    let switch = Switch::new(["redis", "database"]).unwrap();
    let flush = FlushCache::new("flush", known).with_fallback(&switch, "database").unwrap();
    let order = order(&flush);
    let before = soon(flush.capture(&order)).await.unwrap();
    soon(flush.execute(&order)).await.unwrap();
    assert_eq!(switch.active(), "database");
    redis.revive().await.unwrap();
    soon(flush.roll_back(&order, &before)).await.unwrap();
    assert_eq!(switch.active(), "redis");
    assert_eq!(soon(flush.verify(&order)).await, Some(Verdict::Recovered));
}
