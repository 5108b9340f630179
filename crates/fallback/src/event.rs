//! What a chain of alternatives tells its listeners, in the past tense.

use salve_core::Name;

use crate::order::Why;

/// Something that happened to a call, or to the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A call failed.
    PrimaryFailed {
        /// Why it is worth an alternative.
        why: Why,
    },
    /// An alternative answered in its place.
    AlternativeAnswered {
        /// The name of the alternative.
        alternative: Name,
    },
    /// An alternative failed too.
    AlternativeFailed {
        /// The name of the alternative.
        alternative: Name,
        /// How.
        why: Why,
    },
    /// No alternative answered.
    Exhausted,
    /// But for shadow mode an alternative would have been tried.
    WouldHaveTried {
        /// The name of the alternative.
        alternative: Name,
    },
    /// Failures go to the callers until further notice.
    Paused,
    /// Alternatives are tried again.
    Resumed,
    /// The policy took new settings.
    Reconfigured,
}
