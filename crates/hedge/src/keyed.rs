//! One hedging policy per key, such as a host: what is late is measured for each.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;

use salve_core::sync::{Arc, Lock};
use salve_core::{
    Budget, ConfigError, ErrorsAreFailures, Key, Keyed, Lookup, Member, Members, Observe,
    Refusable, RegistryConfig, RegistryCounts, Subscription, clock,
};

use crate::config::Config;
use crate::event::Event;
use crate::future::{RefusableErrors, Repeats, ResponseFuture};
use crate::shared::{Policy, Setup};
use crate::status::{CallCounts, Status};

/// Hedged calls by key, all with the same settings and budget, bounded in number. Each key has its
/// own measure of what is late, so that a host that is slow by nature is not copied all the time
/// and the quick ones are copied in time.
///
/// ```
/// use salve_core::{Rejection, RegistryConfig};
/// use salve_hedge::{Config, KeyedHandle};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hosts = KeyedHandle::<String>::new(Config::new("shards"), RegistryConfig::default())?;
/// let answer: Result<u32, Rejection> = hosts.call("shard:3", || async { Ok(7) }).await;
/// assert_eq!(answer, Ok(7));
/// assert_eq!(hosts.status("shard:3").unwrap().answered, 1);
/// # Ok(())
/// # }
/// ```
pub struct KeyedHandle<K>(Arc<KeyedFront<K>>);

struct KeyedFront<K> {
    members: Members<K, Kept, Config>,
    policy: Arc<Policy>,
}

/// What is kept for one key.
struct Kept(Lock<Arc<Setup>>);

impl Keyed for Kept {
    /// What is late can be measured anew.
    fn is_evictable(&self) -> bool {
        true
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
    /// No policies yet; each is made when its key is first used. All pay from one budget: 20 % of
    /// the calls and 10 copies a second.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, bounds: RegistryConfig) -> Result<Self, ConfigError> {
        Self::with_budget(config, Some(Budget::default()), bounds)
    }

    /// The same with copies that are paid from `budget`, or from none.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn with_budget(
        config: Config,
        budget: Option<Budget>,
        bounds: RegistryConfig,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let policy = Policy::new(&config);
        let shared = Arc::clone(&policy);
        let make = move |key: Option<&K>, config: Config| {
            let key = key.map(|key| key.to_string().into_boxed_str());
            let setup = Setup::new(Arc::clone(&shared), config, budget.clone(), key);
            Kept(Lock::new(Arc::new(setup)))
        };
        let members = Members::new(bounds, config, make)?;
        Ok(Self(Arc::new(KeyedFront { members, policy })))
    }

    pub(crate) fn setup<Q>(&self, key: Cow<'_, Q>) -> Arc<Setup>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        self.0.members.get_or_make(key).setup()
    }

    /// Makes one call of `key`, and copies of it if it is late.
    ///
    /// # Errors
    /// As with [`Handle::call`](crate::Handle::call).
    ///
    /// # Cancellation
    /// Dropped, it ends the call and its copies.
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
        ResponseFuture::new(self.setup(Cow::Borrowed(key)), Repeats::new(work, ErrorsAreFailures))
    }

    /// How the policy of `key` stands; `None` if the key is not kept.
    pub fn status<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> Option<Status> {
        self.0.members.get(key).map(|member| member.setup().status(clock::now()))
    }

    /// Every key that is kept, with how its policy stands.
    #[must_use]
    pub fn statuses(&self) -> Vec<(K, Status)> {
        self.0.members.each(|kept| kept.setup().status(clock::now()))
    }

    /// Sends no copies until [`resume`](Self::resume), whatever the key.
    pub fn pause(&self) {
        self.0.policy.set_paused(true, clock::now());
    }

    /// Sends copies of late calls again.
    pub fn resume(&self) {
        self.0.policy.set_paused(false, clock::now());
    }

    /// Forgets `key` and what was measured; calls in flight finish with it.
    pub fn remove<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> bool {
        self.0.members.remove(key)
    }

    /// The settings that every key follows.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.members.settings()
    }

    /// Lets every key, those made later too, follow new settings, all or nothing. What was
    /// measured stays as long as the delay is a quantile; calls in flight finish under the
    /// settings they began with.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, mut config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        config.name = self.0.policy.name.clone();
        let now = clock::now();
        self.0.members.change(
            |_| Ok(config),
            |member: &Member<K, Kept>, config| {
                let mut setup = member.0.lock();
                *setup = Arc::new(setup.changed(config.clone(), setup.budget.clone(), now));
            },
        )?;
        self.0.policy.tell(None, now, Event::Reconfigured);
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
