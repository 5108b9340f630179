//! What a timeout tells its listeners, in the past tense.

use std::time::Duration;

use salve_core::{Reason, Sent};

/// Something that happened to a call under a timeout, or to its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A call's time was over.
    TimedOut {
        /// Whether it was the attempt's time or that of the whole call.
        reason: Reason,
        /// Whether the call may have reached the dependency.
        sent: Sent,
        /// How long the call was given here; zero if its time was over before it began.
        after: Duration,
        /// Whether the call goes on all the same.
        shadow: bool,
    },
    /// It follows new settings.
    Reconfigured,
}
