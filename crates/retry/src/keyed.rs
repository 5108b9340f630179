//! One retry policy per key, such as a host or a tenant: the same settings, a budget each.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::sync::Lock;
use salve_core::{
    Budget, BudgetRule, Classify, ConfigError, ErrorsAreFailures, Key, Keyed, Lookup, Member,
    Members, Observe, Refusable, RegistryConfig, RegistryCounts, Subscription, clock,
};

use crate::config::Config;
use crate::event::Event;
use crate::future::{RefusableErrors, Repeats, ResponseFuture};
use crate::shared::{Policy, Setup};
use crate::status::CallCounts;

/// Retries by key, all with the same settings and each with a budget of its own, bounded in
/// number: a host that fails uses up its own budget, and none of the others'.
///
/// ```
/// use salve_core::{Rejection, RegistryConfig};
/// use salve_retry::{Config, KeyedHandle};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hosts = KeyedHandle::<String>::new(Config::new("ssh"), RegistryConfig::default())?;
/// let uptime: Result<u32, Rejection> = hosts.call("vps:17", || async { Ok(7) }).await;
/// assert_eq!(uptime, Ok(7));
/// assert!(hosts.budget_available("vps:17").is_some_and(|retries| retries > 0));
/// # Ok(())
/// # }
/// ```
pub struct KeyedHandle<K>(Arc<KeyedFront<K>>);

struct KeyedFront<K> {
    members: Members<K, Kept, Terms>,
    policy: Arc<Policy>,
}

/// What is the same for every key.
#[derive(Clone, Debug)]
struct Terms {
    config: Config,
    /// Of each key's own budget, if they have one.
    budget: Option<BudgetRule>,
}

/// What is kept for one key.
struct Kept(Lock<Arc<Setup>>);

impl Keyed for Kept {
    /// A budget that is used up must not be forgotten: the next one would be full.
    fn is_evictable(&self) -> bool {
        let setup = self.setup();
        setup.budget.as_ref().is_none_or(|budget| budget.has_some(clock::now()))
    }
}

impl Kept {
    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.0.lock())
    }
}

impl<K> Clone for KeyedHandle<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> fmt::Debug for KeyedHandle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyedHandle").field(&self.0.members).finish()
    }
}

impl<K: Key> KeyedHandle<K> {
    /// No policies yet; each is made when its key is first used, with a budget of
    /// [`BudgetRule::DEFAULT`].
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, bounds: RegistryConfig) -> Result<Self, ConfigError> {
        Self::with_budget_rule(config, Some(BudgetRule::DEFAULT), bounds)
    }

    /// The same with a budget for each key that follows `budget`, or with none.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn with_budget_rule(
        config: Config,
        budget: Option<BudgetRule>,
        bounds: RegistryConfig,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        // The budgets of the keys are made later, where nobody could be told of an error.
        budget.map(Budget::new).transpose()?;
        let policy = Policy::new(&config);
        let shared = Arc::clone(&policy);
        let make = move |key: Option<&K>, terms: Terms| {
            let budget = terms.budget.and_then(|rule| Budget::new(rule).ok());
            let setup = Setup::new(Arc::clone(&shared), terms.config, budget);
            let key = key.map(|key| key.to_string().into_boxed_str());
            Kept(Lock::new(Arc::new(setup.of_key(key))))
        };
        let members = Members::new(bounds, Terms { config, budget }, make)?;
        Ok(Self(Arc::new(KeyedFront { members, policy })))
    }

    pub(crate) fn setup<Q>(&self, key: Cow<'_, Q>) -> Arc<Setup>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        self.0.members.get_or_make(key).setup()
    }

    /// Makes one call of `key`, attempted until it succeeds or is given up.
    ///
    /// # Errors
    /// As with [`Handle::call`](crate::Handle::call).
    ///
    /// # Cancellation
    /// Dropped, it ends the attempt that runs and makes no other.
    pub fn call<Q, Make, F, T, E>(
        &self,
        key: &Q,
        work: Make,
    ) -> ResponseFuture<Repeats<Make, ErrorsAreFailures, RefusableErrors>>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
        Make: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        self.call_with(key, ErrorsAreFailures, work)
    }

    /// Like [`call`](Self::call), with results judged by `classifier`.
    ///
    /// # Errors
    /// As with [`Handle::call`](crate::Handle::call).
    pub fn call_with<Q, C, Make, F, T, E>(
        &self,
        key: &Q,
        classifier: C,
        work: Make,
    ) -> ResponseFuture<Repeats<Make, C, RefusableErrors>>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
        C: Classify<T, E>,
        Make: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        ResponseFuture::new(self.setup(Cow::Borrowed(key)), Repeats::new(work, classifier))
    }

    /// How many more retries the budget of `key` would pay for; `None` if the key is not kept or
    /// has no budget.
    pub fn budget_available<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> Option<u64> {
        self.0.members.get(key).and_then(|member| available(&member))
    }

    /// Every key that is kept, with what its budget would pay for.
    #[must_use]
    pub fn budgets_available(&self) -> Vec<(K, Option<u64>)> {
        self.0.members.each(available)
    }

    /// Forgets `key` and its budget; calls in flight finish with it.
    pub fn remove<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> bool {
        self.0.members.remove(key)
    }

    /// The settings that every key follows.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.members.settings().config
    }

    /// Attempts no call again until [`resume`](Self::resume), whatever the key.
    pub fn pause(&self) {
        self.0.policy.set_paused(true, clock::now());
    }

    /// Attempts calls again.
    pub fn resume(&self) {
        self.0.policy.set_paused(false, clock::now());
    }

    /// Lets every key, those made later too, follow new settings, all or nothing. Budgets and pause stay;
    /// calls in flight finish under the settings they began with.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, mut config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        config.name = self.0.policy.origin.name().clone();
        let new = |terms: &Terms| Ok(Terms { config, budget: terms.budget });
        self.0.members.change(new, |member: &Member<K, Kept>, terms| {
            let mut setup = member.0.lock();
            let policy = Arc::clone(&self.0.policy);
            let changed = Setup::new(policy, terms.config.clone(), setup.budget.clone());
            *setup = Arc::new(changed.of_key(setup.key().map(Into::into)));
        })?;
        self.0.policy.tell(None, clock::now(), Event::Reconfigured);
        Ok(())
    }

    /// What all keys together have counted.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        self.0.policy.totals.read()
    }

    /// How many keys are kept, and what became of others.
    #[must_use]
    pub fn registry_counts(&self) -> RegistryCounts {
        self.0.members.counts()
    }

    /// Opens a channel that holds up to `capacity` events, each with its key.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.0.policy.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.0.policy.events.observe(observer);
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.0.policy
    }
}

fn available(kept: &Kept) -> Option<u64> {
    kept.setup().budget.as_ref().map(|budget| budget.available(clock::now()))
}
