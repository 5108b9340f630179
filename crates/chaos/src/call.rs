//! What a rule can know of a call, and how a request says it.

use std::borrow::Cow;

use salve_core::{CallContext, Class};

/// What rules look at in a call. All of it is optional, and only asked for while something is armed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call<'r> {
    class: Option<Class>,
    operation: Option<Cow<'r, str>>,
    key: Option<Cow<'r, str>>,
    replica: Option<Cow<'r, str>>,
    tenant: Option<Cow<'r, str>>,
}

impl<'r> Call<'r> {
    /// A call of which nothing is known but its surroundings.
    pub const ANY: Self =
        Self { class: None, operation: None, key: None, replica: None, tenant: None };

    /// Says of which class it is, instead of the surrounding call's.
    #[must_use]
    pub const fn with_class(mut self, class: Class) -> Self {
        self.class = Some(class);
        self
    }

    /// Says what is done: a route, a kind of query, or the verdict of a predicate of your own.
    #[must_use]
    pub fn with_operation(mut self, operation: impl Into<Cow<'r, str>>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Says what it is done to.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Cow<'r, str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Says which replica does it.
    #[must_use]
    pub fn with_replica(mut self, replica: impl Into<Cow<'r, str>>) -> Self {
        self.replica = Some(replica.into());
        self
    }

    /// Says for whom it is done.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Cow<'r, str>>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    pub(crate) fn class(&self) -> Class {
        self.class.unwrap_or_else(|| CallContext::current().class())
    }

    pub(crate) fn operation_text(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    pub(crate) fn key_text(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(crate) fn replica_text(&self) -> Option<&str> {
        self.replica.as_deref()
    }

    pub(crate) fn tenant_text(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// Tells what rules may know of a request. Functions from `&Req` to [`Call`] do.
pub trait Describe<Req> {
    /// What is known of `request`.
    fn describe<'r>(&self, request: &'r Req) -> Call<'r>;
}

impl<F, Req> Describe<Req> for F
where
    F: for<'r> Fn(&'r Req) -> Call<'r>,
{
    fn describe<'r>(&self, request: &'r Req) -> Call<'r> {
        self(request)
    }
}

/// Nothing is known of any request: what is used unless something else is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undescribed;

impl<Req> Describe<Req> for Undescribed {
    fn describe<'r>(&self, _: &'r Req) -> Call<'r> {
        Call::ANY
    }
}
