//! The port to the durable record.

use std::fmt;

use crate::action::BoxFuture;
use crate::plan::Digest;
use crate::record::Record;
use crate::state::State;

/// Where records are kept: append-only, in the order of their numbers, without a gap.
///
/// The journal is the truth. A record is applied to the [`State`](crate::State) after it is durable,
/// and an action has its first effect after the record of its start is.
pub trait Journal: Send + Sync {
    /// Adds records, all or none, and returns once they are durable.
    ///
    /// # Cancellation
    /// A dropped call may have written; the head tells.
    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<Head, JournalError>>;

    /// The records after this number that were not pruned, the oldest first, at most so many; none at
    /// the end.
    fn read(&self, after: u64, at_most: usize) -> BoxFuture<'_, Result<Vec<Record>, JournalError>>;

    /// The last record's number and the hash of the chain up to it. Kept elsewhere as well, it
    /// tells whether the tail was cut off.
    fn head(&self) -> BoxFuture<'_, Result<Head, JournalError>>;

    /// What follows from the records that were pruned, which the first that is left goes on from. By
    /// default none were.
    fn base(&self) -> BoxFuture<'_, Result<State, JournalError>> {
        Box::pin(async { Ok(State::new()) })
    }
}

/// The end of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last record; zero if there is none.
    pub seq: u64,
    /// The hash of the chain up to it.
    pub hash: Digest,
}

/// Why a journal did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalError {
    /// It cannot be written: full, locked, read-only. Mutating actions stop; watching goes on.
    Unwritable(String),
    /// It cannot be read. The healer only watches.
    Unreadable(String),
    /// A record was changed, removed, added or moved.
    Tampered {
        /// The first record that is wrong.
        seq: u64,
    },
    /// The tail is missing: the head that was kept elsewhere is further on.
    Truncated {
        /// The last record that is there.
        last: u64,
        /// The last that was.
        expected: u64,
    },
    /// Somebody else has written in the meantime.
    Conflict {
        /// The last record that is there.
        last: u64,
    },
    /// Records were removed from the beginning, and the anchor that has to answer for them does not.
    Anchor {
        /// The last record that was removed, as far as is known.
        seq: u64,
        /// What is wrong.
        fault: AnchorFault,
    },
}

/// What is wrong with an anchor, which a pruned journal begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnchorFault {
    /// There is none, or not all of them.
    Missing,
    /// There is nobody who could verify its signature.
    Unverifiable,
    /// Its signature is wrong, or what it has signed was changed.
    Forged,
    /// The records do not begin where it ends.
    Moved,
    /// It is not this journal's.
    Foreign,
}

impl fmt::Display for AnchorFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no anchor",
            Self::Unverifiable => "nobody was given to verify its anchor",
            Self::Forged => "its anchor is forged",
            Self::Moved => "its anchor was moved",
            Self::Foreign => "its anchor is another journal's",
        })
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwritable(why) => write!(f, "the journal cannot be written: {why}"),
            Self::Unreadable(why) => write!(f, "the journal cannot be read: {why}"),
            Self::Tampered { seq } => write!(f, "record {seq} of the journal was tampered with"),
            Self::Truncated { last, expected } => {
                write!(f, "the journal ends with record {last}, but there were {expected}")
            }
            Self::Conflict { last } => {
                write!(f, "somebody else has written to the journal: it is at record {last}")
            }
            Self::Anchor { seq, fault } => {
                write!(f, "the journal was pruned up to record {seq}, but {fault}")
            }
        }
    }
}

impl std::error::Error for JournalError {}
