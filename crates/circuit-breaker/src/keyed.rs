//! One breaker per key, such as a host or a tenant.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::{
    ConfigError, ErrorsAreFailures, Key, Lookup, Members, Observe, Origin, Refusable,
    RegistryConfig, RegistryCounts, Rejection, Subscription, clock,
};

use crate::breaker::State;
use crate::command::Command;
use crate::config::Config;
use crate::event::Event;
use crate::future::{Entry, ResponseFuture};
use crate::lane::Member;
use crate::permit::{Permit, Refusal, admit};
use crate::shared::{Policy, Setup, Shared, tell};
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
    members: Members<K, Shared, Arc<Setup>>,
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
    /// No breakers yet; each is made, closed, when its key is first used.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, bounds: RegistryConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let setup = Arc::new(Setup::new(config, false));
        let policy = Arc::clone(&setup.policy);
        let members = Members::new(bounds, setup, |_, setup| Shared::new(setup))?;
        Ok(Self(Arc::new(KeyedFront { members, policy })))
    }

    /// Asks the breaker of `key` to make one call.
    ///
    /// # Errors
    /// A [`Rejection`] if it refuses.
    pub fn admit<Q>(&self, key: &Q) -> Result<Permit<Member<K>>, Rejection>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        let origin = &self.0.policy.origin;
        self.ask(Cow::Borrowed(key)).map_err(|refusal| refusal.by(origin.clone()))
    }

    pub(crate) fn enter<Q>(&self, key: Cow<'_, Q>) -> Entry<Member<K>>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        match self.ask(key) {
            Ok(permit) => Entry::admitted(permit),
            Err(refusal) => Entry::refused(&self.0.policy.origin, refusal),
        }
    }

    fn ask<Q>(&self, key: Cow<'_, Q>) -> Result<Permit<Member<K>>, Refusal>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        let member = self.0.members.get_or_make(key);
        let grant = admit(&member, &self.0.policy, || member.key_text())?;
        Ok(Permit::new(member, grant))
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
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
        Work: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        ResponseFuture::begin(self.enter(Cow::Borrowed(key)), ErrorsAreFailures, work)
    }

    /// What the breaker of `key` does with calls; `None` if the key is not kept.
    pub fn state<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> Option<State> {
        self.0.members.get(key).map(|member| member.word().state())
    }

    /// The status of the breaker of `key`; `None` if the key is not kept.
    pub fn status<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> Option<Status> {
        self.0.members.get(key).map(|member| member.status(clock::now()))
    }

    /// Every key that is kept, with its breaker's status.
    #[must_use]
    pub fn statuses(&self) -> Vec<(K, Status)> {
        let now = clock::now();
        self.0.members.each(|breaker| breaker.status(now))
    }

    /// The status of the breaker that keys share for which there was no room.
    #[must_use]
    pub fn overflow_status(&self) -> Status {
        self.0.members.overflow().status(clock::now())
    }

    /// Tells the breaker of `key` what to do; `false` if the key is not kept.
    pub fn steer<Q: ?Sized + Lookup<K>>(&self, key: &Q, command: Command) -> bool {
        let Some(member) = self.0.members.get(key) else { return false };
        member.steer(command, clock::now(), || member.key_text());
        true
    }

    /// Forgets `key` and its breaker; calls in flight finish with it.
    pub fn remove<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> bool {
        self.0.members.remove(key)
    }

    /// Lets every breaker, those made later too, follow new settings, all or nothing. Listeners are
    /// told once; a window was cleared if any breaker's was.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        let config = Config { name: self.0.policy.origin.name().clone(), ..config };
        let setup = Arc::new(Setup { config, policy: Arc::clone(&self.0.policy) });
        let now = clock::now();
        let new = |_: &Arc<Setup>| Ok(setup);
        let mut window_cleared = false;
        self.0.members.change(new, |member, setup| {
            window_cleared |= member.reconfigure(setup, now);
        })?;
        tell(&self.0.policy, || None, now, Event::Reconfigured { window_cleared });
        Ok(())
    }

    /// What all breakers together have counted.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        self.0.members.everyone().iter().for_each(|member| member.collect());
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

    pub(crate) fn origin(&self) -> &Origin {
        &self.0.policy.origin
    }

    /// How many breakers refuse calls now.
    pub(crate) fn refusing(&self) -> usize {
        let now = clock::now();
        let everyone = self.0.members.everyone();
        // Most are closed, which takes no lock to see.
        let open = everyone.iter().filter(|it| it.word().state() != State::Closed);
        open.filter(|it| it.status(now).refuses()).count()
    }
}
