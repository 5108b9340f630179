//! A retry policy to call through without tower, to read, and to steer while it runs.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::{
    Budget, Classify, ConfigError, ErrorsAreFailures, Observe, Refusable, Subscription, clock,
};

use crate::config::Config;
use crate::event::Event;
use crate::future::{AnyErrors, RefusableErrors, Repeats, ResponseFuture};
use crate::shared::Shared;
use crate::status::CallCounts;

/// One retry policy. Clones are the same policy, and so are the layers made from it.
///
/// ```
/// use salve_core::Rejection;
/// use salve_retry::{Config, Handle, retry};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Handle::new(Config::new("inventory"))?;
/// let mut tries = 0;
/// let stock: Result<u32, &str> = retry(&policy, || {
///     tries += 1;
///     let answer = if tries < 3 { Err("busy") } else { Ok(7) };
///     async move { answer }
/// })
/// .await;
/// assert_eq!(stock, Ok(7));
/// assert_eq!(policy.counts().retries, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

/// Calls `work` until it succeeds or is given up; every error is a failure worth another attempt,
/// and whoever calls this says that `work` may be repeated.
///
/// The error may be of any type. An attempt that runs is therefore never cut off:
/// [`Config::attempt_timeout`] has no effect, [`Config::total_deadline`] and the caller's deadline
/// only keep further attempts from beginning. [`Handle::call`] does all of it.
///
/// # Errors
/// What the last attempt failed with.
///
/// # Cancellation
/// Dropped, it ends the attempt that runs and makes no other.
pub fn retry<Make, F, T, E>(
    policy: &Handle,
    work: Make,
) -> ResponseFuture<Repeats<Make, ErrorsAreFailures, AnyErrors>>
where
    Make: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
{
    retry_with(policy, ErrorsAreFailures, work)
}

/// Like [`retry`], with results judged by `classifier`.
///
/// # Errors
/// What the last attempt failed with.
pub fn retry_with<C, Make, F, T, E>(
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
    /// A policy with a budget of its own: 20 % of its calls and 10 retries a second.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(Arc::new(Shared::new(config, Some(Budget::default())))))
    }

    /// Pays for retries from `budget`, which other policies may pay from too.
    #[must_use]
    pub fn with_budget(self, budget: Budget) -> Self {
        self.set_budget(Some(budget));
        self
    }

    /// Retries without a budget: in an outage every call is attempted as often as the settings
    /// allow.
    #[must_use]
    pub fn without_budget(self) -> Self {
        self.set_budget(None);
        self
    }

    /// Makes one call, attempted until it succeeds or is given up; every error is a failure worth
    /// another attempt, but for rejections that say otherwise. Whoever calls this says that `work`
    /// may be repeated.
    ///
    /// # Errors
    /// What the last attempt failed with, or a [`Rejection`](salve_core::Rejection) with
    /// [`Reason::AttemptTimeout`](salve_core::Reason::AttemptTimeout) or
    /// [`Reason::DeadlineExceeded`](salve_core::Reason::DeadlineExceeded) in its error type.
    ///
    /// # Cancellation
    /// Dropped, it ends the attempt that runs and makes no other.
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

    /// Attempts no call again until [`resume`](Self::resume): what could have been repeated is given
    /// up with its failure. Attempts under way go on; a call that waits for its next one gives up when
    /// that would begin. Time limits hold as before.
    pub fn pause(&self) {
        self.0.policy.set_paused(true, clock::now());
    }

    /// Attempts calls again.
    pub fn resume(&self) {
        self.0.policy.set_paused(false, clock::now());
    }

    /// Whether retries are held back by [`pause`](Self::pause).
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.policy.is_paused()
    }

    /// Follows new settings, all or nothing. Name, counts, pause and budget stay; calls in flight finish
    /// under the settings they began with.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        let config = Config { name: self.0.policy.origin.name().clone(), ..config };
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

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}
