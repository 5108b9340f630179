//! The durable record of a self-healer: append-only, chained by hashes, written before every effect.
//!
//! ```text
//!  facts ──▶ redaction ──▶ chain ──▶ one thread ──▶ file: write-ahead log, forced to the disk
//!           (no secrets)  (hashes)                    │            then the head, kept elsewhere
//!                                                     ▼
//!            open: every record verified ◀── edit, removal, reorder, a lost tail are found
//! ```
//!
//! ```
//! use salve_healer::{Fact, Journal, State, Time, Wall, Who};
//! use salve_journal::{SqliteConfig, SqliteJournal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let config = SqliteConfig::new(folder.path().join("journal.db"))
//!     .with_head(folder.path().join("head.json"));
//! let journal = SqliteJournal::open(&config)?;
//!
//! let mut state = State::new();
//! let why = "maintenance, token=abc";
//! let record = state.record(Time::ZERO, Wall(0), Who::Person("ada".into()), why, Fact::Disabled);
//! journal.append(&[record]).await?;
//! drop(journal);
//!
//! let journal = SqliteJournal::open(&config)?;
//! for record in journal.read(0, 1_000).await? {
//!     assert_eq!(record.why, "maintenance, token=[redacted]");
//!     state.apply(&record)?;
//! }
//! assert_eq!(journal.head().await?.seq, 1);
//! # Ok(())
//! # }
//! ```
//!
//! **Durable** means: the write-ahead log was forced to the disk (`synchronous = FULL`) before the
//! caller is told. A killed process loses nothing that was acknowledged.
//!
//! **Found out** when a journal is opened: a record that was changed, removed, added or moved, by the
//! chain of hashes; a tail that was cut off, by the head that is kept in a file of its own
//! ([`SqliteConfig::with_head`]). Somebody who may write both can forge both: keep the head where
//! fewer people may write.
//!
//! **Pruned**, a journal loses its oldest records, as far as they are about nothing that is not over, and
//! begins with a signed anchor: what was removed, by whom and why, and the state that followed from it
//! ([`SqliteJournal::prune`]). A journal whose anchor is missing, forged, moved or another journal's
//! cannot be opened.
//!
//! **Faults**: a full disk, a locked file or one that is read-only is
//! [`JournalError::Unwritable`](salve_healer::JournalError), a damaged one
//! [`Unreadable`](salve_healer::JournalError::Unreadable). Nothing is written in part.
//!
//! **Secrets** are taken out before anything is written, see [`Redaction`].
//!
//! **The history** of the whole family is another file, with other rules: `history::History`.
//!
//! Features: `sqlite` (default), `ed25519`. [`MemoryJournal`] is always there.

mod chain;
#[cfg(feature = "sqlite")]
pub mod history;
#[cfg(feature = "sqlite")]
mod kept;
mod memory;
pub mod prune;
mod redaction;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use memory::MemoryJournal;
pub use redaction::Redaction;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteConfig, SqliteJournal};
