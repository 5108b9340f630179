//! How a call holds on to its policy: one that stands alone, or the one of a key.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::Arc;
use crate::{Key, Moment};

/// How a call holds on to its policy. Sealed: the two ways are [`Single`] and [`Member`].
pub trait Hold<P>: private::Sealed<P> + Clone + Send + Sync + 'static {
    /// What is shared by all who hold on to it: the policy.
    fn shared(&self) -> &P;

    /// The text of its key, for events; `None` if it has none.
    fn key(&self) -> Option<String>;
}

mod private {
    pub trait Sealed<P> {}

    impl<P> Sealed<P> for super::Single<P> {}
    impl<K, P> Sealed<P> for super::Member<K, P> {}
}

/// Holds on to a policy that stands alone.
pub struct Single<P>(Arc<P>);

impl<P> Single<P> {
    /// Holds on to a new policy.
    #[must_use]
    pub fn new(policy: P) -> Self {
        Self(Arc::new(policy))
    }
}

impl<P> Clone for Single<P> {
    #[inline]
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> Deref for Single<P> {
    type Target = P;

    #[inline]
    fn deref(&self) -> &P {
        &self.0
    }
}

impl<P: fmt::Debug> fmt::Debug for Single<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Single").field(&self.0).finish()
    }
}

impl<P: Send + Sync + 'static> Hold<P> for Single<P> {
    #[inline]
    fn shared(&self) -> &P {
        self
    }

    fn key(&self) -> Option<String> {
        None
    }
}

/// Holds on to the policy of one key of a [`Registry`](crate::Registry), and keeps it from being
/// evicted.
pub struct Member<K, P>(StdArc<Entry<K, P>>);

struct Entry<K, P> {
    key: Option<K>,
    used: AtomicU64,
    policy: P,
}

impl<K, P> Member<K, P> {
    /// A member that was used at `now`; without a key it is what others share.
    pub(crate) fn new(key: Option<K>, policy: P, now: Moment) -> Self {
        Self(StdArc::new(Entry { key, used: AtomicU64::new(now.as_nanos()), policy }))
    }

    /// The key; `None` for the policy that keys share for which there was no room.
    #[must_use]
    pub fn key(&self) -> Option<&K> {
        self.0.key.as_ref()
    }

    /// The text of the key.
    #[must_use]
    pub fn key_text(&self) -> Option<String>
    where
        K: fmt::Display,
    {
        self.key().map(ToString::to_string)
    }

    pub(crate) fn note_use(&self, now: Moment) {
        self.0.used.store(now.as_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn last_use(&self) -> Moment {
        Moment::from_nanos(self.0.used.load(Ordering::Relaxed))
    }

    /// Whether nobody else holds on to it.
    pub(crate) fn is_the_only_one(&self) -> bool {
        StdArc::strong_count(&self.0) == 1
    }
}

impl<K, P> Clone for Member<K, P> {
    #[inline]
    fn clone(&self) -> Self {
        Self(StdArc::clone(&self.0))
    }
}

impl<K, P> Deref for Member<K, P> {
    type Target = P;

    #[inline]
    fn deref(&self) -> &P {
        &self.0.policy
    }
}

impl<K: fmt::Debug, P> fmt::Debug for Member<K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(&self.key()).finish()
    }
}

impl<K: Key, P: Send + Sync + 'static> Hold<P> for Member<K, P> {
    #[inline]
    fn shared(&self) -> &P {
        self
    }

    fn key(&self) -> Option<String> {
        self.key_text()
    }
}
