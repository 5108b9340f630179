//! What hedges tell their listeners, in the past tense.

use std::time::Duration;

/// Something that happened to a call, or to the policy. A copy is numbered from 1, the call
/// itself not counted; a time is counted from when the call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A call was late, and a copy of it was made.
    CopySent {
        /// The number of the copy.
        copy: u32,
        /// How late it was.
        after: Duration,
    },
    /// A copy answered first.
    CopyWon {
        /// The number of the copy.
        copy: u32,
        /// How long the call took.
        after: Duration,
    },
    /// A call was late, and the budget did not allow a copy.
    BudgetRefused {
        /// How late it was.
        after: Duration,
    },
    /// A call was late, and but for shadow mode a copy of it would have been made.
    WouldHaveSent {
        /// The number of the copy.
        copy: u32,
        /// How late it was.
        after: Duration,
    },
    /// The policy follows new settings, or pays from another budget.
    Reconfigured,
    /// No copies are sent until further notice.
    Paused,
    /// Copies are sent again.
    Resumed,
}
