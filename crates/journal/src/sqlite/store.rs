//! The file itself: tables, transactions, and what its faults mean.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use salve_healer::{Digest, Head, JournalError, Record};

use super::{SqliteConfig, pruned};
use crate::chain::{self, EMPTY, Link};
use crate::kept::KeptHead;
use crate::prune::{self, Verifier};
use crate::redaction::Redaction;

/// Says in the file's header that it is a journal: `salv`.
const APPLICATION: i32 = 0x7361_6c76;
/// The version of the tables.
const VERSION: i32 = 2;

const TABLES: &str = "
    CREATE TABLE record (
        seq  INTEGER PRIMARY KEY,
        body TEXT NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32)
    ) STRICT;
";

/// An open file, in the hands of one thread.
pub(super) struct Store {
    pub(super) connection: Connection,
    redaction: Redaction,
    kept: Option<KeptHead>,
    pub(super) verifier: Option<Arc<dyn Verifier>>,
}

impl Store {
    /// Opens and verifies.
    pub(super) fn open(config: &SqliteConfig) -> Result<Self, JournalError> {
        let connection = Connection::open(&config.file).map_err(unwritable)?;
        connection.busy_timeout(config.busy_timeout).map_err(unwritable)?;
        let mut store = Self {
            connection,
            redaction: config.redaction.clone(),
            kept: config.head.as_deref().map(KeptHead::new),
            verifier: config.verifier.clone(),
        };
        store.prepare()?;
        store.bound(config.max_bytes)?;
        store.verify()?;
        Ok(store)
    }

    /// Makes sure that it is a journal of this version, and that commits reach the disk.
    fn prepare(&mut self) -> Result<(), JournalError> {
        let number = |pragma| {
            self.connection.query_row(pragma, [], |row| row.get::<_, i32>(0)).map_err(unreadable)
        };
        let (application, version) =
            (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        let is_new = (application, version, tables) == (0, 0, 0);
        if !is_new && application != APPLICATION {
            return Err(JournalError::Unreadable("it is no journal".to_owned()));
        }
        if version > VERSION {
            let why = format!("it is of version {version}, and this program knows {VERSION}");
            return Err(JournalError::Unreadable(why));
        }
        let set = |pragma: &str| {
            let answer = |row: &Row<'_>| row.get::<_, String>(0);
            self.connection.query_row(pragma, [], answer).optional().map_err(unwritable)
        };
        let mode = set("PRAGMA journal_mode = WAL")?;
        if mode.as_deref() != Some("wal") {
            return Err(JournalError::Unwritable("it takes no write-ahead log".to_owned()));
        }
        set("PRAGMA synchronous = FULL")?;
        if version < VERSION {
            let begin = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = begin.map_err(unwritable)?;
            if is_new {
                transaction.execute_batch(TABLES).map_err(unwritable)?;
            }
            transaction.execute_batch(pruned::TABLES).map_err(unwritable)?;
            for (pragma, value) in [("application_id", APPLICATION), ("user_version", VERSION)] {
                transaction.pragma_update(None, pragma, value).map_err(unwritable)?;
            }
            transaction.commit().map_err(unwritable)?;
        }
        Ok(())
    }

    /// Lets the file get no larger; what it has already stays.
    fn bound(&self, bytes: Option<u64>) -> Result<(), JournalError> {
        let Some(bytes) = bytes else { return Ok(()) };
        let size = self.connection.query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0));
        let pages = bytes / u64::from(size.map_err(unreadable)?);
        let set = format!("PRAGMA max_page_count = {pages}");
        self.connection.query_row(&set, [], |_| Ok(())).map_err(unwritable)
    }

    /// Follows the chain from its anchor, or from its beginning, to the head that was kept elsewhere
    /// and to its end.
    fn verify(&self) -> Result<(), JournalError> {
        let kept = self.kept.as_ref().map(KeptHead::read).transpose()?.flatten();
        let anchor = self.verified_anchor()?;
        let mut query = self
            .connection
            .prepare("SELECT seq, body, hash FROM record ORDER BY seq")
            .map_err(unreadable)?;
        let links = query.query_map([], link).map_err(unreadable)?;
        let start = anchor.as_ref().map_or(EMPTY, |it| Head { seq: it.seq, hash: it.hash });
        let mut head = start;
        let differs =
            |head: Head| kept.is_some_and(|it| it.seq == head.seq && it.hash != head.hash);
        if differs(start) {
            return Err(JournalError::Tampered { seq: start.seq });
        }
        for link in links {
            let link = link.map_err(unreadable)?;
            if head == start {
                prune::begins(anchor.as_ref(), &link)?;
            }
            head = chain::follow(head, &link)?;
            if differs(head) {
                return Err(JournalError::Tampered { seq: head.seq });
            }
        }
        // Behind an anchor there always is a record.
        let least = anchor.map_or(0, |anchor| anchor.seq + 1);
        let expected = kept.map_or(0, |kept| kept.seq).max(least);
        if expected > head.seq {
            return Err(JournalError::Truncated { last: head.seq, expected });
        }
        Ok(())
    }

    pub(super) fn append(&mut self, records: &[Record]) -> Result<Head, JournalError> {
        let records: Vec<Record> =
            records.iter().map(|it| self.redaction.record(it)).collect::<Result<_, _>>()?;
        let begin = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begin.map_err(unwritable)?;
        let before = end(&transaction)?;
        let links = chain::extend(before, &records)?;
        {
            let insert = "INSERT INTO record (seq, body, hash) VALUES (?1, ?2, ?3)";
            let mut insert = transaction.prepare_cached(insert).map_err(unwritable)?;
            for link in &links {
                let row = params![link.seq.cast_signed(), link.body, link.hash.0];
                insert.execute(row).map_err(unwritable)?;
            }
        }
        transaction.commit().map_err(unwritable)?;
        let head = links.last().map_or(before, |last| Head { seq: last.seq, hash: last.hash });
        if let Some(kept) = &self.kept {
            kept.write(head)?;
        }
        Ok(head)
    }

    pub(super) fn read(&self, after: u64, at_most: usize) -> Result<Vec<Record>, JournalError> {
        let query = "SELECT seq, body, hash FROM record WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        let mut query = self.connection.prepare_cached(query).map_err(unreadable)?;
        let most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let links = query.query_map(params![after, most], link).map_err(unreadable)?;
        links.map(|it| chain::record(&it.map_err(unreadable)?)).collect()
    }

    pub(super) fn head(&self) -> Result<Head, JournalError> {
        end(&self.connection)
    }
}

/// The last record's number and hash.
pub(super) fn end(connection: &Connection) -> Result<Head, JournalError> {
    let query = "SELECT seq, body, hash FROM record ORDER BY seq DESC LIMIT 1";
    let mut query = connection.prepare_cached(query).map_err(unreadable)?;
    let last = query.query_row([], link).optional().map_err(unreadable)?;
    Ok(last.map_or(EMPTY, |last| Head { seq: last.seq, hash: last.hash }))
}

fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    let seq: i64 = row.get(0)?;
    Ok(Link { seq: seq.cast_unsigned(), body: row.get(1)?, hash: Digest(row.get(2)?) })
}

pub(super) fn unwritable(error: impl std::fmt::Display) -> JournalError {
    JournalError::Unwritable(error.to_string())
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> JournalError {
    JournalError::Unreadable(error.to_string())
}
