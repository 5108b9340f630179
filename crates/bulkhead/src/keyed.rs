//! One bulkhead per key, such as a host or a tenant.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::{
    ConfigError, ErrorsAreFailures, Key, Lazily, Lookup, Members, Observe, Refusable,
    RegistryConfig, RegistryCounts, Rejection, Subscription,
};

use crate::config::Config;
use crate::event::Event;
use crate::future::{Acquire, ResponseFuture};
use crate::handle::{set_closed, try_acquire};
use crate::idle::Idle;
use crate::lane::Member;
use crate::permit::Permit;
use crate::policy::Policy;
use crate::shared::Shared;
use crate::status::{CallCounts, Status};

/// Bulkheads by key, all with the same settings, bounded in number.
///
/// ```
/// use salve_bulkhead::{Config, KeyedHandle};
/// use salve_core::RegistryConfig;
///
/// let config = Config::new("ssh").with_places(3);
/// let hosts = KeyedHandle::<String>::new(config, RegistryConfig::default())?;
/// let held = [hosts.try_acquire("vps:17")?, hosts.try_acquire("vps:17")?];
/// assert_eq!(hosts.status("vps:17").unwrap().in_use, 2);
/// assert!(hosts.try_acquire("vps:18").is_ok());
/// # drop(held);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyedHandle<K>(Arc<KeyedFront<K>>);

struct KeyedFront<K> {
    members: Members<K, Shared, Config>,
    policy: Arc<Policy>,
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
    /// No bulkheads yet; each is made, with every place free, when its key is first used.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, bounds: RegistryConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let policy = Policy::new(&config);
        let shared = Arc::clone(&policy);
        let make = move |_: Option<&K>, config| Shared::new(config, Arc::clone(&shared));
        let members = Members::new(bounds, config, make)?;
        Ok(Self(Arc::new(KeyedFront { members, policy })))
    }

    pub(crate) fn lane<Q>(&self, key: Cow<'_, Q>) -> Member<K>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        self.0.members.get_or_make(key)
    }

    /// Takes a place of `key` without waiting.
    ///
    /// # Errors
    /// A [`Rejection`] if none is free.
    pub fn try_acquire<Q>(&self, key: &Q) -> Result<Permit<Member<K>>, Rejection>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        try_acquire(&self.lane(Cow::Borrowed(key)))
    }

    /// Waits for a place of `key`.
    ///
    /// # Errors
    /// As with [`Handle::acquire`](crate::Handle::acquire).
    pub fn acquire<Q>(&self, key: &Q) -> Acquire<Member<K>>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        Acquire::new(self.lane(Cow::Borrowed(key)), None)
    }

    /// Makes one call, once it has a place of `key`.
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
    ) -> ResponseFuture<Lazily<Work, F>, ErrorsAreFailures, Member<K>>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
        Work: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        ResponseFuture::new(self.acquire(key), ErrorsAreFailures, Lazily::new(work))
    }

    /// The status of the bulkhead of `key`; `None` if the key is not kept.
    pub fn status<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> Option<Status> {
        self.0.members.get(key).map(|member| member.status())
    }

    /// Every key that is kept, with its bulkhead's status.
    #[must_use]
    pub fn statuses(&self) -> Vec<(K, Status)> {
        self.0.members.each(Shared::status)
    }

    /// The status of the bulkhead that keys share for which there was no room.
    #[must_use]
    pub fn overflow_status(&self) -> Status {
        self.0.members.overflow().status()
    }

    /// Takes no new calls of `key`; `false` if the key is not kept.
    pub fn close<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> bool {
        self.set_closed(key, true)
    }

    /// Takes calls of `key` again; `false` if the key is not kept.
    pub fn open<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> bool {
        self.set_closed(key, false)
    }

    fn set_closed<Q: ?Sized + Lookup<K>>(&self, key: &Q, closed: bool) -> bool {
        self.0.members.get(key).inspect(|member| set_closed(member, closed)).is_some()
    }

    /// Waits until nothing of `key` is in use and nobody waits; `None` if the key is not kept.
    pub fn idle<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> Option<Idle<Member<K>>> {
        self.0.members.get(key).map(Idle::new)
    }

    /// Forgets `key` and its bulkhead; calls that hold or wait for a place finish with it.
    pub fn remove<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> bool {
        self.0.members.remove(key)
    }

    /// Lets every bulkhead, those made later too, follow new settings, all or nothing. Listeners
    /// are told once.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, mut config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        config.name = self.0.policy.origin.name().clone();
        let new = |_: &Config| Ok(config);
        self.0.members.change(new, |member, config| member.reconfigure(config.clone()))?;
        self.0.policy.tell(|| None, Event::Reconfigured);
        Ok(())
    }

    /// What all bulkheads together have counted.
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
