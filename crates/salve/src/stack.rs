//! The recommended stack: which policies stand around a call, in which order, and why.
//!
//! ```text
//!   caller
//!     │
//!   gate             counts what is in flight; closes without cutting anybody off
//!     │
//!   total timeout    one deadline for everything below, waiting included; all inner parts see it
//!     │
//!   retry            outside the breaker, so that each attempt is counted, and outside the
//!     │              bulkhead, so that a call that backs off holds no place
//!   circuit breaker  outside the bulkhead: a refusal takes no place, and a full bulkhead, which
//!     │              says nothing about the dependency, is ignored
//!   bulkhead         outside the attempt's limit: time in the queue is not the dependency's
//!     │
//!   attempt timeout  innermost, so that the breaker sees a timeout as the failure it is
//!     │
//!   client
//! ```

use std::time::Duration;

use salve_core::{Budget, ConfigError, ErrorsAreFailures, Name, Origin, Unrepeatable};
use salve_retry::ByClone;

use crate::gate::Gate;
use crate::stack_handle::StackHandle;
use crate::stack_layer::{FlatStackLayer, StackLayer};
use crate::{Lifted, bulkhead, circuit_breaker, retry, timeout};

/// Starts the recommended stack for the dependency `name`, with every part at its default.
///
/// | part | default |
/// |---|---|
/// | total timeout | 30 s |
/// | retry | 3 attempts, 100 ms doubling with full jitter, 20 % + 10/s of the traffic |
/// | circuit breaker | 5 failures in 60 s open it for 60 s; 2 of 3 probes close it |
/// | bulkhead | 25 places, no queue |
/// | attempt timeout | 10 s |
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
    let part = |part: &str| Name::from(format!("{name}/{part}"));
    let parts = Parts {
        total: Some(timeout::Config::of_total(part("total"), Duration::from_secs(30))),
        retry: Some(retry::Config::new(part("retry"))),
        budget: None,
        breaker: Some(circuit_breaker::Config::new(part("breaker"))),
        bulkhead: Some(bulkhead::Config::new(part("bulkhead"))),
        attempt: Some(timeout::Config::of_attempt(part("attempt"), Duration::from_secs(10))),
        name,
    };
    Stack { parts, rules: Rules::default() }
}

/// What a stack asks about requests and results; one answer serves all its parts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules<C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone> {
    pub(crate) classifier: C,
    pub(crate) rule: R,
    pub(crate) cloner: Q,
}

/// A stack that is being put together; see [`stack`].
#[derive(Clone, Debug)]
#[must_use = "a stack does nothing until it is built"]
pub struct Stack<C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone> {
    parts: Parts,
    rules: Rules<C, R, Q>,
}

/// The settings of each part that is not left out.
#[derive(Clone, Debug)]
struct Parts {
    name: Name,
    total: Option<timeout::Config>,
    retry: Option<retry::Config>,
    budget: Option<Budget>,
    breaker: Option<circuit_breaker::Config>,
    bulkhead: Option<bulkhead::Config>,
    attempt: Option<timeout::Config>,
}

impl<C, R, Q> Stack<C, R, Q> {
    /// Limits the whole call, waiting and retries included.
    pub fn with_total_timeout(mut self, limit: Duration) -> Self {
        self.parts.total = Some(timeout::Config::of_total(self.part("total"), limit));
        self
    }

    /// Leaves the whole call without a limit of its own; an outer deadline still holds.
    pub fn without_total_timeout(mut self) -> Self {
        self.parts.total = None;
        self
    }

    /// Sets how calls are retried; the name stays the stack's.
    pub fn with_retry(mut self, config: retry::Config) -> Self {
        self.parts.retry = Some(config.with_name(self.part("retry")));
        self
    }

    /// Leaves retries out.
    pub fn without_retry(mut self) -> Self {
        self.parts.retry = None;
        self
    }

    /// Pays for retries from a budget that other stacks share.
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.parts.budget = Some(budget);
        self
    }

    /// Sets when calls are refused because the dependency is down; the name stays the stack's.
    pub fn with_circuit_breaker(mut self, mut config: circuit_breaker::Config) -> Self {
        config.name = self.part("breaker");
        self.parts.breaker = Some(config);
        self
    }

    /// Leaves the circuit breaker out.
    pub fn without_circuit_breaker(mut self) -> Self {
        self.parts.breaker = None;
        self
    }

    /// Sets how many attempts may be under way and how many may wait; the name stays the stack's.
    pub fn with_bulkhead(mut self, mut config: bulkhead::Config) -> Self {
        config.name = self.part("bulkhead");
        self.parts.bulkhead = Some(config);
        self
    }

    /// Leaves the bulkhead out.
    pub fn without_bulkhead(mut self) -> Self {
        self.parts.bulkhead = None;
        self
    }

    /// Limits each attempt.
    pub fn with_attempt_timeout(mut self, limit: Duration) -> Self {
        self.parts.attempt = Some(timeout::Config::of_attempt(self.part("attempt"), limit));
        self
    }

    /// Leaves attempts without a limit of their own.
    pub fn without_attempt_timeout(mut self) -> Self {
        self.parts.attempt = None;
        self
    }

    /// Lets `classifier` say what a result means, for every part.
    pub fn with_classifier<N>(self, classifier: N) -> Stack<N, R, Q> {
        let Rules { rule, cloner, .. } = self.rules;
        Stack { parts: self.parts, rules: Rules { classifier, rule, cloner } }
    }

    /// Lets `rule` say which requests may be carried out twice, and how much each matters.
    pub fn with_request_rule<N>(self, rule: N) -> Stack<C, N, Q> {
        let Rules { classifier, cloner, .. } = self.rules;
        Stack { parts: self.parts, rules: Rules { classifier, rule, cloner } }
    }

    /// Lets `cloner` copy requests for further attempts, such as those that are not [`Clone`].
    pub fn with_cloner<N>(self, cloner: N) -> Stack<C, R, N> {
        let Rules { classifier, rule, .. } = self.rules;
        Stack { parts: self.parts, rules: Rules { classifier, rule, cloner } }
    }

    /// The layer, whose services fail with [`Error`](crate::Error), and the handle to its parts.
    ///
    /// # Errors
    /// If a setting of any part is out of bounds.
    pub fn build(self) -> Result<(StackLayer<C, R, Q>, StackHandle), ConfigError> {
        let Rules { classifier, rule, cloner } = self.rules;
        let rules = Rules { classifier: Lifted(classifier), rule, cloner };
        let (flat, handle) = Stack { parts: self.parts, rules }.build_flat()?;
        Ok((StackLayer(flat), handle))
    }

    /// The same for a service whose own error is [`Refusable`](crate::Refusable) and is kept.
    ///
    /// # Errors
    /// If a setting of any part is out of bounds.
    pub fn build_flat(self) -> Result<(FlatStackLayer<C, R, Q>, StackHandle), ConfigError> {
        let Parts { name, total, retry, budget, breaker, bulkhead, attempt } = self.parts;
        let retry = retry.map(retry::Handle::new).transpose()?;
        if let (Some(retry), Some(budget)) = (&retry, budget) {
            retry.set_budget(Some(budget));
        }
        let handle = StackHandle {
            gate: Gate::new(Origin::new("stack", name.clone())),
            name,
            total: total.map(timeout::Handle::new).transpose()?,
            retry,
            breaker: breaker.map(circuit_breaker::Handle::new).transpose()?,
            bulkhead: bulkhead.map(bulkhead::Handle::new).transpose()?,
            attempt: attempt.map(timeout::Handle::new).transpose()?,
        };
        Ok((FlatStackLayer { handle: handle.clone(), rules: self.rules }, handle))
    }

    fn part(&self, part: &str) -> Name {
        Name::from(format!("{}/{part}", self.parts.name))
    }
}
