//! What is asked: a service with a request, or a closure that makes a future.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;

use salve_core::{KeyOf, Oneshot, RequestRule};
use tower_service::Service;

/// What is asked. Only the types of this crate are: [`Calls`] and [`Makes`].
pub trait Work<F>: sealed::Work<F> {}

pub(crate) mod sealed {
    use super::*;

    pub trait Work<F> {
        type Key: Borrow<Self::Query>;
        type Query: ?Sized + Hash + Eq + ToOwned<Owned = Self::Key>;

        /// The key; `None` if the answer is not to be kept.
        fn key(&self) -> Option<Cow<'_, Self::Query>>;

        /// Makes the call. It is asked for once.
        fn begin(&mut self) -> Option<F>;
    }
}

/// A service that is called with a request.
pub struct Calls<S, Req, G, R, Q: ?Sized> {
    call: Option<(S, Req)>,
    key_of: G,
    rule: R,
    query: PhantomData<fn(&Q)>,
}

impl<S, Req, G, R, Q: ?Sized> Calls<S, Req, G, R, Q> {
    pub(crate) const fn new(service: S, request: Req, key_of: G, rule: R) -> Self {
        Self { call: Some((service, request)), key_of, rule, query: PhantomData }
    }
}

impl<S, Req, G, R, Q> Work<Oneshot<S, Req>> for Calls<S, Req, G, R, Q>
where
    S: Service<Req>,
    G: KeyOf<Req, Key = Q>,
    R: RequestRule<Req>,
    Q: ?Sized + Hash + Eq + ToOwned + 'static,
{
}

impl<S, Req, G, R, Q> sealed::Work<Oneshot<S, Req>> for Calls<S, Req, G, R, Q>
where
    S: Service<Req>,
    G: KeyOf<Req, Key = Q>,
    R: RequestRule<Req>,
    Q: ?Sized + Hash + Eq + ToOwned + 'static,
{
    type Key = Q::Owned;
    type Query = Q;

    fn key(&self) -> Option<Cow<'_, Q>> {
        let (_, request) = self.call.as_ref()?;
        self.rule.is_repeatable(request).then(|| self.key_of.key(request))
    }

    fn begin(&mut self) -> Option<Oneshot<S, Req>> {
        self.call.take().map(|(service, request)| Oneshot::new(service, request))
    }
}

impl<S, Req, G, R, Q: ?Sized> fmt::Debug for Calls<S, Req, G, R, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("called", &self.call.is_none()).finish_non_exhaustive()
    }
}

/// A closure that makes a future for a key.
pub struct Makes<K, P> {
    key: K,
    make: Option<P>,
}

impl<K, P> Makes<K, P> {
    pub(crate) const fn new(key: K, make: P) -> Self {
        Self { key, make: Some(make) }
    }
}

impl<K: Hash + Eq + Clone, P: FnOnce() -> F, F: Future> Work<F> for Makes<K, P> {}

impl<K: Hash + Eq + Clone, P: FnOnce() -> F, F: Future> sealed::Work<F> for Makes<K, P> {
    type Key = K;
    type Query = K;

    fn key(&self) -> Option<Cow<'_, K>> {
        Some(Cow::Borrowed(&self.key))
    }

    fn begin(&mut self) -> Option<F> {
        self.make.take().map(|make| make())
    }
}

impl<K, P> fmt::Debug for Makes<K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Makes").field("called", &self.make.is_none()).finish_non_exhaustive()
    }
}
