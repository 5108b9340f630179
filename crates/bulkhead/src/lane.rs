//! How a call holds on to its bulkhead.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc as StdArc;

use salve_core::Entry;
use salve_core::sync::Arc;

use crate::shared::Shared;

/// How a permit holds on to its bulkhead. Sealed: the two ways are [`Single`] and [`Member`].
pub trait Lane: private::Lane {}

pub(crate) mod private {
    use super::Shared;

    pub trait Lane: Clone + Send + Sync + 'static {
        fn shared(&self) -> &Shared;
        fn key(&self) -> Option<String>;
    }
}

/// Holds on to a bulkhead that stands alone.
#[derive(Clone, Debug)]
pub struct Single(pub(crate) Arc<Shared>);

impl Lane for Single {}

impl private::Lane for Single {
    #[inline]
    fn shared(&self) -> &Shared {
        &self.0
    }

    fn key(&self) -> Option<String> {
        None
    }
}

/// Holds on to the bulkhead of one key, and keeps it from being evicted.
pub struct Member<K>(pub(crate) StdArc<Entry<K, Shared>>);

impl<K> Clone for Member<K> {
    fn clone(&self) -> Self {
        Self(StdArc::clone(&self.0))
    }
}

impl<K: fmt::Debug> fmt::Debug for Member<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(&self.0.key()).finish()
    }
}

impl<K: fmt::Display + Hash + Eq + Send + Sync + 'static> Lane for Member<K> {}

impl<K: fmt::Display + Hash + Eq + Send + Sync + 'static> private::Lane for Member<K> {
    #[inline]
    fn shared(&self) -> &Shared {
        &self.0
    }

    fn key(&self) -> Option<String> {
        self.0.key().map(ToString::to_string)
    }
}
