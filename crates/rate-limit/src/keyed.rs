//! One rate limit per key, such as a tenant or a host.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use salve_core::{
    ConfigError, Key, Lazily, Lookup, Members, Observe, Ratio, Refusable, RegistryConfig,
    RegistryCounts, Rejection, Subscription, clock,
};

use crate::config::{Config, Settings, validate_scale};
use crate::event::Event;
use crate::future::{Allowed, ResponseFuture};
use crate::handle::Handle;
use crate::lane::Member;
use crate::policy::Policy;
use crate::shared::Shared;
use crate::status::{CallCounts, Status};
use crate::tiers::Tier;

/// Rate limits by key, bounded in number. A key that has spent something is not forgotten, so
/// that forgetting never gives an allowance back.
///
/// ```
/// use salve_core::RegistryConfig;
/// use salve_rate_limit::{Config, KeyedHandle, Tier, Tiers};
///
/// let plan_of = |tenant: &String| if tenant == "acme" { Tier::PRO } else { Tier::STARTER };
/// let config = Config::tiered("api", Tiers::plans());
/// let tenants = KeyedHandle::with_tier_of(config, RegistryConfig::default(), plan_of)?;
///
/// tenants.check("acme")?;
/// assert_eq!(tenants.status("acme").unwrap().available, 499);
/// assert_eq!(tenants.of("other").status().available, 100);
///
/// // A plan may change while it runs; what has been spent is spent:
/// tenants.of("acme").set_tier(Tier::ENTERPRISE);
/// assert_eq!(tenants.status("acme").unwrap().available, 1_999);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyedHandle<K>(Arc<KeyedFront<K>>);

struct KeyedFront<K> {
    members: Members<K, Shared, Arc<Settings>>,
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
    /// No limits yet; each is made, of the first tier and with a full burst, when its key is
    /// first used.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, bounds: RegistryConfig) -> Result<Self, ConfigError> {
        Self::with_tier_of(config, bounds, |_| Tier::FIRST)
    }

    /// No limits yet; each is made of the tier that `tier_of` names for its key. Keys for which
    /// there is no room share a limit of the first tier.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn with_tier_of(
        config: Config,
        bounds: RegistryConfig,
        tier_of: impl Fn(&K) -> Tier + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let settings = Arc::new(Settings::new(config));
        let policy = Policy::new(&settings);
        let shared = Arc::clone(&policy);
        let make = move |key: Option<&K>, settings| {
            let tier = key.map_or(Tier::FIRST, &tier_of);
            Shared::new(settings, tier, Arc::clone(&shared))
        };
        let members = Members::new(bounds, settings, make)?;
        Ok(Self(Arc::new(KeyedFront { members, policy })))
    }

    /// The limit of `key`. While it is held, the key is not forgotten.
    pub fn of<Q>(&self, key: &Q) -> Handle<Member<K>>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        self.find(Cow::Borrowed(key))
    }

    pub(crate) fn find<Q>(&self, key: Cow<'_, Q>) -> Handle<Member<K>>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        Handle::on(self.0.members.get_or_make(key))
    }

    /// Lets one call of `key` through now, or not at all.
    ///
    /// # Errors
    /// As with [`Handle::check`].
    pub fn check<Q>(&self, key: &Q) -> Result<(), Rejection>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        let now = clock::now();
        Handle::on(self.0.members.get_or_make_at(Cow::Borrowed(key), now)).check_at(1, now)
    }

    /// Waits for the turn of one call of `key`.
    ///
    /// # Errors
    /// As with [`Handle::until_allowed`].
    pub fn until_allowed<Q>(&self, key: &Q) -> Allowed<Member<K>>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
    {
        self.of(key).until_allowed()
    }

    /// Makes one call when the turn of `key` has come.
    ///
    /// # Errors
    /// What `work` fails with, or a [`Rejection`] in its error type.
    ///
    /// # Cancellation
    /// As with [`Handle::call`].
    pub fn call<Q, Work, F, T, E>(
        &self,
        key: &Q,
        work: Work,
    ) -> ResponseFuture<Lazily<Work, F>, Member<K>>
    where
        Q: ?Sized + Lookup<K> + ToOwned<Owned = K>,
        Work: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        self.of(key).call(work)
    }

    /// The status of the limit of `key`; `None` if the key is not kept.
    pub fn status<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> Option<Status> {
        self.0.members.get(key).map(|member| member.status(clock::now()))
    }

    /// Every key that is kept, with its limit's status.
    #[must_use]
    pub fn statuses(&self) -> Vec<(K, Status)> {
        let now = clock::now();
        self.0.members.each(|limit| limit.status(now))
    }

    /// The status of the limit that keys share for which there was no room.
    #[must_use]
    pub fn overflow_status(&self) -> Status {
        self.0.members.overflow().status(clock::now())
    }

    /// Forgets `key`, what it has spent and its tier; calls that wait finish with them.
    pub fn remove<Q: ?Sized + Lookup<K>>(&self, key: &Q) -> bool {
        self.0.members.remove(key)
    }

    /// Lets through this share of every key's rate; see [`Handle::scale`].
    ///
    /// # Errors
    /// If the share is out of bounds; then nothing has changed.
    pub fn scale(&self, to: Ratio) -> Result<(), ConfigError> {
        validate_scale(to)?;
        self.set_scale(to);
        Ok(())
    }

    pub(crate) fn set_scale(&self, to: Ratio) {
        let mut from = to;
        let Ok(()) = self.change(|settings| {
            from = settings.scale;
            Ok::<_, Infallible>(settings.scaled(to))
        });
        if from != to {
            self.0.policy.tell(|| None, || Event::Scaled { from, to });
        }
    }

    /// Lets every limit, those made later too, follow new settings, all or nothing; see
    /// [`Handle::reconfigure`]. It is told once, without a key.
    ///
    /// # Errors
    /// If a setting is out of bounds, or a tier has gone; then nothing has changed.
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        self.change(|settings| settings.follow(config))?;
        self.0.policy.tell(|| None, || Event::Reconfigured);
        Ok(())
    }

    fn change<E>(&self, new: impl FnOnce(&Settings) -> Result<Settings, E>) -> Result<(), E> {
        let now = clock::now();
        self.0.members.change(
            |settings| new(settings).map(Arc::new),
            |member, settings| {
                self.0.policy.reconfigure(settings);
                let follow = |tier| Ok::<_, Infallible>((Arc::clone(settings), tier));
                let Ok(before) = member.change(now, |_, tier| follow(tier));
                drop(before);
            },
        )
    }

    /// What all limits together have counted.
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

    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.0.members.settings()
    }
}
