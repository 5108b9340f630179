//! What a chaos point tells its listeners, in the past tense.

use std::sync::Arc;

use salve_core::Moment;

use crate::experiment::{Report, Status};
use crate::fault::Kind;
use crate::injected::Injected;

/// Something that happened at a chaos point.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Calls may be struck from here on.
    Armed {
        /// By whom.
        owner: String,
        /// Why.
        reason: String,
        /// Until when at the longest.
        until: Moment,
    },
    /// No call is struck any more, and those that waited go on.
    Disarmed {
        /// Why.
        cause: Disarm,
        /// How many calls were struck in between.
        struck: u64,
    },
    /// A call was struck, or would have been.
    Struck {
        /// What was done to it.
        injected: Injected,
        /// Whether it was only counted.
        shadow: bool,
    },
    /// What was to be held could not be, or could not be seen to be taken back.
    NotHeld {
        /// The kind of fault.
        kind: Kind,
        /// What went wrong.
        why: String,
    },
    /// An experiment has begun. The first of its targets tells.
    ExperimentStarted {
        /// Its name.
        experiment: String,
        /// Who answers for it.
        owner: String,
    },
    /// An experiment has ended. The first of its targets tells.
    ExperimentEnded {
        /// Its name.
        experiment: String,
        /// Who answers for it.
        owner: String,
        /// How.
        status: Status,
        /// In a sentence, why.
        why: String,
        /// All of it.
        report: Arc<Report>,
    },
}

/// Why a chaos point was disarmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disarm {
    /// Somebody asked for it.
    Asked,
    /// Its time was over.
    Expired,
    /// It was halted.
    Halted,
    /// The calls of an experiment fared worse than those beside it.
    Harm,
    /// An experiment ended.
    ExperimentEnded,
}
