//! A history in a file: batches, losses that are counted, age, secrets, faults.
#![cfg(feature = "sqlite")]

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use salve_core::clock;
use salve_healer::{JournalError, Wall};
use salve_journal::history::{History, HistoryConfig, HistoryCounts, Row, Step, Table};
use serde_json::json;
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3_600);

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("history.db")
    }

    fn config(&self) -> HistoryConfig {
        // One that was dropped still closes the file; a slow disk may keep it at that.
        HistoryConfig::new(self.file()).with_busy_timeout(Duration::from_secs(10))
    }
}

fn feature(percent: u8) -> Row {
    Row::Feature { ladder: "shop".into(), feature: "search".into(), percent }
}

/// One row of each kind.
fn all() -> Vec<Row> {
    let text = str::to_owned;
    vec![
        Row::Breaker { name: text("stock"), state: text("open"), counts: [1, 2, 3, 4] },
        Row::BreakerMoved { name: text("stock"), state: text("open"), reason: text("failures") },
        Row::Check {
            target: text("api"),
            status: text("fail"),
            latency_ms: 1.5,
            value: Some((91.0, text("percent"))),
            reason: Some(text("full")),
        },
        Row::Summary {
            target: text("api"),
            state: text("failed"),
            score: Some(40),
            uptime: Some(0.5),
            failure_rate: None,
            mean_time_to_recovery_ms: Some(250.0),
        },
        Row::Recovery { incident: 7, what: text("verified"), why: text("the symptom is gone") },
        Row::Level {
            ladder: text("shop"),
            from: text("full"),
            to: text("less"),
            cause: text("rule"),
        },
        feature(50),
        Row::Experiment { name: text("e"), owner: text("ada"), state: text("ended"), report: None },
        Row::Snapshot { status: text("fail"), score: None, targets: [3, 1, 0] },
        Row::Issue {
            id: 7,
            kind: text("service"),
            severity: text("high"),
            resource: text("api"),
            description: text("token=abc was refused"),
            detected_at: Wall(5),
        },
        Row::Remediation { id: 9, issue: 7, action: text("restart"), description: text("api") },
        Row::Scores {
            overall: Some(80),
            components: vec![(text("database"), Some(100)), (text("network"), None)],
            issues: [1, 2],
        },
    ]
}

#[tokio::test]
async fn every_table_takes_its_rows_and_outlives_its_process() {
    let place = Place::new();
    let history = History::open(place.config()).unwrap();
    for row in all() {
        history.record_at(Wall(clock_ms()), row);
    }
    // Dropped, it writes what waits.
    drop(history);
    let written = async {
        loop {
            let history = History::open(place.config()).unwrap();
            let last = history.read(Table::HealthScores, Wall(0), 10).await.unwrap();
            if let [row] = last.as_slice() {
                break (history, row.clone());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (history, scores) = tokio::time::timeout(HOUR / 100, written).await.unwrap();
    assert_eq!(scores["components"], r#"{"database":100,"network":null}"#);
    for table in Table::ALL {
        assert_eq!(history.read(table, Wall(0), 10).await.unwrap().len(), 1, "{table:?}");
        assert!(history.read(table, Wall(u64::MAX), 10).await.unwrap().is_empty(), "{table:?}");
    }
    let [check] = &*history.read(Table::HealthChecks, Wall(0), 10).await.unwrap() else { panic!() };
    assert_eq!((&check["value"], &check["unit"]), (&91.0.into(), &"percent".into()));
    let [issue] = &*history.read(Table::SelfHealingIssues, Wall(0), 10).await.unwrap() else {
        panic!()
    };
    assert_eq!(issue["description"], "token=[redacted] was refused");
    assert_eq!((&issue["remediated"], &issue["ended_at"]), (&0.into(), &serde_json::Value::Null));
}

fn clock_ms() -> u64 {
    clock::since_unix_epoch().as_millis() as u64
}

#[tokio::test]
async fn incidents_and_actions_go_on_and_states_are_replaced() {
    let place = Place::new();
    let history = History::open(place.config()).unwrap();
    for row in all() {
        history.record(row);
    }
    let counts = [5, 6, 7, 8];
    history.record(Row::Breaker { name: "stock".into(), state: "closed".into(), counts });
    for (step, why) in [(Step::Started, "go"), (Step::Finished, "done"), (Step::Failed, "no use")] {
        history.record(Row::RemediationMoved { id: 9, step, why: why.into() });
    }
    history.record(Row::RemediationMoved { id: 9, step: Step::RolledBack, why: "undone".into() });
    history.record(Row::IssueEnded { id: 7, remediated: true });
    history.flush().await.unwrap();
    let one = async |table| {
        let rows = history.read(table, Wall(0), 10).await.unwrap();
        assert_eq!(rows.len(), 1);
        rows[0].clone()
    };
    let breaker = one(Table::CircuitBreakers).await;
    assert_eq!((&breaker["state"], &breaker["trips"]), (&"closed".into(), &8.into()));
    let done = one(Table::SelfHealingRemediations).await;
    let seen = ["status", "success", "error_message", "rollback_performed"].map(|name| &done[name]);
    assert_eq!(seen, [&json!("rolled_back"), &json!(0), &json!("no use"), &json!(1)]);
    assert!(done["started_at"].is_u64() && done["completed_at"].is_u64());
    let issue = one(Table::SelfHealingIssues).await;
    assert_eq!(issue["remediated"], 1);
    assert!(issue["ended_at"].is_u64());
}

#[tokio::test]
async fn rows_are_written_when_there_are_many_or_when_they_have_waited() {
    let place = Place::new();
    let config = place.config().with_batch(3, HOUR / 6);
    let history = History::open(config).unwrap();
    let rows = async || history.read(Table::FeatureFlags, Wall(0), 100).await.unwrap().len();
    for percent in 0..5 {
        history.record(feature(percent));
    }
    assert_eq!(rows().await, 3, "a batch, and two wait");
    assert_eq!(history.counts().written, 3);
    history.flush().await.unwrap();
    assert_eq!(rows().await, 5);

    let place = Place::new();
    let soon = place.config().with_batch(100, Duration::from_millis(50));
    let history = History::open(soon).unwrap();
    history.record(feature(1));
    let written = async {
        while history.counts().written == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HOUR / 100, written).await.expect("it does not wait for ever");
}

#[tokio::test]
async fn what_is_too_old_is_forgotten_by_kind() {
    let place = Place::new();
    let history = History::open(place.config()).unwrap();
    let day = 24 * 3_600 * 1_000;
    let now = clock_ms();
    for age in [6, 8, 29, 31, 89, 91] {
        for row in all() {
            let row = match row {
                Row::Issue { kind, severity, resource, description, detected_at, .. } => {
                    Row::Issue { id: age, kind, severity, resource, description, detected_at }
                }
                Row::Remediation { issue, action, description, .. } => {
                    Row::Remediation { id: age, issue, action, description }
                }
                row => row,
            };
            history.record_at(Wall(now - age * day), row);
        }
    }
    history.flush().await.unwrap();
    drop(history);
    let history = History::open(place.config()).unwrap();
    for (table, kept) in [
        (Table::HealthChecks, 1),
        (Table::SelfHealingIssues, 5),
        (Table::SelfHealingRemediations, 5),
        (Table::RecoveryEvents, 5),
        (Table::HealthScores, 3),
        (Table::DegradationState, 3),
    ] {
        assert_eq!(history.read(table, Wall(0), 100).await.unwrap().len(), kept, "{table:?}");
    }
    let counts = history.counts();
    assert!(counts.forgotten > 0 && counts.unforgotten == 0, "{counts:?}");
    assert_eq!(history.forget(Table::HealthScores, Wall(now - 7 * day)).await.unwrap(), 2);
    assert_eq!(history.read(Table::HealthScores, Wall(0), 100).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_forgotten_is_counted_and_nothing_else_suffers() {
    let place = Place::new();
    let history = History::open(place.config()).unwrap();
    history.record_at(Wall(1_000), feature(1));
    history.flush().await.unwrap();
    drop(history);
    let refuses = "CREATE TRIGGER stays BEFORE DELETE ON feature_flags
        BEGIN SELECT RAISE(ABORT, 'it stays'); END";
    Connection::open(place.file()).unwrap().execute_batch(refuses).unwrap();
    let history = History::open(place.config()).unwrap();
    history.record(feature(2));
    history.flush().await.unwrap();
    let counts = history.counts();
    let expected = HistoryCounts { written: 1, unforgotten: 1, ..HistoryCounts::default() };
    assert_eq!(counts, expected);
    assert_eq!(history.read(Table::FeatureFlags, Wall(0), 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn while_the_file_is_held_rows_wait_and_those_that_do_not_fit_are_counted() {
    let place = Place::new();
    let config = place.config().with_batch(2, Duration::from_millis(20)).with_queue(10);
    let config = config.with_busy_timeout(Duration::from_millis(20));
    let history = History::open(config).unwrap();
    let other = Connection::open(place.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut offered = 0;
    let full = async {
        while history.counts().dropped == 0 {
            history.record(feature(1));
            offered += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(HOUR / 100, full).await.expect("it is bounded");
    assert!(
        matches!(history.flush().await, Err(JournalError::Unwritable(why)) if why.contains("locked"))
    );
    other.execute_batch("COMMIT").unwrap();
    history.flush().await.unwrap();
    let HistoryCounts { written, dropped, failed, .. } = history.counts();
    assert!(failed > 0);
    assert_eq!(written + dropped, offered, "nothing is lost in silence");
    let rows = history.read(Table::FeatureFlags, Wall(0), 1_000).await.unwrap().len();
    assert_eq!(rows as u64, written);
}

#[tokio::test]
async fn a_row_that_no_table_takes_is_dropped_alone() {
    let place = Place::new();
    let history = History::open(place.config().with_batch(5, HOUR / 6)).unwrap();
    let check = |latency_ms| Row::Check {
        target: "api".into(),
        status: "pass".into(),
        latency_ms,
        value: None,
        reason: None,
    };
    for nth in 0..12_u8 {
        history.record(if nth % 5 == 2 { check(f64::NAN) } else { check(f64::from(nth)) });
    }
    history.flush().await.unwrap();
    assert_eq!(
        history.counts(),
        HistoryCounts { written: 10, dropped: 2, ..HistoryCounts::default() }
    );
    let rows = history.read(Table::HealthChecks, Wall(0), 100).await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| row["latency_ms"].as_f64().unwrap()).collect();
    assert_eq!(seen, [0.0, 1.0, 3.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0, 11.0]);
}

#[test]
fn what_is_no_history_and_settings_out_of_bounds_are_refused() {
    let place = Place::new();
    Connection::open(place.file())
        .unwrap()
        .execute_batch("CREATE TABLE mine (id INTEGER)")
        .unwrap();
    let refused = |config| History::open(config).unwrap_err().to_string();
    assert!(refused(place.config()).contains("it is no history"));
    let config = place.config().with_retention(HOUR / 2, HOUR, HOUR);
    assert!(refused(config).contains("`checks` is 1800s"), "settings come first");
}
