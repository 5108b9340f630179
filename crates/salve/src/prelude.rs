//! What most programs that use the family need, for a glob import.

pub use crate::bulkhead::BulkheadLayer;
pub use crate::circuit_breaker::CircuitBreakerLayer;
pub use crate::retry::RetryLayer;
pub use crate::timeout::TimeoutLayer;
pub use crate::{
    CallContext, Class, Classify, Error, Outcome, Refusable, Rejection, RequestRule, StackHandle,
    lift, stack,
};
