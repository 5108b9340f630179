//! The recommended stack: which policies stand around a call, in which order, and why.
//!
//! ```text
//!   caller
//!     │
//!   gate             counts what is in flight; closes without cutting anybody off
//!     │
//!   fallback         (if asked for) outside of everything that may refuse or give up
//!     │
//!   degradation      (if asked for) what is not served now is refused before it costs anything
//!     │
//!   total timeout    one deadline for everything below, waiting included; all inner parts see it
//!     │
//!   retry            outside the breaker, so that each attempt is counted, and outside the
//!     │              bulkhead, so that a call that backs off holds no place; or in its place the
//!     │              adaptive controller, which does the work of all below but the rate limit
//!   hedge            (if asked for) inside the retries, so that a copy is one of their attempts,
//!     │              and outside the rest, so that each copy is admitted and limited by itself
//!   circuit breaker  outside the bulkhead: a refusal takes no place, and a full bulkhead, which
//!     │              says nothing about the dependency, is ignored
//!   rate limit       (if asked for) inside the breaker, so that what it refuses uses up no rate,
//!     │              and outside the bulkhead, so that whoever waits for its turn holds no place
//!   bulkhead         outside the attempt's limit: time in the queue is not the dependency's
//!     │
//!   attempt timeout  innermost, so that the breaker sees a timeout as the failure it is
//!     │
//!   client
//! ```

mod gate;
mod handle;
mod layer;
mod part;
mod parts;

use salve_core::{Budget, ConfigError, ErrorsAreFailures, Name, Origin, Unrepeatable};
use salve_retry::ByClone;

use crate::{Lifted, bulkhead, circuit_breaker, retry, timeout};
use gate::Gate;
use handle::Held;
use parts::Policies;

pub use gate::{GateLayer, Gated, GatedFuture};
pub use handle::StackHandle;
pub use layer::{FlatStackLayer, StackLayer, Stacked};
pub use part::{Nothing, Over, Part, Rules, Settings};
pub use parts::{Chain, Parts};

/// Starts the recommended stack for the dependency `name`, with every part at its default.
///
/// | part | default |
/// |---|---|
/// | total timeout | 30 s |
/// | retry | 3 attempts, 100 ms doubling with full jitter, 20 % + 10/s of the traffic |
/// | circuit breaker | 10 failures in a row open it for 1 s; 2 of 3 probes close it |
/// | bulkhead | 25 places, no queue |
/// | attempt timeout | 10 s |
/// | fallback, degradation, hedge, rate limit | none |
///
/// Parts are left out and added by type, so that what is not there costs nothing. To switch a part
/// off at run time, give it settings that let everything pass: one attempt, a breaker without
/// rules, [`Enforcement::Shadow`](crate::Enforcement::Shadow).
///
/// No request is repeated that may have been sent unless
/// [`with_request_rule`](Stack::with_request_rule) says that it is safe to.
///
/// ```
/// use std::time::Duration;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (layer, handle) = salve::stack("inventory")
///     .with_attempt_timeout(Duration::from_secs(2))
///     .with_request_rule(salve::Repeatable)
///     .build()?;
/// let client = service_fn(|item: &'static str| async move {
///     Ok::<_, std::io::Error>(item.len())
/// });
/// assert_eq!(layer.layer(client).oneshot("screws").await?, 6);
/// assert_eq!(handle.circuit_breaker().unwrap().counts().successes, 1);
/// assert_eq!(handle.close(Duration::from_secs(1)).await, 0);
/// # Ok(())
/// # }
/// ```
pub fn stack(name: impl Into<Name>) -> Stack {
    let name = name.into();
    Stack { parts: Parts::recommended(&name), name, budget: None, rules: Rules::default() }
}

/// A stack that is being put together; see [`stack`](stack()).
#[derive(Clone, Debug)]
#[must_use = "a stack does nothing until it is built"]
pub struct Stack<C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone, P = Parts> {
    name: Name,
    budget: Option<Budget>,
    parts: P,
    rules: Rules<C, R, Q>,
}

impl<C, R, Q, P> Stack<C, R, Q, P> {
    /// Pays for retries and copies from a budget that other stacks share.
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Lets `classifier` say what a result means, for every part.
    pub fn with_classifier<N>(self, classifier: N) -> Stack<N, R, Q, P> {
        let Rules { rule, cloner, .. } = self.rules;
        let rules = Rules { classifier, rule, cloner };
        Stack { name: self.name, budget: self.budget, parts: self.parts, rules }
    }

    /// Lets `rule` say which requests may be carried out twice, and how much each matters.
    pub fn with_request_rule<N>(self, rule: N) -> Stack<C, N, Q, P> {
        let Rules { classifier, cloner, .. } = self.rules;
        let rules = Rules { classifier, rule, cloner };
        Stack { name: self.name, budget: self.budget, parts: self.parts, rules }
    }

    /// Lets `cloner` copy requests for further attempts, such as those that are not [`Clone`].
    pub fn with_cloner<N>(self, cloner: N) -> Stack<C, R, N, P> {
        let Rules { classifier, rule, .. } = self.rules;
        let rules = Rules { classifier, rule, cloner };
        Stack { name: self.name, budget: self.budget, parts: self.parts, rules }
    }
}

impl<C, R, Q, F, D, T, E, H, B, L, P, A> Stack<C, R, Q, Parts<F, D, T, E, H, B, L, P, A>>
where
    F: Settings<Policy: Held<crate::fallback::Handle>>,
    D: Settings<Policy: Held<crate::degradation::Handle>>,
    T: Settings<Policy: Held<timeout::Handle>>,
    E: Settings<Policy: Held<retry::Handle> + Held<crate::adaptive::Handle>>,
    H: Settings<Policy: Held<crate::hedge::Handle>>,
    B: Settings<Policy: Held<circuit_breaker::Handle>>,
    L: Settings<Policy: Held<crate::rate_limit::Handle>>,
    P: Settings<Policy: Held<bulkhead::Handle>>,
    A: Settings<Policy: Held<timeout::Handle>>,
{
    /// The layer, whose services fail with [`Error`](crate::Error), and the handle to its parts.
    ///
    /// # Errors
    /// If a setting of any part is out of bounds.
    #[expect(clippy::type_complexity, reason = "every part is a type")]
    pub fn build(
        self,
    ) -> Result<(StackLayer<Policies<F, D, T, E, H, B, L, P, A>, C, R, Q>, StackHandle), ConfigError>
    {
        let Rules { classifier, rule, cloner } = self.rules;
        let rules = Rules { classifier: Lifted(classifier), rule, cloner };
        let Self { name, budget, parts, .. } = self;
        let (flat, handle) = Stack { name, budget, parts, rules }.build_flat()?;
        Ok((StackLayer(flat), handle))
    }

    /// The same for a service whose own error is [`Refusable`](crate::Refusable) and is kept.
    ///
    /// # Errors
    /// If a setting of any part is out of bounds.
    #[expect(clippy::type_complexity, reason = "every part is a type")]
    pub fn build_flat(
        self,
    ) -> Result<
        (FlatStackLayer<Policies<F, D, T, E, H, B, L, P, A>, C, R, Q>, StackHandle),
        ConfigError,
    > {
        let Self { name, budget, parts, rules } = self;
        // Retries and copies are paid from one budget even where nobody has given one.
        let retry = parts.retry.policy(budget.as_ref())?;
        let budget =
            budget.or_else(|| Held::<retry::Handle>::held(&retry).and_then(|retry| retry.budget()));
        let budget = budget.as_ref();
        let fallback = parts.fallback.policy(budget)?;
        let degradation = parts.degradation.policy(budget)?;
        let total = parts.total.policy(budget)?;
        let hedge = parts.hedge.policy(budget)?;
        let breaker = parts.breaker.policy(budget)?;
        let rate_limit = parts.rate_limit.policy(budget)?;
        let bulkhead = parts.bulkhead.policy(budget)?;
        let attempt = parts.attempt.policy(budget)?;
        let handle = StackHandle {
            gate: Gate::new(Origin::new("stack", name.clone())),
            name,
            fallback: fallback.held(),
            degradation: degradation.held(),
            total: total.held(),
            retry: retry.held(),
            adaptive: retry.held(),
            hedge: hedge.held(),
            breaker: breaker.held(),
            rate_limit: rate_limit.held(),
            bulkhead: bulkhead.held(),
            attempt: attempt.held(),
        };
        let parts = Over { outer: bulkhead, inner: attempt };
        let parts = Over { outer: rate_limit, inner: parts };
        let parts = Over { outer: breaker, inner: parts };
        let parts = Over { outer: hedge, inner: parts };
        let parts = Over { outer: retry, inner: parts };
        let parts = Over { outer: total, inner: parts };
        let parts = Over { outer: degradation, inner: parts };
        let parts = Over { outer: fallback, inner: parts };
        Ok((FlatStackLayer { parts, rules, handle: handle.clone() }, handle))
    }
}
