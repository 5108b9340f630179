//! Removes what is old from the beginning of a journal, and leaves a signed anchor in its place.
//!
//! ```text
//!  before:  1 2 3 4 5 6 7 8 9 …      what is old │ what is young
//!                 └ an incident that is still open
//!  after:   anchor 4 5 6 7 8 9 …     the anchor: up to 3, its hash and that of 4, who, why, the digest of
//!           └ the state after 3                  that state and of the anchor before; signed
//! ```
//!
//! ```
//! use salve_healer::{Wall, Who};
//! use salve_journal::prune::{HmacKey, Pruning};
//! use salve_journal::{SqliteConfig, SqliteJournal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let secret = [7; 32];
//! let key = HmacKey::new("2026", secret)?;
//! let file = folder.path().join("journal.db");
//! let journal = SqliteJournal::open(&SqliteConfig::new(file).with_verifier(key.clone()))?;
//!
//! let a_year_ago = Wall(1_767_225_600_000);
//! let order = Pruning::new(a_year_ago, Who::Person("ada".into()), "kept for a year");
//! let pruned = journal.prune(&order, &key).await?;
//! assert_eq!(pruned.removed, 0, "there was nothing");
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `ed25519` the healer's host needs no key that signs, but a public one. A key that is
//! kept elsewhere, as in a service for keys, is a [`Signer`] of your own; what verifies, a [`Verifier`].

mod anchor;
#[cfg(feature = "ed25519")]
mod ed25519;
mod hmac;
mod retention;
mod survey;
#[cfg(feature = "sqlite")]
mod verify;

use salve_core::{Check, ConfigError};
use salve_healer::{BoxFuture, Digest, Journal, JournalError, State, Wall, Who};

pub use anchor::{Anchor, Signature, Signed, Signer, Verifier};
#[cfg(feature = "ed25519")]
pub use ed25519::{Ed25519Key, Ed25519Public};
pub use hmac::HmacKey;
pub use retention::Retention;
pub use survey::Matter;

pub(crate) use anchor::digest;
use survey::Survey;
#[cfg(feature = "sqlite")]
pub(crate) use verify::{begins, verify};

/// Records that are looked at at once.
const PAGE: usize = 1_000;

/// What is to be removed, by whom, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// Records from before this date, as far as all before them are.
    pub before: Wall,
    /// Who wants it.
    pub by: Who,
    /// Why, in plain words.
    pub why: String,
    /// How many at most: nothing is written to the journal while they are removed. Default 100,000; 1
    /// to 10,000,000.
    pub at_most: u64,
}

impl Pruning {
    /// Removes records from before this date.
    #[must_use]
    pub fn new(before: Wall, by: Who, why: impl Into<String>) -> Self {
        Self { before, by, why: why.into(), at_most: 100_000 }
    }

    /// Sets how many records are removed at most.
    #[must_use]
    pub const fn with_at_most(mut self, records: u64) -> Self {
        self.at_most = records;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        Check::room("journal").range("at_most", self.at_most, 1, 10_000_000)
    }
}

/// What was removed, and what was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// How many records were removed.
    pub removed: u64,
    /// The anchor that was left; none if nothing was removed. A copy of it elsewhere shows whoever
    /// doubts the file who removed what.
    pub anchor: Option<Signed>,
    /// What is not over and keeps older records from being removed.
    pub kept_for: Option<Matter>,
}

/// A journal that can be pruned.
pub(crate) trait Prunable: Journal {
    /// The hash of the chain up to this record, which is there.
    fn hash(&self, seq: u64) -> BoxFuture<'_, Result<Digest, JournalError>>;

    /// The anchor with which it begins.
    fn anchor(&self) -> BoxFuture<'_, Result<Option<Signed>, JournalError>>;

    /// Removes what the anchor says and keeps the anchor and the state instead, all or nothing.
    fn cut(&self, anchor: Signed, state: String) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// Prunes a journal, while it may be written to.
///
/// What is found to be over stays so: whatever begins again has records of its own, later ones. So the
/// journal need not stand still while it is read.
pub(crate) async fn prune(
    journal: &impl Prunable,
    order: &Pruning,
    signer: &dyn Signer,
) -> Result<Pruned, JournalError> {
    order.validate().map_err(|error| JournalError::Unwritable(error.to_string()))?;
    let base = journal.base().await?;
    let follows = journal.anchor().await?;
    let mut survey = Survey::new(base.clone());
    read(journal, base.seq(), u64::MAX, |record| survey.take(record, order.before)).await?;
    let first = base.seq();
    let (old, kept_for) = survey.end();
    let last = old.min(first.saturating_add(order.at_most));
    if last <= first {
        return Ok(Pruned { removed: 0, anchor: None, kept_for });
    }

    let mut state = base;
    read(journal, first, last, |record| apply(&mut state, record)).await?;
    let written = |error: serde_json::Error| JournalError::Unwritable(error.to_string());
    let text = serde_json::to_string(&state).map_err(written)?;
    let anchor = Anchor {
        seq: last,
        hash: journal.hash(last).await?,
        next: journal.hash(last + 1).await?,
        removed: last - first,
        wall: Wall(u64::try_from(salve_core::clock::since_unix_epoch().as_millis()).unwrap_or(0)),
        by: order.by.clone(),
        why: order.why.clone(),
        state: digest(&text),
        follows: follows.map(|it| digest(&it.body)),
    };
    let body = serde_json::to_string(&anchor).map_err(written)?;
    let signed = signer.sign(&anchor::message(&body)).await;
    let unsigned = |why| JournalError::Unwritable(format!("the anchor was not signed: {why}"));
    let signed = Signed { signature: signed.map_err(unsigned)?, body };
    journal.cut(signed.clone(), text).await?;
    Ok(Pruned { removed: last - first, anchor: Some(signed), kept_for })
}

fn apply(state: &mut State, record: &salve_healer::Record) -> Result<(), JournalError> {
    state.apply(record).map_err(|refused| JournalError::Unreadable(refused.to_string()))
}

/// The state that was kept in the place of records.
pub(crate) fn read_state(text: &str) -> Result<State, JournalError> {
    let unknown = |error| JournalError::Unreadable(format!("the state of the anchor: {error}"));
    serde_json::from_str(text).map_err(unknown)
}

/// Reads the records after one up to another.
async fn read(
    journal: &impl Prunable,
    after: u64,
    last: u64,
    mut take: impl FnMut(&salve_healer::Record) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut after = after;
    loop {
        let page = journal.read(after, PAGE).await?;
        for record in page.iter().take_while(|record| record.seq <= last) {
            take(record)?;
        }
        match page.last() {
            Some(end) if end.seq < last => after = end.seq,
            _ => return Ok(()),
        }
    }
}
