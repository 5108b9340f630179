//! What the family knows of HTTP: results, requests, refusals, bodies and deadlines.

mod body;
mod classify;
mod deadline;
mod reply;
mod retry_after;
mod rule;

pub use body::{GuardBody, GuardBodyFuture, GuardBodyLayer, Guardable, GuardedBody};
pub use classify::StatusClassifier;
pub use deadline::{
    AcceptDeadline, AcceptDeadlineLayer, DeadlineHeader, SendDeadline, SendDeadlineLayer,
};
pub use reply::{reply, retry_after_seconds};
pub use retry_after::{parse_retry_after, retry_after};
pub use rule::{IDEMPOTENCY_KEY, IdempotentRequests, is_idempotent};
