//! The check of PostgreSQL against a real one.
#![cfg(feature = "postgres")]

use std::time::Duration;

use salve_checks::Thresholds;
use salve_checks::postgres::{Config, PostgresCheck};
use salve_health::{Check, Finding, Status};
use salve_testkit::servers::Postgres;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

async fn found(config: Config) -> Finding {
    let check = PostgresCheck::new(config).unwrap();
    timeout(DEADLINE, check.run()).await.expect("an answer in time")
}

/// One server for all, since making a database takes seconds.
#[tokio::test]
async fn a_real_server_is_watched_through_its_faults() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Postgres::start(dir.path()).await.unwrap();
    let at = Config::new(server.url());
    let finding = found(at.clone()).await;
    assert_eq!((finding.status, finding.reason), (Status::Pass, None));
    assert!(finding.value.is_some_and(|it| it.value > 0.0 && it.unit == "ms"));

    let judged = found(at.clone().with_answer("2")).await;
    assert_eq!((judged.status, &*judged.reason.unwrap()), (Status::Fail, "answered 1, not 2"));
    let count = at.clone().with_query("SELECT count(*) + 40 FROM pg_class WHERE false");
    let full = found(count.with_number(Thresholds::rising(40.0, 90.0))).await;
    assert_eq!((full.status, full.value.map(|it| it.value)), (Status::Warn, Some(40.0)));
    let none = at.clone().with_query("SELECT 'a'").with_number(Thresholds::rising(1.0, 2.0));
    assert_eq!(found(none).await.status, Status::Unknown);

    let wrong = found(at.clone().with_query("SELECT * FROM missing")).await;
    assert_eq!(wrong.status, Status::Fail);
    assert!(wrong.reason.unwrap().contains("\"missing\" does not exist"));
    let stranger = server.url().replace("postgres@", "nobody:hunter2@");
    let stranger = found(Config::new(stranger)).await;
    assert_eq!(stranger.status, Status::Fail);
    let told = format!("{stranger:?}");
    assert!(told.contains("nobody") && !told.contains("hunter2"), "{told}");

    let check = PostgresCheck::new(at.clone()).unwrap();
    server.process().unwrap().freeze().unwrap();
    assert!(timeout(Duration::from_millis(700), check.run()).await.is_err());
    server.process().unwrap().thaw().unwrap();
    assert_eq!(timeout(DEADLINE, check.run()).await.unwrap().status, Status::Pass);

    server.kill().await.unwrap();
    let dead = found(at.clone()).await;
    assert_eq!(dead.status, Status::Fail);
    assert!(dead.reason.unwrap().to_lowercase().contains("refused"));
    server.revive().await.unwrap();
    assert_eq!(found(at).await.status, Status::Pass);
}

#[tokio::test]
async fn a_run_that_is_dropped_ends_its_query() {
    let dir = tempfile::tempdir().unwrap();
    let server = Postgres::start(dir.path()).await.unwrap();
    let sleeps = Config::new(server.url()).with_query("SELECT pg_sleep(600)");
    let sleeps = PostgresCheck::new(sleeps).unwrap();
    assert!(timeout(Duration::from_secs(1), sleeps.run()).await.is_err());
    // The connection is closed with the run; 20 sessions would be all that there are.
    for _ in 0..25 {
        let run = PostgresCheck::new(Config::new(server.url())).unwrap();
        assert_eq!(timeout(DEADLINE, run.run()).await.unwrap().status, Status::Pass);
    }
}

#[test]
fn settings_out_of_bounds_are_refused_without_telling_secrets() {
    let refused = |config: Config| PostgresCheck::new(config).unwrap_err();
    let wrong = refused(Config::new("host=db password=hunter2 nonsense=1"));
    assert_eq!((wrong.field(), wrong.value()), ("address", "(hidden)"));
    assert_eq!(refused(Config::default().with_query("")).field(), "query");
    let check = PostgresCheck::new(Config::new("postgres://u:hunter2@db/")).unwrap();
    assert!(!format!("{check:?}").contains("hunter2"));
}
