//! The tables, as they came to be: each version of the file is made from the one before.

use rusqlite::{Connection, TransactionBehavior};

/// Says in the file's header that it is a history: `salh`.
const APPLICATION: i32 = 0x7361_6c68;

/// What makes each version. A script that was released is never changed; a further one is added.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE circuit_breakers (
        name TEXT PRIMARY KEY, at INTEGER NOT NULL, state TEXT NOT NULL, successes INTEGER NOT NULL,
        failures INTEGER NOT NULL, rejected INTEGER NOT NULL, trips INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE circuit_breaker_state_history (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
    CREATE TABLE health_checks (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, target TEXT NOT NULL, status TEXT NOT NULL,
        latency_ms REAL NOT NULL, value REAL, unit TEXT, reason TEXT
    ) STRICT;
    CREATE TABLE component_health_summary (
        target TEXT PRIMARY KEY, at INTEGER NOT NULL, state TEXT NOT NULL, score INTEGER, uptime REAL,
        failure_rate REAL, mean_time_to_recovery_ms REAL
    ) STRICT;
    CREATE TABLE recovery_events (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, incident INTEGER NOT NULL, what TEXT NOT NULL,
        why TEXT NOT NULL
    ) STRICT;
    CREATE TABLE degradation_state (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, ladder TEXT NOT NULL, from_level TEXT NOT NULL,
        to_level TEXT NOT NULL, cause TEXT NOT NULL
    ) STRICT;
    CREATE TABLE feature_flags (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, ladder TEXT NOT NULL, feature TEXT NOT NULL,
        percent INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE chaos_experiments (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
        state TEXT NOT NULL, report TEXT
    ) STRICT;
    CREATE TABLE system_health_snapshots (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, status TEXT NOT NULL, score INTEGER,
        up INTEGER NOT NULL, down INTEGER NOT NULL, unknown INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE self_healing_issues (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, type TEXT NOT NULL, severity TEXT NOT NULL,
        resource TEXT NOT NULL, description TEXT NOT NULL, detected_at INTEGER NOT NULL,
        ended_at INTEGER, remediated INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE self_healing_remediations (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, issue_id INTEGER NOT NULL,
        action_type TEXT NOT NULL, description TEXT NOT NULL, status TEXT NOT NULL,
        started_at INTEGER, completed_at INTEGER, success INTEGER, error_message TEXT,
        rollback_performed INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE health_scores (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, overall INTEGER, components TEXT NOT NULL,
        issues_open INTEGER NOT NULL, issues_remediated INTEGER NOT NULL
    ) STRICT;
    ",
    "
    CREATE INDEX circuit_breaker_state_history_at ON circuit_breaker_state_history (at);
    CREATE INDEX health_checks_at ON health_checks (at);
    CREATE INDEX recovery_events_at ON recovery_events (at);
    CREATE INDEX degradation_state_at ON degradation_state (at);
    CREATE INDEX feature_flags_at ON feature_flags (at);
    CREATE INDEX chaos_experiments_at ON chaos_experiments (at);
    CREATE INDEX system_health_snapshots_at ON system_health_snapshots (at);
    CREATE INDEX health_scores_at ON health_scores (at);
    ",
];

/// Brings a file to the last of these versions, each step whole or not at all.
///
/// # Errors
/// With a reason, if it is something else, of a later version, or cannot be written.
pub(super) fn migrate(connection: &mut Connection, scripts: &[&str]) -> Result<(), String> {
    let words = |error: rusqlite::Error| error.to_string();
    let number = |connection: &Connection, pragma| {
        connection.query_row(pragma, [], |row| row.get::<_, i32>(0)).map_err(words)
    };
    loop {
        // Another process may do the same at the same time.
        let begin = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begin.map_err(words)?;
        let application = number(&transaction, "PRAGMA application_id")?;
        let version = number(&transaction, "PRAGMA user_version")?;
        let tables = number(&transaction, "SELECT count(*) FROM sqlite_schema")?;
        if application != APPLICATION && (application, version, tables) != (0, 0, 0) {
            return Err("it is no history".to_owned());
        }
        let at = usize::try_from(version).unwrap_or(usize::MAX);
        if at > scripts.len() {
            let known = scripts.len();
            return Err(format!("it is of version {version}, and this program knows {known}"));
        }
        let Some(script) = scripts.get(at) else { return Ok(()) };
        transaction.execute_batch(script).map_err(words)?;
        for (pragma, value) in [("application_id", APPLICATION), ("user_version", version + 1)] {
            transaction.pragma_update(None, pragma, value).map_err(words)?;
        }
        transaction.commit().map_err(words)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(file: &Connection, what: &str) -> i64 {
        let query = format!("SELECT count(*) FROM {what}");
        file.query_row(&query, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_file_is_brought_to_the_last_version_with_all_that_is_in_it() {
        let mut file = Connection::open_in_memory().unwrap();
        migrate(&mut file, &MIGRATIONS[..1]).unwrap();
        let insert = "INSERT INTO recovery_events VALUES (1, 5, 7, 'verified', 'it helped')";
        file.execute(insert, []).unwrap();
        assert_eq!(count(&file, "sqlite_schema WHERE type = 'index' AND name LIKE '%_at'"), 0);
        migrate(&mut file, MIGRATIONS).unwrap();
        migrate(&mut file, MIGRATIONS).unwrap();
        assert_eq!(count(&file, "sqlite_schema WHERE type = 'index' AND name LIKE '%_at'"), 8);
        assert_eq!(count(&file, "recovery_events"), 1);
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before() {
        let mut file = Connection::open_in_memory().unwrap();
        let scripts = [MIGRATIONS[0], "CREATE TABLE extra (id INTEGER) STRICT; CREATE NONSENSE;"];
        assert!(migrate(&mut file, &scripts).unwrap_err().contains("syntax"));
        assert_eq!(count(&file, "sqlite_schema WHERE name = 'extra'"), 0);
        migrate(&mut file, MIGRATIONS).unwrap();
    }

    #[test]
    fn what_is_no_history_or_a_later_one_is_refused() {
        let mut file = Connection::open_in_memory().unwrap();
        migrate(&mut file, MIGRATIONS).unwrap();
        let later = migrate(&mut file, &MIGRATIONS[..1]).unwrap_err();
        assert_eq!(later, "it is of version 2, and this program knows 1");
        let mut other = Connection::open_in_memory().unwrap();
        other.execute_batch("CREATE TABLE mine (id INTEGER)").unwrap();
        assert_eq!(migrate(&mut other, MIGRATIONS).unwrap_err(), "it is no history");
    }
}
