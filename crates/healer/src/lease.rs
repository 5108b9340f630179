//! The port to the right to act: one healer at a time for each target.

use std::fmt;
use std::time::Duration;

use salve_core::{Moment, Name};

use crate::action::BoxFuture;

/// Grants the right to act on a target for a bounded time.
///
/// Tokens only rise. Whoever takes effect shows its token, and a system that has seen a higher one
/// refuses; so a healer that slept through the end of its lease does no harm when it wakes up.
pub trait Lease: Send + Sync {
    /// Asks for the right to act on `target`.
    ///
    /// # Cancellation
    /// A dropped call may have been granted; the grant ends by itself.
    fn acquire<'a>(
        &'a self,
        target: &'a Name,
        time: Duration,
    ) -> BoxFuture<'a, Result<Grant, LeaseError>>;

    /// Prolongs a grant; it keeps its token.
    fn renew<'a>(
        &'a self,
        grant: &'a Grant,
        time: Duration,
    ) -> BoxFuture<'a, Result<Grant, LeaseError>>;

    /// Gives a grant back before it ends.
    fn release(&self, grant: Grant) -> BoxFuture<'_, Result<(), LeaseError>>;
}

/// The right to act on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The target.
    pub target: Name,
    /// Higher than that of every grant before it for the same target.
    pub token: u64,
    /// When it ends.
    pub until: Moment,
}

/// Why there is no grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseError {
    /// Another healer has it.
    Held {
        /// Which one.
        by: Name,
        /// How much longer, at most.
        remaining: Duration,
    },
    /// It has ended, or was taken over. Whoever still acts has to stop.
    Lost,
    /// Nobody can say who has it. That is a no.
    Unreachable(String),
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { by, .. } => write!(f, "`{by}` holds the lease"),
            Self::Lost => f.write_str("the lease is lost"),
            Self::Unreachable(why) => write!(f, "nobody can say who holds the lease: {why}"),
        }
    }
}

impl std::error::Error for LeaseError {}
