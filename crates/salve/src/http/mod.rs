//! What the family knows of HTTP: results, requests, refusals, bodies and deadlines.

mod body;
mod classify;
mod deadline;
#[cfg(feature = "cache")]
mod kept;
mod reply;
mod retry_after;
mod rule;

pub use body::{GuardBody, GuardBodyFuture, GuardBodyLayer, Guardable, GuardedBody};
pub use classify::StatusClassifier;
pub use deadline::{
    AcceptDeadline, AcceptDeadlineLayer, DeadlineHeader, SendDeadline, SendDeadlineLayer,
};
#[cfg(feature = "cache")]
pub use kept::{CACHE_STATUS, mark_kept};
pub use reply::{reply, retry_after_seconds};
pub use retry_after::{parse_retry_after, retry_after};
pub use rule::{IDEMPOTENCY_KEY, IdempotentRequests, ReadRequests, WriteRequests, is_idempotent};
