//! The members of a keyed policy, and the newest settings, which new ones are made from.

use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

use crate::sync::Lock;
use crate::{ConfigError, Keyed, Member, Registry, RegistryConfig};

/// A [`Registry`] whose members all follow the same settings, and can be given new ones.
///
/// ```
/// use std::borrow::Cow;
/// use std::convert::Infallible;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use salve_core::{Keyed, Member, Members, RegistryConfig};
///
/// struct Quota(AtomicU32);
/// impl Keyed for Quota {
///     fn is_evictable(&self) -> bool { true }
/// }
///
/// let make = |_: Option<&String>, most| Quota(AtomicU32::new(most));
/// let tenants = Members::<String, Quota, u32>::new(RegistryConfig::default(), 5, make)?;
/// let early = tenants.get_or_make(Cow::Borrowed("early"));
///
/// let store = |member: &Member<_, Quota>, &most: &u32| member.0.store(most, Ordering::Relaxed);
/// tenants.change(|most| Ok::<_, Infallible>(most + 2), store)?;
/// let late = tenants.get_or_make(Cow::Borrowed("late"));
/// assert_eq!([early, late].map(|member| member.0.load(Ordering::Relaxed)), [7, 7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Members<K, P, T> {
    registry: Registry<K, P>,
    newest: Arc<Lock<Newest<T>>>,
}

struct Newest<T> {
    settings: T,
    version: u64,
}

impl<K, P, T> Members<K, P, T>
where
    K: Hash + Eq + Send + Sync + 'static,
    P: Keyed + 'static,
    T: Clone + Send + 'static,
{
    /// No members yet; each is made from its key, if it has one, and the newest settings when it
    /// is first used.
    ///
    /// # Errors
    /// If a bound is itself out of bounds.
    pub fn new(
        bounds: RegistryConfig,
        settings: T,
        make: impl Fn(Option<&K>, T) -> P + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let newest = Arc::new(Lock::new(Newest { settings, version: 0 }));
        let source = Arc::clone(&newest);
        let registry = Registry::new(bounds, move |key| {
            let settings = source.lock().settings.clone();
            make(key, settings)
        })?;
        Ok(Self { registry, newest })
    }

    /// The newest settings.
    #[must_use]
    pub fn settings(&self) -> T {
        self.newest.lock().settings.clone()
    }

    /// Makes new members from what `change` makes of the newest settings, and lets `apply` give
    /// that to all that there are, to the overflow policy too. No lock is held while that runs.
    ///
    /// Where two changes meet, the one that came last holds everywhere in the end; `apply` may be
    /// called twice for a member.
    ///
    /// # Errors
    /// What `change` fails with; then nothing has changed.
    pub fn change<E>(
        &self,
        change: impl FnOnce(&T) -> Result<T, E>,
        mut apply: impl FnMut(&Member<K, P>, &T),
    ) -> Result<(), E> {
        let mut version = {
            let mut newest = self.newest.lock();
            newest.settings = change(&newest.settings)?;
            newest.version += 1;
            newest.version
        };
        loop {
            let settings = self.settings();
            self.registry.everyone().iter().for_each(|member| apply(member, &settings));
            // Another change may have been overwritten with this one, member by member.
            let newest = self.newest.lock().version;
            if newest == version {
                return Ok(());
            }
            version = newest;
        }
    }

    /// Every key that is kept, with what `read` finds at its policy.
    pub fn each<R>(&self, read: impl Fn(&P) -> R) -> Vec<(K, R)>
    where
        K: Clone,
    {
        let kept = self.registry.entries();
        kept.iter().filter_map(|member| Some((member.key()?.clone(), read(member)))).collect()
    }
}

impl<K, P, T> Deref for Members<K, P, T> {
    type Target = Registry<K, P>;

    #[inline]
    fn deref(&self) -> &Registry<K, P> {
        &self.registry
    }
}

impl<K, P, T> fmt::Debug for Members<K, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Members").field(&self.registry).finish()
    }
}
