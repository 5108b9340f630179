//! One breaker per key, such as a host or a tenant.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::sync::Lock;
use salve_core::{
    ConfigError, ErrorsAreFailures, Observe, Refusable, Registry, RegistryConfig, RegistryCounts,
    Rejection, Subscription, clock,
};

use crate::breaker::State;
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;
use crate::future::{Entry, ResponseFuture};
use crate::lane::Member;
use crate::permit::{Permit, Refusal, admit};
use crate::shared::{Policy, Setup, Shared};
use crate::status::{CallCounts, Status};

/// Breakers by key, all with the same settings, bounded in number.
///
/// ```
/// use salve_circuit_breaker::{Config, KeyedHandle, State};
/// use salve_core::RegistryConfig;
///
/// let config = Config::new("ssh").with_consecutive_failures(1);
/// let hosts = KeyedHandle::<String>::new(config, RegistryConfig::default())?;
/// hosts.admit("vps:17")?.failure();
/// assert_eq!(hosts.state("vps:17"), Some(State::Open));
/// assert!(hosts.admit("vps:18").is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyedHandle<K>(Arc<KeyedFront<K>>);

struct KeyedFront<K> {
    breakers: Registry<K, Shared>,
    policy: Arc<Policy>,
    /// What new breakers are made from.
    setup: Arc<Lock<Arc<Setup>>>,
}

impl<K> Clone for KeyedHandle<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> fmt::Debug for KeyedHandle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyedHandle").field(&self.0.breakers).finish()
    }
}

impl<K> KeyedHandle<K>
where
    K: fmt::Display + Hash + Eq + Send + Sync + 'static,
{
    /// No breakers yet; each is made, closed, when its key is first used.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, bounds: RegistryConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let setup = Arc::new(Setup::new(config, false));
        let policy = Arc::clone(&setup.policy);
        let setup = Arc::new(Lock::new(setup));
        let newest = Arc::clone(&setup);
        let make = move || Shared::new(Arc::clone(&newest.lock()));
        Ok(Self(Arc::new(KeyedFront { breakers: Registry::new(bounds, make)?, policy, setup })))
    }

    /// Asks the breaker of `key` to make one call.
    ///
    /// # Errors
    /// A [`Rejection`] if it refuses.
    pub fn admit<Q>(&self, key: &Q) -> Result<Permit<Member<K>>, Rejection>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq + ToOwned<Owned = K>,
    {
        let origin = &self.0.policy.origin;
        self.ask(Cow::Borrowed(key)).map_err(|refusal| refusal.by(origin.clone()))
    }

    pub(crate) fn enter<Q>(&self, key: Cow<'_, Q>) -> Entry<Member<K>>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq + ToOwned<Owned = K>,
    {
        match self.ask(key) {
            Ok(permit) => Entry::admitted(permit),
            Err(refusal) => Entry::refused(&self.0.policy.origin, refusal),
        }
    }

    fn ask<Q>(&self, key: Cow<'_, Q>) -> Result<Permit<Member<K>>, Refusal>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq + ToOwned<Owned = K>,
    {
        let member = self.0.breakers.get_or_make(key);
        let key = || member.key().map(ToString::to_string);
        let grant = admit(&member, &self.0.policy, key)?;
        Ok(Permit::new(Member(member), grant))
    }

    /// Makes one call through the breaker of `key`; every error is a failure.
    ///
    /// # Errors
    /// What `work` fails with, or a [`Rejection`] in its error type.
    ///
    /// # Cancellation
    /// As with [`Handle::call`](crate::Handle::call).
    pub fn call<Q, Work, F, T, E>(
        &self,
        key: &Q,
        work: Work,
    ) -> ResponseFuture<F, ErrorsAreFailures, Member<K>>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq + ToOwned<Owned = K>,
        Work: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        ResponseFuture::begin(self.enter(Cow::Borrowed(key)), ErrorsAreFailures, work)
    }

    /// What the breaker of `key` does with calls; `None` if the key is not kept.
    pub fn state<Q>(&self, key: &Q) -> Option<State>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        self.0.breakers.get(key).map(|member| member.word().state())
    }

    /// The status of the breaker of `key`; `None` if the key is not kept.
    pub fn status<Q>(&self, key: &Q) -> Option<Status>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        self.0.breakers.get(key).map(|member| member.status(clock::now()))
    }

    /// Every key that is kept, with its breaker's status.
    #[must_use]
    pub fn statuses(&self) -> Vec<(K, Status)>
    where
        K: Clone,
    {
        let now = clock::now();
        let kept = self.0.breakers.entries();
        kept.iter().filter_map(|entry| Some((entry.key()?.clone(), entry.status(now)))).collect()
    }

    /// The status of the breaker that keys share for which there was no room.
    #[must_use]
    pub fn overflow_status(&self) -> Status {
        self.0.breakers.overflow().status(clock::now())
    }

    /// Tells the breaker of `key` what to do; `false` if the key is not kept.
    pub fn steer<Q>(&self, key: &Q, command: Command) -> bool
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        let Some(member) = self.0.breakers.get(key) else { return false };
        member.steer(command, clock::now(), || member.key().map(ToString::to_string));
        true
    }

    /// Forgets `key` and its breaker; calls in flight finish with it.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        self.0.breakers.remove(key)
    }

    /// Lets every breaker, those made later too, follow new settings, all or nothing.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        let config = Config { name: self.0.policy.origin.name().clone(), ..config };
        let setup = Arc::new(Setup { config, policy: Arc::clone(&self.0.policy) });
        *self.0.setup.lock() = Arc::clone(&setup);
        let now = clock::now();
        for member in self.0.breakers.entries().iter().chain([self.0.breakers.overflow()]) {
            member.reconfigure(&setup, now, || member.key().map(ToString::to_string));
        }
        Ok(())
    }

    /// What all breakers together have counted.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        for member in self.0.breakers.entries().iter().chain([self.0.breakers.overflow()]) {
            member.collect();
        }
        self.0.policy.totals.read()
    }

    /// How many keys are kept, and what became of others.
    #[must_use]
    pub fn registry_counts(&self) -> RegistryCounts {
        self.0.breakers.counts()
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
}
