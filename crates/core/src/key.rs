//! What may be a key, what a key is looked up by, and how a request says which is its own.

use std::borrow::{Borrow, Cow};
use std::fmt::Display;
use std::hash::Hash;

/// What a policy may be kept by: a host name, a tenant, a number. Implemented for all that can be
/// one; its text is what stands in events.
pub trait Key: Clone + Display + Hash + Eq + Send + Sync + 'static {}

impl<K: Clone + Display + Hash + Eq + Send + Sync + 'static> Key for K {}

/// What a key `K` can be looked up by: itself, or what it is borrowed as, such as `str` for
/// `String`. Implemented for all that can be one.
pub trait Lookup<K>: Hash {
    /// Whether `key` is the one that is looked for.
    fn is(&self, key: &K) -> bool;
}

impl<K: Borrow<Q>, Q: ?Sized + Hash + Eq> Lookup<K> for Q {
    #[inline]
    fn is(&self, key: &K) -> bool {
        key.borrow() == self
    }
}

/// Finds the key of a request, for layers that keep one policy per key. Functions from `&Req` to
/// `Cow<K>` do; a borrowed key is looked up without a copy.
///
/// ```
/// use std::borrow::Cow;
/// use salve_core::KeyOf;
///
/// struct Command { host: String }
/// fn by_host(command: &Command) -> Cow<'_, str> { Cow::Borrowed(&command.host) }
/// assert_eq!(by_host.key(&Command { host: "vps:17".into() }), "vps:17");
/// ```
pub trait KeyOf<Req> {
    /// What the key is borrowed as.
    type Key: ?Sized + ToOwned + 'static;

    /// The key of `request`.
    fn key<'r>(&self, request: &'r Req) -> Cow<'r, Self::Key>;
}

impl<F, Req, K> KeyOf<Req> for F
where
    K: ?Sized + ToOwned + 'static,
    F: for<'r> Fn(&'r Req) -> Cow<'r, K>,
{
    type Key = K;

    #[inline]
    fn key<'r>(&self, request: &'r Req) -> Cow<'r, K> {
        self(request)
    }
}
