//! What stands in the file where records were removed: anchors, and the state that the first record goes
//! on from.

use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};
use salve_healer::{AnchorFault, Digest, JournalError, State};

use super::store::{Store, end, unreadable, unwritable};
use crate::prune::{self, Anchor, Signed};

/// All anchors stay, the state is that of the last.
pub(super) const TABLES: &str = "
    CREATE TABLE anchor (
        seq       INTEGER PRIMARY KEY,
        body      TEXT NOT NULL,
        signature TEXT NOT NULL
    ) STRICT;
    CREATE TABLE base (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        state TEXT NOT NULL
    ) STRICT;
";

const LAST: &str = "SELECT body, signature FROM anchor ORDER BY seq DESC LIMIT 1";

impl Store {
    /// What the anchors say, if there are any, once they are verified.
    pub(super) fn verified_anchor(&self) -> Result<Option<Anchor>, JournalError> {
        let all = "SELECT body, signature FROM anchor ORDER BY seq";
        let mut query = self.connection.prepare(all).map_err(unreadable)?;
        let anchors = query.query_map([], columns).map_err(unreadable)?;
        let anchors: Vec<Signed> =
            anchors.map(|it| signed(it.map_err(unreadable)?)).collect::<Result<_, _>>()?;
        prune::verify(&anchors, self.state()?.as_deref(), self.verifier.as_deref())
    }

    pub(super) fn anchor(&self) -> Result<Option<Signed>, JournalError> {
        let mut query = self.connection.prepare_cached(LAST).map_err(unreadable)?;
        query.query_row([], columns).optional().map_err(unreadable)?.map(signed).transpose()
    }

    /// The text of the state that the first record goes on from.
    fn state(&self) -> Result<Option<String>, JournalError> {
        let query = "SELECT state FROM base";
        let state = self.connection.query_row(query, [], |row| row.get(0));
        state.optional().map_err(unreadable)
    }

    pub(super) fn base(&self) -> Result<State, JournalError> {
        self.state()?.as_deref().map_or_else(|| Ok(State::new()), prune::read_state)
    }

    pub(super) fn hash(&self, seq: u64) -> Result<Digest, JournalError> {
        let query = "SELECT hash FROM record WHERE seq = ?1";
        let hash = |row: &Row<'_>| row.get(0).map(Digest);
        let found = self.connection.query_row(query, params![seq.cast_signed()], hash);
        // Somebody else has pruned meanwhile.
        let gone = || JournalError::Conflict { last: seq };
        found.optional().map_err(unreadable)?.ok_or_else(gone)
    }

    pub(super) fn cut(&mut self, signed: &Signed, state: &str) -> Result<(), JournalError> {
        let anchor = signed.read()?;
        let fault = |fault| JournalError::Anchor { seq: anchor.seq, fault };
        let verifier = self.verifier.clone().ok_or(fault(AnchorFault::Unverifiable))?;
        if !signed.verify(&*verifier) {
            return Err(fault(AnchorFault::Forged));
        }
        let before = self.anchor()?.map(|it| prune::digest(&it.body));
        if before != anchor.follows
            || self.hash(anchor.seq)? != anchor.hash
            || self.hash(anchor.seq + 1)? != anchor.next
        {
            return Err(JournalError::Conflict { last: end(&self.connection)?.seq });
        }
        let signature = serde_json::to_string(&signed.signature).map_err(unwritable)?;
        let begin = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begin.map_err(unwritable)?;
        let seq = anchor.seq.cast_signed();
        // Removed first, so that even a full file has room for the rest. Another process that has pruned
        // since has left an anchor of this number or a later one, and nothing to remove.
        let removed = transaction.execute("DELETE FROM record WHERE seq <= ?1", params![seq]);
        if removed.map_err(unwritable)? as u64 != anchor.removed {
            return Err(JournalError::Conflict { last: anchor.seq });
        }
        let insert = "INSERT INTO anchor (seq, body, signature) VALUES (?1, ?2, ?3)";
        transaction.execute(insert, params![seq, signed.body, signature]).map_err(unwritable)?;
        let replace = "INSERT OR REPLACE INTO base (only, state) VALUES (1, ?1)";
        transaction.execute(replace, params![state]).map_err(unwritable)?;
        transaction.commit().map_err(unwritable)
    }
}

fn columns(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn signed((body, signature): (String, String)) -> Result<Signed, JournalError> {
    let signature = serde_json::from_str(&signature).map_err(unreadable)?;
    Ok(Signed { body, signature })
}
