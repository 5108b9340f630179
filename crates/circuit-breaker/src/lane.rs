//! How a call holds on to its breaker without writing to what other threads use.

use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};

use salve_core::Entry;

use crate::shared::Shared;
use crate::stripes::{Padded, Stripe, thread_number};
use crate::word::Word;

/// How a permit holds on to its breaker. Sealed: the two ways are [`Single`] and [`Member`].
pub trait Lane: private::Lane {}

pub(crate) mod private {
    use super::{Shared, Stripe};

    pub trait Lane: Clone + Send + Sync + 'static {
        fn shared(&self) -> &Shared;
        fn stripe(&self) -> &Stripe;
        fn key(&self) -> Option<String>;
    }
}

/// Holds on to a breaker that stands alone.
#[derive(Clone, Debug)]
pub struct Single(Hold);

#[derive(Clone, Debug)]
enum Hold {
    Whole(Arc<Shared>),
    /// Counted references are shared words too: where threads meet, each has its own.
    Striped(Arc<OwnStripe>),
}

/// One thread's way to a breaker: its reference count and its stripe are on lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct OwnStripe {
    shared: Arc<Shared>,
    stripes: Arc<[Padded]>,
    index: usize,
}

/// One [`OwnStripe`] for each stripe, made once threads have met.
pub(crate) type OwnStripes = OnceLock<Box<[Arc<OwnStripe>]>>;

impl Single {
    #[inline]
    pub(crate) fn new(shared: &Arc<Shared>, own: &OwnStripes, word: Word) -> Self {
        if word.is_striped() {
            Self::striped(shared, own)
        } else {
            Self(Hold::Whole(Arc::clone(shared)))
        }
    }

    fn striped(shared: &Arc<Shared>, own: &OwnStripes) -> Self {
        let own = own.get_or_init(|| {
            let Some(stripes) = shared.stripes() else { return Box::default() };
            let each = |index| OwnStripe {
                shared: Arc::clone(shared),
                stripes: Arc::clone(stripes),
                index,
            };
            (0..stripes.len()).map(|index| Arc::new(each(index))).collect()
        });
        match own.get(thread_number() & own.len().wrapping_sub(1)) {
            Some(own) => Self(Hold::Striped(Arc::clone(own))),
            None => Self(Hold::Whole(Arc::clone(shared))),
        }
    }
}

impl Lane for Single {}

impl private::Lane for Single {
    #[inline]
    fn shared(&self) -> &Shared {
        match &self.0 {
            Hold::Whole(shared) => shared,
            Hold::Striped(own) => &own.shared,
        }
    }

    #[inline]
    fn stripe(&self) -> &Stripe {
        match &self.0 {
            Hold::Whole(shared) => shared.home(),
            Hold::Striped(own) => &own.stripes[own.index].0,
        }
    }

    fn key(&self) -> Option<String> {
        None
    }
}

/// Holds on to the breaker of one key, and keeps it from being evicted.
pub struct Member<K>(pub(crate) Arc<Entry<K, Shared>>);

impl<K> Clone for Member<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
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

    #[inline]
    fn stripe(&self) -> &Stripe {
        self.0.home()
    }

    fn key(&self) -> Option<String> {
        self.0.key().map(ToString::to_string)
    }
}
