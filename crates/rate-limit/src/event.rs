//! What a rate limit tells its listeners, in the past tense.

use std::time::Duration;

use salve_core::{Ratio, Reason};

use crate::tiers::Tier;

/// Something that happened to a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It refused a call, gave up on one that waited, or would have in shadow mode.
    Rejected {
        /// Why.
        reason: Reason,
        /// What the call costs.
        cost: u32,
        /// When it could have been made, if ever.
        retry_after: Option<Duration>,
        /// Whether the call was let through all the same.
        shadow: bool,
    },
    /// Another share of its rate is let through.
    Scaled {
        /// The share before.
        from: Ratio,
        /// The share after.
        to: Ratio,
    },
    /// A key belongs to another tier.
    TierChanged {
        /// The tier before.
        from: Tier,
        /// The tier after.
        to: Tier,
    },
    /// It follows new settings.
    Reconfigured,
}
