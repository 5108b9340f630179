//! The parts of a running stack, to read, to steer, and to close.

use std::time::Duration;

use salve_core::{Effector, Name, Sensor};

use super::gate::Gate;
use super::part::Nothing;
use crate::degradation::DegradationLayer;
use crate::fallback::FallbackLayer;
use crate::{
    adaptive, bulkhead, circuit_breaker, degradation, fallback, hedge, rate_limit, retry, timeout,
};

/// The parts of a stack. Its clones, and every service made from the stack's layer, share them.
#[derive(Clone, Debug)]
pub struct StackHandle {
    pub(crate) name: Name,
    pub(crate) gate: Gate,
    pub(crate) fallback: Option<fallback::Handle>,
    pub(crate) degradation: Option<degradation::Handle>,
    pub(crate) total: Option<timeout::Handle>,
    pub(crate) retry: Option<retry::Handle>,
    pub(crate) adaptive: Option<adaptive::Handle>,
    pub(crate) hedge: Option<hedge::Handle>,
    pub(crate) breaker: Option<circuit_breaker::Handle>,
    pub(crate) rate_limit: Option<rate_limit::Handle>,
    pub(crate) bulkhead: Option<bulkhead::Handle>,
    pub(crate) attempt: Option<timeout::Handle>,
}

/// What a part of a stack shows to whoever holds the stack's handle.
pub trait Held<T> {
    /// The part's handle, unless the part was left out.
    fn held(&self) -> Option<T>;
}

impl<T> Held<T> for Nothing {
    fn held(&self) -> Option<T> {
        None
    }
}

impl<R, W> Held<degradation::Handle> for DegradationLayer<R, W> {
    fn held(&self) -> Option<degradation::Handle> {
        Some(self.handle())
    }
}

impl<Req, Res, Err> Held<fallback::Handle> for FallbackLayer<Req, Res, Err> {
    fn held(&self) -> Option<fallback::Handle> {
        Some(self.handle())
    }
}

macro_rules! held {
    ($($room:ident),+) => {
        $(impl Held<Self> for $room::Handle {
            fn held(&self) -> Option<Self> {
                Some(self.clone())
            }
        })+
    };
}

held!(adaptive, bulkhead, circuit_breaker, hedge, rate_limit, retry, timeout);

impl Held<adaptive::Handle> for retry::Handle {
    fn held(&self) -> Option<adaptive::Handle> {
        None
    }
}

impl Held<retry::Handle> for adaptive::Handle {
    fn held(&self) -> Option<retry::Handle> {
        None
    }
}

impl StackHandle {
    /// The stack's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The fallback policy, if there is one.
    #[must_use]
    pub const fn fallback(&self) -> Option<&fallback::Handle> {
        self.fallback.as_ref()
    }

    /// The degradation ladder, if there is one.
    #[must_use]
    pub const fn degradation(&self) -> Option<&degradation::Handle> {
        self.degradation.as_ref()
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

    /// The adaptive controller, if the stack has one.
    #[must_use]
    pub const fn adaptive(&self) -> Option<&adaptive::Handle> {
        self.adaptive.as_ref()
    }

    /// The hedging policy, if there is one.
    #[must_use]
    pub const fn hedge(&self) -> Option<&hedge::Handle> {
        self.hedge.as_ref()
    }

    /// The circuit breaker, unless it was left out.
    #[must_use]
    pub const fn circuit_breaker(&self) -> Option<&circuit_breaker::Handle> {
        self.breaker.as_ref()
    }

    /// The rate limit, if there is one.
    #[must_use]
    pub const fn rate_limit(&self) -> Option<&rate_limit::Handle> {
        self.rate_limit.as_ref()
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

    /// Everything in the stack that can be read, the outermost part first.
    pub fn sensors(&self) -> impl Iterator<Item = &dyn Sensor> {
        let parts: [Option<&dyn Sensor>; 10] = [
            self.fallback.as_ref().map(|it| it as _),
            self.degradation.as_ref().map(|it| it as _),
            self.total.as_ref().map(|it| it as _),
            self.retry.as_ref().map(|it| it as _),
            self.adaptive.as_ref().map(|it| it as _),
            self.hedge.as_ref().map(|it| it as _),
            self.breaker.as_ref().map(|it| it as _),
            self.rate_limit.as_ref().map(|it| it as _),
            self.bulkhead.as_ref().map(|it| it as _),
            self.attempt.as_ref().map(|it| it as _),
        ];
        parts.into_iter().flatten()
    }

    /// Everything in the stack that can be steered by name, the outermost part first.
    pub fn effectors(&self) -> impl Iterator<Item = &dyn Effector> {
        let parts: [Option<&dyn Effector>; 8] = [
            self.fallback.as_ref().map(|it| it as _),
            self.degradation.as_ref().map(|it| it as _),
            self.retry.as_ref().map(|it| it as _),
            self.adaptive.as_ref().map(|it| it as _),
            self.hedge.as_ref().map(|it| it as _),
            self.breaker.as_ref().map(|it| it as _),
            self.rate_limit.as_ref().map(|it| it as _),
            self.bulkhead.as_ref().map(|it| it as _),
        ];
        parts.into_iter().flatten()
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
