//! The file in the hands of its thread: batches, retention, and reading.

use std::time::Duration;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, TransactionBehavior, params_from_iter};
use salve_healer::Wall;
use serde_json::Map;

use super::config::HistoryConfig;
use super::row::{Row, Step, Table};
use super::tables::{MIGRATIONS, migrate};
use crate::redaction::Redaction;

/// An open file.
pub(super) struct Store {
    connection: Connection,
    redaction: Redaction,
}

/// A row with its time.
pub(super) type Dated = (Wall, Row);

impl Store {
    pub(super) fn open(config: &HistoryConfig) -> Result<Self, String> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&config.file)?;
            connection.busy_timeout(config.busy_timeout)?;
            connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            // What the last seconds held may be lost with the machine's power, and nothing else.
            connection.execute_batch("PRAGMA synchronous = NORMAL")?;
            Ok(connection)
        };
        let mut connection = open().map_err(|error| error.to_string())?;
        migrate(&mut connection, MIGRATIONS)?;
        Ok(Self { connection, redaction: config.redaction.clone() })
    }

    /// Writes all of them or none.
    pub(super) fn write(&mut self, rows: &[Dated]) -> rusqlite::Result<()> {
        let begin = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begin?;
        for (at, row) in rows {
            let (sql, values) = statement(*at, row);
            let values = values.into_iter().map(|value| match value {
                Value::Text(text) => Value::Text(self.redaction.text(&text).into_owned()),
                other => other,
            });
            transaction.prepare_cached(sql)?.execute(params_from_iter(values))?;
        }
        transaction.commit()
    }

    /// Forgets what is older than it has to be; says how many rows that were.
    pub(super) fn prune(&mut self, config: &HistoryConfig, now: Wall) -> rusqlite::Result<usize> {
        let mut gone = 0;
        for table in Table::ALL {
            gone += self.forget(table, before(now, config.kept(table)))?;
        }
        Ok(gone)
    }

    /// Forgets what is older than `before`.
    pub(super) fn forget(&mut self, table: Table, before: Wall) -> rusqlite::Result<usize> {
        let sql = format!("DELETE FROM {} WHERE at < ?1", table.name());
        self.connection.execute(&sql, [int(before.0)])
    }

    /// The rows of a table from `since` on, the oldest first.
    pub(super) fn read(
        &self,
        table: Table,
        since: Wall,
        at_most: usize,
    ) -> rusqlite::Result<Vec<Map<String, serde_json::Value>>> {
        let name = table.name();
        let sql = format!("SELECT * FROM {name} WHERE at >= ?1 ORDER BY at, rowid LIMIT ?2");
        let mut query = self.connection.prepare_cached(&sql)?;
        let names: Vec<String> = query.column_names().map(str::to_owned).collect();
        let most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let rows = query.query_map([int(since.0), most], |row| {
            let cell = |(nth, name): (usize, &String)| Ok((name.clone(), json(row.get_ref(nth)?)));
            names.iter().enumerate().map(cell).collect()
        })?;
        rows.collect()
    }
}

fn before(now: Wall, age: Duration) -> Wall {
    Wall(now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
}

fn json(value: ValueRef<'_>) -> serde_json::Value {
    match value {
        ValueRef::Integer(it) => it.into(),
        ValueRef::Real(it) => it.into(),
        ValueRef::Text(it) => String::from_utf8_lossy(it).into(),
        ValueRef::Null | ValueRef::Blob(_) => serde_json::Value::Null,
    }
}

/// SQLite's numbers have a sign; larger ones stand for for ever.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How a row is written.
fn statement(at: Wall, row: &Row) -> (&'static str, Vec<Value>) {
    let at = Value::from(int(at.0));
    let text = |text: &String| Value::from(text.clone());
    let number = |number: u64| Value::from(int(number));
    let score = |score: &Option<u8>| Value::from(score.map(i64::from));
    match row {
        Row::Breaker { name, state, counts: [ok, failed, rejected, trips] } => (
            "INSERT OR REPLACE INTO circuit_breakers (name, at, state, successes, failures, rejected, trips) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            vec![
                text(name),
                at,
                text(state),
                number(*ok),
                number(*failed),
                number(*rejected),
                number(*trips),
            ],
        ),
        Row::BreakerMoved { name, state, reason } => (
            "INSERT INTO circuit_breaker_state_history (at, name, state, reason) VALUES (?1, ?2, ?3, ?4)",
            vec![at, text(name), text(state), text(reason)],
        ),
        Row::Check { target, status, latency_ms, value, reason } => (
            "INSERT INTO health_checks (at, target, status, latency_ms, value, unit, reason) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            vec![
                at,
                text(target),
                text(status),
                Value::from(*latency_ms),
                Value::from(value.as_ref().map(|(value, _)| *value)),
                Value::from(value.as_ref().map(|(_, unit)| unit.clone())),
                Value::from(reason.clone()),
            ],
        ),
        Row::Summary {
            target,
            state,
            score: points,
            uptime,
            failure_rate,
            mean_time_to_recovery_ms,
        } => (
            "INSERT OR REPLACE INTO component_health_summary (target, at, state, score, uptime, failure_rate, \
             mean_time_to_recovery_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            vec![
                text(target),
                at,
                text(state),
                score(points),
                Value::from(*uptime),
                Value::from(*failure_rate),
                Value::from(*mean_time_to_recovery_ms),
            ],
        ),
        Row::Recovery { incident, what, why } => (
            "INSERT INTO recovery_events (at, incident, what, why) VALUES (?1, ?2, ?3, ?4)",
            vec![at, number(*incident), text(what), text(why)],
        ),
        Row::Level { ladder, from, to, cause } => (
            "INSERT INTO degradation_state (at, ladder, from_level, to_level, cause) VALUES (?1, ?2, ?3, ?4, ?5)",
            vec![at, text(ladder), text(from), text(to), text(cause)],
        ),
        Row::Feature { ladder, feature, percent } => (
            "INSERT INTO feature_flags (at, ladder, feature, percent) VALUES (?1, ?2, ?3, ?4)",
            vec![at, text(ladder), text(feature), Value::from(i64::from(*percent))],
        ),
        Row::Experiment { name, owner, state, report } => (
            "INSERT INTO chaos_experiments (at, name, owner, state, report) VALUES (?1, ?2, ?3, ?4, ?5)",
            vec![at, text(name), text(owner), text(state), Value::from(report.clone())],
        ),
        Row::Snapshot { status, score: points, targets: [up, down, unknown] } => (
            "INSERT INTO system_health_snapshots (at, status, score, up, down, unknown) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            vec![at, text(status), score(points), number(*up), number(*down), number(*unknown)],
        ),
        Row::Issue { id, kind, severity, resource, description, detected_at } => (
            "INSERT OR REPLACE INTO self_healing_issues (at, id, type, severity, resource, description, detected_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            vec![
                at,
                number(*id),
                text(kind),
                text(severity),
                text(resource),
                text(description),
                number(detected_at.0),
            ],
        ),
        Row::IssueEnded { id, remediated } => (
            "UPDATE self_healing_issues SET ended_at = ?1, remediated = ?3 WHERE id = ?2",
            vec![at, number(*id), Value::from(i64::from(*remediated))],
        ),
        Row::Remediation { id, issue, action, description } => (
            "INSERT OR REPLACE INTO self_healing_remediations (at, id, issue_id, action_type, description, status) \
             VALUES (?1, ?2, ?3, ?4, ?5, 'planned')",
            vec![at, number(*id), number(*issue), text(action), text(description)],
        ),
        Row::RemediationMoved { id, step, why } => {
            let word = Value::from(step.as_str().to_owned());
            (moved(*step), vec![at, number(*id), word, text(why)])
        }
        Row::Scores { overall, components, issues: [open, remediated] } => {
            let components: Map<String, serde_json::Value> =
                components.iter().map(|(name, it)| (name.clone(), (*it).into())).collect();
            let components = Value::from(serde_json::Value::from(components).to_string());
            (
                "INSERT INTO health_scores (at, overall, components, issues_open, issues_remediated) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                vec![at, score(overall), components, number(*open), number(*remediated)],
            )
        }
    }
}

/// All of them take the time, the number, the word of the step, and what is said.
const fn moved(step: Step) -> &'static str {
    match step {
        Step::Started => {
            "UPDATE self_healing_remediations SET status = ?3, started_at = ?1 WHERE id = ?2 AND ?4 IS NOT NULL"
        }
        Step::Finished => {
            "UPDATE self_healing_remediations SET status = ?3, completed_at = ?1 WHERE id = ?2 AND ?4 IS NOT NULL"
        }
        Step::Succeeded => {
            "UPDATE self_healing_remediations SET status = ?3, completed_at = coalesce(completed_at, ?1), \
             success = 1 WHERE id = ?2 AND ?4 IS NOT NULL"
        }
        Step::Failed => {
            "UPDATE self_healing_remediations SET status = ?3, completed_at = coalesce(completed_at, ?1), \
             success = 0, error_message = ?4 WHERE id = ?2"
        }
        Step::RolledBack => {
            "UPDATE self_healing_remediations SET status = ?3, completed_at = coalesce(completed_at, ?1), \
             rollback_performed = 1 WHERE id = ?2 AND ?4 IS NOT NULL"
        }
        Step::Dropped => {
            "UPDATE self_healing_remediations SET status = ?3, completed_at = ?1, error_message = ?4 WHERE id = ?2"
        }
    }
}
