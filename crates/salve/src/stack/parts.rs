//! Which parts a stack has, and their settings.

use std::time::Duration;

use salve_core::{Name, Unrepeatable};

use super::Stack;
use super::part::{Nothing, Over, Settings};
use crate::degradation::{DegradationLayer, FeatureFlag, ReadsOnly};
use crate::fallback::FallbackLayer;
use crate::{adaptive, bulkhead, circuit_breaker, degradation, hedge, rate_limit, retry, timeout};

/// The settings of each part, the outermost first; [`Nothing`] where a part is left out. Without
/// type parameters those that [`stack`](super::stack()) recommends.
#[derive(Clone, Debug)]
pub struct Parts<
    F = Nothing,
    D = Nothing,
    T = timeout::Config,
    E = retry::Config,
    H = Nothing,
    B = circuit_breaker::Config,
    L = Nothing,
    P = bulkhead::Config,
    A = timeout::Config,
> {
    pub(super) fallback: F,
    pub(super) degradation: D,
    pub(super) total: T,
    pub(super) retry: E,
    pub(super) hedge: H,
    pub(super) breaker: B,
    pub(super) rate_limit: L,
    pub(super) bulkhead: P,
    pub(super) attempt: A,
}

/// The policies of a stack in the order in which they stand around each other.
pub type Chain<F, D, T, E, H, B, L, P, A> =
    Over<F, Over<D, Over<T, Over<E, Over<H, Over<B, Over<L, Over<P, A>>>>>>>>;

/// The policies that settings come to.
pub(super) type Policies<F, D, T, E, H, B, L, P, A> = Chain<
    <F as Settings>::Policy,
    <D as Settings>::Policy,
    <T as Settings>::Policy,
    <E as Settings>::Policy,
    <H as Settings>::Policy,
    <B as Settings>::Policy,
    <L as Settings>::Policy,
    <P as Settings>::Policy,
    <A as Settings>::Policy,
>;

impl Parts {
    pub(super) fn recommended(name: &Name) -> Self {
        let named = |part| part_name(name, part);
        Self {
            fallback: Nothing,
            degradation: Nothing,
            total: timeout::Config::of_total(named("total"), Duration::from_secs(30)),
            retry: retry::Config::new(named("retry")),
            hedge: Nothing,
            breaker: circuit_breaker::Config::quick(named("breaker")),
            rate_limit: Nothing,
            bulkhead: bulkhead::Config::new(named("bulkhead")),
            attempt: timeout::Config::of_attempt(named("attempt"), Duration::from_secs(10)),
        }
    }
}

pub(super) fn part_name(stack: &Name, part: &str) -> Name {
    Name::from(format!("{stack}/{part}"))
}

/// A stack with one part replaced by another, which may be of another type, and the others kept.
macro_rules! replace {
    ($stack:ident, $part:ident = $new:expr, keep $($kept:ident)+) => {
        Stack {
            parts: Parts { $part: $new, $($kept: $stack.parts.$kept),+ },
            name: $stack.name,
            budget: $stack.budget,
            rules: $stack.rules,
        }
    };
}

#[expect(clippy::type_complexity, reason = "every part is a type of its own")]
impl<C, R, Q, F, D, T, E, H, B, L, P, A> Stack<C, R, Q, Parts<F, D, T, E, H, B, L, P, A>> {
    /// Answers in place of calls that fail, those that a part of the stack refuses among them. What
    /// failed is for the stack's classifier to say.
    pub fn with_fallback<Req, Res, Err>(
        self,
        layer: FallbackLayer<Req, Res, Err>,
    ) -> Stack<C, R, Q, Parts<FallbackLayer<Req, Res, Err>, D, T, E, H, B, L, P, A>> {
        replace!(self, fallback = layer, keep degradation total retry hedge breaker rate_limit bulkhead attempt)
    }

    /// Sheds calls by their class as the level of a degradation ladder says.
    pub fn with_degradation(
        self,
        ladder: degradation::Handle,
    ) -> Stack<C, R, Q, Parts<F, DegradationLayer<Unrepeatable, ReadsOnly>, T, E, H, B, L, P, A>>
    {
        self.with_degradation_layer(DegradationLayer::from(ladder))
    }

    /// Refuses calls while this feature is off, and sheds by class as its ladder says.
    pub fn with_feature(
        self,
        feature: FeatureFlag,
    ) -> Stack<C, R, Q, Parts<F, DegradationLayer<Unrepeatable, ReadsOnly>, T, E, H, B, L, P, A>>
    {
        self.with_degradation_layer(DegradationLayer::from(feature))
    }

    /// The same with a layer that knows which requests write.
    pub fn with_degradation_layer<W>(
        self,
        layer: DegradationLayer<Unrepeatable, W>,
    ) -> Stack<C, R, Q, Parts<F, DegradationLayer<Unrepeatable, W>, T, E, H, B, L, P, A>> {
        replace!(self, degradation = layer, keep fallback total retry hedge breaker rate_limit bulkhead attempt)
    }

    /// Limits the whole call, waiting and retries included.
    pub fn with_total_timeout(
        self,
        limit: Duration,
    ) -> Stack<C, R, Q, Parts<F, D, timeout::Config, E, H, B, L, P, A>> {
        let config = timeout::Config::of_total(part_name(&self.name, "total"), limit);
        replace!(self, total = config, keep fallback degradation retry hedge breaker rate_limit bulkhead attempt)
    }

    /// Leaves the whole call without a limit of its own; an outer deadline still holds.
    pub fn without_total_timeout(self) -> Stack<C, R, Q, Parts<F, D, Nothing, E, H, B, L, P, A>> {
        replace!(self, total = Nothing, keep fallback degradation retry hedge breaker rate_limit bulkhead attempt)
    }

    /// Sets how calls are retried; the name stays the stack's.
    pub fn with_retry(
        self,
        config: retry::Config,
    ) -> Stack<C, R, Q, Parts<F, D, T, retry::Config, H, B, L, P, A>> {
        let config = config.with_name(part_name(&self.name, "retry"));
        replace!(self, retry = config, keep fallback degradation total hedge breaker rate_limit bulkhead attempt)
    }

    /// Leaves retries out.
    pub fn without_retry(self) -> Stack<C, R, Q, Parts<F, D, T, Nothing, H, B, L, P, A>> {
        replace!(self, retry = Nothing, keep fallback degradation total hedge breaker rate_limit bulkhead attempt)
    }

    /// Leaves all decisions to one controller, which sets its thresholds itself: whether the
    /// dependency, or a part of it, is dead or overloaded, who waits, who is tried again and who is
    /// shed. It takes the place of timeouts, retries, hedge, breaker and bulkhead; calls that have
    /// no deadline of their own get one of 1 s.
    ///
    /// ```
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (layer, handle) = salve::stack("inventory").adaptive().build()?;
    /// let client = service_fn(|item: &'static str| async move {
    ///     Ok::<_, std::io::Error>(item.len())
    /// });
    /// assert_eq!(layer.layer(client).oneshot("screws").await?, 6);
    /// assert_eq!(handle.adaptive().unwrap().counts().attempts, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn adaptive(
        self,
    ) -> Stack<C, R, Q, Parts<F, D, Nothing, adaptive::Config, Nothing, Nothing, L, Nothing, Nothing>>
    {
        self.with_adaptive(adaptive::Config::default())
    }

    /// The same with settings; the name stays the stack's.
    pub fn with_adaptive(
        self,
        mut config: adaptive::Config,
    ) -> Stack<C, R, Q, Parts<F, D, Nothing, adaptive::Config, Nothing, Nothing, L, Nothing, Nothing>>
    {
        config.name = part_name(&self.name, "adaptive");
        let Parts { fallback, degradation, rate_limit, .. } = self.parts;
        let parts = Parts {
            fallback,
            degradation,
            total: Nothing,
            retry: config,
            hedge: Nothing,
            breaker: Nothing,
            rate_limit,
            bulkhead: Nothing,
            attempt: Nothing,
        };
        Stack { parts, name: self.name, budget: self.budget, rules: self.rules }
    }

    /// Sends a second copy of an attempt that is late; the name stays the stack's. Copies and
    /// retries are paid from one budget and are counted as the same attempts.
    pub fn with_hedge(
        self,
        config: hedge::Config,
    ) -> Stack<C, R, Q, Parts<F, D, T, E, hedge::Config, B, L, P, A>> {
        let config = config.with_name(part_name(&self.name, "hedge"));
        replace!(self, hedge = config, keep fallback degradation total retry breaker rate_limit bulkhead attempt)
    }

    /// Sets when calls are refused because the dependency is down; the name stays the stack's.
    pub fn with_circuit_breaker(
        self,
        mut config: circuit_breaker::Config,
    ) -> Stack<C, R, Q, Parts<F, D, T, E, H, circuit_breaker::Config, L, P, A>> {
        config.name = part_name(&self.name, "breaker");
        replace!(self, breaker = config, keep fallback degradation total retry hedge rate_limit bulkhead attempt)
    }

    /// Leaves the circuit breaker out.
    pub fn without_circuit_breaker(self) -> Stack<C, R, Q, Parts<F, D, T, E, H, Nothing, L, P, A>> {
        replace!(self, breaker = Nothing, keep fallback degradation total retry hedge rate_limit bulkhead attempt)
    }

    /// Limits how many attempts there are in a time; the name stays the stack's.
    pub fn with_rate_limit(
        self,
        mut config: rate_limit::Config,
    ) -> Stack<C, R, Q, Parts<F, D, T, E, H, B, rate_limit::Config, P, A>> {
        config.name = part_name(&self.name, "rate-limit");
        replace!(self, rate_limit = config, keep fallback degradation total retry hedge breaker bulkhead attempt)
    }

    /// Sets how many attempts may be under way and how many may wait; the name stays the stack's.
    pub fn with_bulkhead(
        self,
        mut config: bulkhead::Config,
    ) -> Stack<C, R, Q, Parts<F, D, T, E, H, B, L, bulkhead::Config, A>> {
        config.name = part_name(&self.name, "bulkhead");
        replace!(self, bulkhead = config, keep fallback degradation total retry hedge breaker rate_limit attempt)
    }

    /// Leaves the bulkhead out.
    pub fn without_bulkhead(self) -> Stack<C, R, Q, Parts<F, D, T, E, H, B, L, Nothing, A>> {
        replace!(self, bulkhead = Nothing, keep fallback degradation total retry hedge breaker rate_limit attempt)
    }

    /// Limits each attempt.
    pub fn with_attempt_timeout(
        self,
        limit: Duration,
    ) -> Stack<C, R, Q, Parts<F, D, T, E, H, B, L, P, timeout::Config>> {
        let config = timeout::Config::of_attempt(part_name(&self.name, "attempt"), limit);
        replace!(self, attempt = config, keep fallback degradation total retry hedge breaker rate_limit bulkhead)
    }

    /// Leaves attempts without a limit of their own.
    pub fn without_attempt_timeout(self) -> Stack<C, R, Q, Parts<F, D, T, E, H, B, L, P, Nothing>> {
        replace!(self, attempt = Nothing, keep fallback degradation total retry hedge breaker rate_limit bulkhead)
    }
}
