//! The parts of a running stack, to read, to steer, and to close.

use std::time::Duration;

use salve_core::{Effector, Name, Sensor};

use crate::gate::Gate;
use crate::{bulkhead, circuit_breaker, retry, timeout};

/// The parts of a stack. Its clones, and every service made from the stack's layer, share them.
#[derive(Clone, Debug)]
pub struct StackHandle {
    pub(crate) name: Name,
    pub(crate) gate: Gate,
    pub(crate) total: Option<timeout::Handle>,
    pub(crate) retry: Option<retry::Handle>,
    pub(crate) breaker: Option<circuit_breaker::Handle>,
    pub(crate) bulkhead: Option<bulkhead::Handle>,
    pub(crate) attempt: Option<timeout::Handle>,
}

impl StackHandle {
    /// The stack's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The limit of the whole call, unless it was left out.
    #[must_use]
    pub const fn total_timeout(&self) -> Option<&timeout::Handle> {
        self.total.as_ref()
    }

    /// The retries, unless they were left out.
    #[must_use]
    pub const fn retry(&self) -> Option<&retry::Handle> {
        self.retry.as_ref()
    }

    /// The circuit breaker, unless it was left out.
    #[must_use]
    pub const fn circuit_breaker(&self) -> Option<&circuit_breaker::Handle> {
        self.breaker.as_ref()
    }

    /// The bulkhead, unless it was left out.
    #[must_use]
    pub const fn bulkhead(&self) -> Option<&bulkhead::Handle> {
        self.bulkhead.as_ref()
    }

    /// The limit of each attempt, unless it was left out.
    #[must_use]
    pub const fn attempt_timeout(&self) -> Option<&timeout::Handle> {
        self.attempt.as_ref()
    }

    /// Everything in the stack that can be read.
    pub fn sensors(&self) -> impl Iterator<Item = &dyn Sensor> {
        let timeouts = [self.total.as_ref(), self.attempt.as_ref()];
        let others = [
            self.retry.as_ref().map(|retry| retry as &dyn Sensor),
            self.breaker.as_ref().map(|breaker| breaker as &dyn Sensor),
            self.bulkhead.as_ref().map(|bulkhead| bulkhead as &dyn Sensor),
        ];
        let timeouts = timeouts.into_iter().flatten().map(|timeout| timeout as &dyn Sensor);
        timeouts.chain(others.into_iter().flatten())
    }

    /// Everything in the stack that can be steered by name.
    pub fn effectors(&self) -> impl Iterator<Item = &dyn Effector> {
        let breaker = self.breaker.as_ref().map(|breaker| breaker as &dyn Effector);
        let bulkhead = self.bulkhead.as_ref().map(|bulkhead| bulkhead as &dyn Effector);
        breaker.into_iter().chain(bulkhead)
    }

    /// How many calls are in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.gate.in_flight()
    }

    /// Refuses new calls as [`Closing`](crate::Reason::Closing), waits up to `patience` for those
    /// in flight, and says how many were left. Closing again waits again.
    ///
    /// # Cancellation
    /// The stack stays closed when the returned future is dropped.
    pub async fn close(&self, patience: Duration) -> u64 {
        self.gate.close(patience).await
    }
}
