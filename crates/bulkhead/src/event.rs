//! What a bulkhead tells its listeners, in the past tense.

use salve_core::{Class, Reason};

use crate::limit::Why;

/// Something that happened to a bulkhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It refused a call, gave up on one that waited, or would have in shadow mode.
    Rejected {
        /// Why.
        reason: Reason,
        /// The class of the call.
        class: Class,
        /// Whether the call was let through all the same.
        shadow: bool,
    },
    /// The number of its places was set.
    Resized {
        /// The number before.
        from: u32,
        /// The number after.
        to: u32,
    },
    /// The number of its places was moved by what calls came to.
    LimitChanged {
        /// The number before.
        from: u32,
        /// The number after.
        to: u32,
        /// Why.
        why: Why,
    },
    /// It takes no new calls.
    Closed,
    /// It takes calls again.
    Opened,
    /// It follows new settings.
    Reconfigured,
}
