//! What the driver tells: every record, and how its journal and its work are.

use std::sync::Arc;

use crate::plan::PlanId;
use crate::record::Record;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A record was taken in. It is durable, unless the journal is unwritable just now.
    Recorded(Arc<Record>),
    /// The journal cannot be written. Watching and calling people go on; nothing is repaired.
    JournalDown {
        /// Why.
        why: String,
    },
    /// The journal has taken everything that was kept meanwhile; repairs go on.
    JournalUp,
    /// The journal was given up: there is none, it says something else, or too much has happened
    /// without it. The healer only watches until it is started again.
    JournalLost {
        /// Why.
        why: String,
    },
    /// A fact was not taken in, because it does not follow from what is known. It is a fault in a
    /// program that told it, or in this one.
    Refused {
        /// Why.
        why: String,
    },
    /// An action goes on although its time is over and it was told to end.
    Stuck(PlanId),
    /// An action that was stuck has ended, be it with an earlier program. What it has done since it was
    /// told to is not known.
    Freed(PlanId),
    /// What is old was removed from the journal, behind a signed anchor.
    Pruned {
        /// How many records.
        removed: u64,
    },
    /// The journal could not be pruned; it is tried again. Nothing was removed, and all else goes on.
    PruningFailed {
        /// Why.
        why: String,
    },
}
