//! What a request says about itself: whether it may be repeated, its class, scope and tenant; and how it is copied.

use crate::request_labels::{WithClass, WithScope, WithTenant};

/// How much a call matters when not all can be served. Higher classes compare greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Class {
    /// May be dropped without a user noticing, such as prefetching.
    Sheddable,
    /// Everything that was not said to be otherwise.
    #[default]
    Normal,
    /// Dropped last.
    Critical,
}

impl Class {
    /// Every class, the least important first.
    pub const ALL: [Self; 3] = [Self::Sheddable, Self::Normal, Self::Critical];

    /// The class as a place in [`Class::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Tells what a policy may do with a request. Closures from `&Req` to `bool` are rules that say
/// which requests are safe to repeat.
pub trait RequestRule<Req> {
    /// Whether carrying the request out twice does no more than carrying it out once.
    fn is_repeatable(&self, request: &Req) -> bool;

    /// How much the request matters; `None` leaves the class of the surrounding call.
    fn class(&self, request: &Req) -> Option<Class> {
        let _ = request;
        None
    }

    /// The part of the dependency that the request needs and that may fail on its own, such as a
    /// shard: a number that stands for it, or its name's [`label`](crate::label). `None` if it
    /// needs no part in particular.
    fn scope(&self, request: &Req) -> Option<u64> {
        let _ = request;
        None
    }

    /// On whose behalf it is sent, where everybody is to get a fair share: a number, or the
    /// [`label`](crate::label) of a name. Requests of nobody share what one tenant has.
    fn tenant(&self, request: &Req) -> Option<u64> {
        let _ = request;
        None
    }

    /// This rule, with classes said by `class` where it says one.
    ///
    /// ```
    /// use salve_core::{Class, Repeatable, RequestRule};
    ///
    /// let rule = Repeatable.with_class(|path: &&str| {
    ///     path.starts_with("/prefetch").then_some(Class::Sheddable)
    /// });
    /// assert_eq!(rule.class(&"/prefetch/7"), Some(Class::Sheddable));
    /// assert_eq!(rule.class(&"/orders/7"), None);
    /// ```
    fn with_class<F>(self, class: F) -> WithClass<Self, F>
    where
        Self: Sized,
        F: Fn(&Req) -> Option<Class>,
    {
        WithClass { rule: self, class }
    }

    /// This rule, with scopes said by `scope` where it says one.
    fn with_scope<F>(self, scope: F) -> WithScope<Self, F>
    where
        Self: Sized,
        F: Fn(&Req) -> Option<u64>,
    {
        WithScope { rule: self, scope }
    }

    /// This rule, with tenants said by `tenant` where it says one.
    fn with_tenant<F>(self, tenant: F) -> WithTenant<Self, F>
    where
        Self: Sized,
        F: Fn(&Req) -> Option<u64>,
    {
        WithTenant { rule: self, tenant }
    }
}

impl<F, Req> RequestRule<Req> for F
where
    F: Fn(&Req) -> bool,
{
    #[inline]
    fn is_repeatable(&self, request: &Req) -> bool {
        self(request)
    }
}

/// Every request may be repeated: for clients whose calls only read, or are idempotent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeatable;

impl<Req> RequestRule<Req> for Repeatable {
    #[inline]
    fn is_repeatable(&self, _: &Req) -> bool {
        true
    }
}

/// No request is known to be safe to repeat: the rule used unless another is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unrepeatable;

impl<Req> RequestRule<Req> for Unrepeatable {
    #[inline]
    fn is_repeatable(&self, _: &Req) -> bool {
        false
    }
}

/// Makes the copy of a request that it is sent again with. Closures from `&Req` to `Option<Req>`
/// do.
pub trait CloneRequest<Req> {
    /// A copy, or `None` if this request cannot be copied; it is then sent once.
    fn clone_request(&self, request: &Req) -> Option<Req>;
}

impl<F, Req> CloneRequest<Req> for F
where
    F: Fn(&Req) -> Option<Req>,
{
    #[inline]
    fn clone_request(&self, request: &Req) -> Option<Req> {
        self(request)
    }
}

/// Copies requests with [`Clone`]: what is used unless something else is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByClone;

impl<Req: Clone> CloneRequest<Req> for ByClone {
    #[inline]
    fn clone_request(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}
