//! The check of Redis against a real one.
#![cfg(feature = "redis")]

use std::time::Duration;

use salve_checks::Thresholds;
use salve_checks::redis::{Config, RedisCheck};
use salve_health::{Check, Finding, Status};
use salve_testkit::servers::Redis;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

async fn found(config: Config) -> Finding {
    let check = RedisCheck::new(config).unwrap();
    timeout(DEADLINE, check.run()).await.expect("an answer in time")
}

fn at(redis: &Redis) -> Config {
    Config::new(format!("redis://127.0.0.1:{}", redis.port()))
}

#[tokio::test]
async fn a_server_that_lives_passes_and_one_that_was_killed_fails() {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = Redis::start(dir.path(), &[]).await.unwrap();
    let finding = found(at(&redis)).await;
    assert_eq!((finding.status, finding.reason), (Status::Pass, None));
    assert!(finding.value.is_some_and(|it| it.value > 0.0 && it.unit == "ms"));
    redis.kill().await.unwrap();
    let finding = found(at(&redis)).await;
    assert_eq!(finding.status, Status::Fail);
    assert!(finding.reason.unwrap().to_lowercase().contains("refused"));
    redis.revive().await.unwrap();
    assert_eq!(found(at(&redis)).await.status, Status::Pass);
}

#[tokio::test]
async fn a_server_that_is_stopped_where_it_stands_gives_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let redis = Redis::start(dir.path(), &[]).await.unwrap();
    let check = RedisCheck::new(at(&redis)).unwrap();
    redis.process().unwrap().freeze().unwrap();
    assert!(timeout(Duration::from_millis(700), check.run()).await.is_err());
    redis.process().unwrap().thaw().unwrap();
    assert_eq!(timeout(DEADLINE, check.run()).await.unwrap().status, Status::Pass);
}

#[tokio::test]
async fn answers_and_latency_are_judged() {
    let dir = tempfile::tempdir().unwrap();
    let redis = Redis::start(dir.path(), &[]).await.unwrap();
    let role = at(&redis).with_command(["SET", "a", "1"]).with_answer("OK");
    assert_eq!(found(role).await.status, Status::Pass);
    let wrong = found(at(&redis).with_command(["GET", "a"]).with_answer("2")).await;
    assert_eq!((wrong.status, wrong.reason.as_deref()), (Status::Fail, Some("answered 1, not 2")));
    let error = found(at(&redis).with_command(["INCR"])).await;
    assert_eq!(error.status, Status::Fail);
    assert!(error.reason.unwrap().contains("wrong number of arguments"));
    let slow = at(&redis).with_latency(Thresholds::rising(0.0, 1e9));
    assert_eq!(found(slow).await.status, Status::Warn);
}

#[tokio::test]
async fn no_password_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let redis = Redis::start(dir.path(), &["--requirepass", "hunter2"]).await.unwrap();
    let url = |word: &str| format!("redis://:{word}@127.0.0.1:{}", redis.port());
    assert_eq!(found(Config::new(url("hunter2"))).await.status, Status::Pass);
    let wrong = found(Config::new(url("hunter3"))).await;
    let none = found(at(&redis)).await;
    assert_eq!((wrong.status, none.status), (Status::Fail, Status::Fail));
    let refused = RedisCheck::new(Config::new("redis://:hunter4@/ /")).map(|it| format!("{it:?}"));
    let check = RedisCheck::new(Config::new(url("hunter2"))).unwrap();
    for shown in [format!("{wrong:?}{none:?}"), format!("{check:?}"), format!("{refused:?}")] {
        assert!(!shown.contains("hunter"), "{shown}");
    }
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let refused = |config: Config| RedisCheck::new(config).unwrap_err();
    assert_eq!(refused(Config::new("http://:hunter2@shop/")).value(), "http://shop/");
    let silent = Config::default().with_command(Vec::<String>::new());
    assert_eq!((refused(silent.clone()).field(), refused(silent).value()), ("command", "0"));
}
