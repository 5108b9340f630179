//! What a degradation ladder tells its listeners, in the past tense.

use salve_core::{Moment, Name, Reason};

/// Something that happened to a ladder, to a feature, or to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The level of the whole is worse than it was.
    Degraded {
        /// The level it left.
        from: Name,
        /// The level it went to.
        to: Name,
        /// What moved it.
        cause: Cause,
    },
    /// The level of the whole is better than it was.
    Recovered {
        /// The level it left.
        from: Name,
        /// The level it went to.
        to: Name,
        /// What moved it.
        cause: Cause,
    },
    /// More or less of a feature is left than was.
    FeatureChanged {
        /// The feature.
        feature: Name,
        /// How much was left of it, in percent.
        from: u8,
        /// How much is left of it, in percent.
        to: u8,
    },
    /// Writes are refused from here on.
    ReadOnlyEntered {
        /// Why.
        reason: String,
        /// When it ends by itself.
        until: Moment,
    },
    /// Writes are no longer refused on an operator's word.
    ReadOnlyLeft {
        /// Whether its time was over.
        expired: bool,
    },
    /// A call was refused, or would have been.
    Rejected {
        /// Why.
        reason: Reason,
        /// Whether the call went on all the same.
        shadow: bool,
    },
    /// It follows new settings.
    Reconfigured,
}

/// What moved a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A rule that looks at this reading.
    Rule {
        /// The name of the reading.
        reading: Name,
    },
    /// For a whole calm period nothing asked for the level.
    Calm,
    /// An operator, with what was given as the reason.
    Operator {
        /// Why.
        reason: String,
    },
    /// New settings.
    Settings,
}
