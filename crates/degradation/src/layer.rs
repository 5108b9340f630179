//! The layer that refuses calls which the present level of service does not allow.

use std::fmt;

use salve_core::Unrepeatable;
use tower_layer::Layer;

use crate::flag::FeatureFlag;
use crate::handle::Handle;
use crate::service::Degradation;

/// Tells which requests write. Closures from `&Req` to `bool` do.
pub trait WriteRule<Req> {
    /// Whether carrying out `request` changes anything.
    fn is_write(&self, request: &Req) -> bool;
}

impl<F, Req> WriteRule<Req> for F
where
    F: Fn(&Req) -> bool,
{
    #[inline]
    fn is_write(&self, request: &Req) -> bool {
        self(request)
    }
}

/// No request writes: what is used unless something else is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadsOnly;

impl<Req> WriteRule<Req> for ReadsOnly {
    #[inline]
    fn is_write(&self, _: &Req) -> bool {
        false
    }
}

/// Puts a ladder before any number of services: calls are refused that use a feature which is
/// off, that are of a class which is shed, or that write in read-only mode.
#[derive(Clone)]
pub struct DegradationLayer<R = Unrepeatable, W = ReadsOnly> {
    pub(crate) handle: Handle,
    pub(crate) feature: Option<FeatureFlag>,
    pub(crate) rule: R,
    pub(crate) writes: W,
}

impl From<Handle> for DegradationLayer {
    /// A layer that sheds calls by their class.
    fn from(handle: Handle) -> Self {
        Self { handle, feature: None, rule: Unrepeatable, writes: ReadsOnly }
    }
}

impl From<FeatureFlag> for DegradationLayer {
    /// A layer that sheds calls by their class, and all while the feature is off.
    fn from(feature: FeatureFlag) -> Self {
        let handle = Handle(std::sync::Arc::clone(&feature.shared));
        Self { feature: Some(feature), ..Self::from(handle) }
    }
}

impl<R, W> DegradationLayer<R, W> {
    /// Refuses every call while this feature, of whatever ladder, is off.
    #[must_use]
    pub fn with_feature(mut self, feature: FeatureFlag) -> Self {
        self.feature = Some(feature);
        self
    }

    /// Lets `rule` say of which class a request is.
    #[must_use]
    pub fn with_request_rule<T>(self, rule: T) -> DegradationLayer<T, W> {
        let Self { handle, feature, writes, .. } = self;
        DegradationLayer { handle, feature, rule, writes }
    }

    /// Lets `writes` say which requests write; those are refused in read-only mode.
    #[must_use]
    pub fn with_writes<T>(self, writes: T) -> DegradationLayer<R, T> {
        let Self { handle, feature, rule, .. } = self;
        DegradationLayer { handle, feature, rule, writes }
    }

    /// The ladder, to read and to steer.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<R, W> fmt::Debug for DegradationLayer<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DegradationLayer")
            .field("handle", &self.handle)
            .field("feature", &self.feature)
            .finish_non_exhaustive()
    }
}

impl<S, R: Clone, W: Clone> Layer<S> for DegradationLayer<R, W> {
    type Service = Degradation<S, R, W>;

    fn layer(&self, inner: S) -> Self::Service {
        Degradation::new(inner, self.clone())
    }
}
