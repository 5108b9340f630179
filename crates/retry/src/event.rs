//! What retries tell their listeners, in the past tense.

use std::time::Duration;

use crate::attempts::{Cause, GaveUp};

/// Something that happened to a call, or to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An attempt failed, and another will follow.
    Retried {
        /// The number of the attempt that failed, counted from 1 over all nested retries.
        attempt: u32,
        /// How long until the next.
        wait: Duration,
        /// What it failed of.
        cause: Cause,
    },
    /// A later attempt than the first succeeded.
    Recovered {
        /// How many attempts it took.
        attempts: u32,
    },
    /// A call that could have been repeated was given up.
    Exhausted {
        /// How many attempts had been made.
        attempts: u32,
        /// Why there was not one more.
        why: GaveUp,
    },
    /// A call was given up because the budget was used up.
    BudgetRefused {
        /// How many attempts had been made.
        attempts: u32,
    },
    /// An attempt failed, and but for shadow mode another would have followed.
    WouldHaveRetried {
        /// The number of the attempt that failed, counted from 1 over all nested retries.
        attempt: u32,
        /// How long until the next.
        wait: Duration,
        /// What it failed of.
        cause: Cause,
    },
    /// The policy follows new settings, or pays from another budget.
    Reconfigured,
    /// No call is attempted again until further notice.
    Paused,
    /// Calls are attempted again.
    Resumed,
}
