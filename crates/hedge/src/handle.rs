//! A hedging policy to call through without tower, to read, and to steer while it runs.

use std::future::Future;
use std::num::NonZeroUsize;

use salve_core::sync::Arc;
use salve_core::{
    Budget, Classify, ConfigError, ErrorsAreFailures, Observe, Refusable, Subscription, clock,
};

use crate::config::Config;
use crate::event::Event;
use crate::future::{AnyErrors, RefusableErrors, Repeats, ResponseFuture};
use crate::shared::Shared;
use crate::status::{CallCounts, Status};

/// One hedging policy. Clones are the same policy, and so are the layers made from it.
///
/// ```
/// use salve_core::Rejection;
/// use salve_hedge::{Config, Handle};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Handle::new(Config::new("stock").with_fixed_delay(Duration::from_millis(50)))?;
/// let mut calls = 0;
/// let stock: Result<u32, Rejection> = policy
///     .call(|| {
///         calls += 1;
///         let takes = if calls == 1 { 2_000 } else { 10 };
///         async move {
///             tokio::time::sleep(Duration::from_millis(takes)).await;
///             Ok(7)
///         }
///     })
///     .await;
/// assert_eq!(stock, Ok(7));
/// assert_eq!(policy.counts().won, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

/// Calls `work`, and once more if that is late; every error is a failure. Whoever calls this says
/// that `work` may be repeated.
///
/// The error may be of any type: a refusal by another policy counts as a failure like any other.
/// [`Handle::call`] knows it from one.
///
/// # Errors
/// What the first copy that failed did so with, once every copy has failed.
///
/// # Cancellation
/// Dropped, it drops every copy.
pub fn hedge<Make, F, T, E>(
    policy: &Handle,
    work: Make,
) -> ResponseFuture<Repeats<Make, ErrorsAreFailures, AnyErrors>>
where
    Make: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
{
    hedge_with(policy, ErrorsAreFailures, work)
}

/// Like [`hedge`], with results judged by `classifier`.
///
/// # Errors
/// As with [`hedge`].
pub fn hedge_with<C, Make, F, T, E>(
    policy: &Handle,
    classifier: C,
    work: Make,
) -> ResponseFuture<Repeats<Make, C, AnyErrors>>
where
    C: Classify<T, E>,
    Make: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
{
    ResponseFuture::new(policy.0.setup(), Repeats::new(work, classifier))
}

impl Handle {
    /// A policy with a budget of its own: 20 % of its calls and 10 copies a second.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(Arc::new(Shared::new(config, Some(Budget::default())))))
    }

    /// Pays for copies from `budget`, which other policies may pay from too.
    #[must_use]
    pub fn with_budget(self, budget: Budget) -> Self {
        self.set_budget(Some(budget));
        self
    }

    /// Hedges without a budget: if everything is late, everything is sent again.
    #[must_use]
    pub fn without_budget(self) -> Self {
        self.set_budget(None);
        self
    }

    /// Makes one call, and copies of it if it is late; every error is a failure. Whoever calls
    /// this says that `work` may be repeated.
    ///
    /// # Errors
    /// What the first copy that failed did so with, once every copy has failed; a refusal of what
    /// was never sent only if nothing else failed.
    ///
    /// # Cancellation
    /// Dropped, it drops every copy.
    pub fn call<Make, F, T, E>(
        &self,
        work: Make,
    ) -> ResponseFuture<Repeats<Make, ErrorsAreFailures, RefusableErrors>>
    where
        Make: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        self.call_with(ErrorsAreFailures, work)
    }

    /// Like [`call`](Self::call), with results judged by `classifier`.
    ///
    /// # Errors
    /// As with [`call`](Self::call).
    pub fn call_with<C, Make, F, T, E>(
        &self,
        classifier: C,
        work: Make,
    ) -> ResponseFuture<Repeats<Make, C, RefusableErrors>>
    where
        C: Classify<T, E>,
        Make: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        ResponseFuture::new(self.0.setup(), Repeats::new(work, classifier))
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.setup().status(clock::now())
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        self.0.policy.totals.read()
    }

    /// The settings it follows.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.setup().config.clone()
    }

    /// The budget it pays from.
    #[must_use]
    pub fn budget(&self) -> Option<Budget> {
        self.0.setup().budget.clone()
    }

    /// Sends no copies until [`resume`](Self::resume), also of calls that are under way; copies
    /// that were sent go on. Latencies are still measured.
    pub fn pause(&self) {
        self.0.policy.set_paused(true, clock::now());
    }

    /// Sends copies of late calls again.
    pub fn resume(&self) {
        self.0.policy.set_paused(false, clock::now());
    }

    /// Follows new settings, all or nothing. Name, counts, pause and budget stay; so does what was
    /// measured, as long as the delay is a quantile. Calls in flight finish under the settings
    /// they began with.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, mut config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        config.name = self.0.policy.name.clone();
        self.0.change(clock::now(), |setup| (config, setup.budget.clone()));
        Ok(())
    }

    /// Pays from this budget from here on, or from none; calls in flight still pay from the one
    /// they began with.
    pub fn set_budget(&self, budget: Option<Budget>) {
        self.0.change(clock::now(), |setup| (setup.config.clone(), budget));
    }

    /// Opens a channel that holds up to `capacity` events, and counts those that do not fit.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.0.policy.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.0.policy.events.observe(observer);
    }

    #[inline]
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}
