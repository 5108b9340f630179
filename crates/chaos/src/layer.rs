//! The layer that strikes calls, next to the service whose trouble it plays.

use std::fmt;

use tower_layer::Layer;

use crate::call::Undescribed;
use crate::handle::Handle;
use crate::injected::{ByRejection, Intact};
use crate::repeat::{Once, Twice};
use crate::service::Chaos;

/// Puts a chaos point before any number of services. Put it innermost, where the trouble would be.
#[derive(Clone)]
pub struct ChaosLayer<D = Undescribed, M = ByRejection, T = Intact, R = Once> {
    pub(crate) handle: Handle,
    pub(crate) describe: D,
    pub(crate) errors: M,
    pub(crate) tamper: T,
    pub(crate) repeat: R,
}

impl From<Handle> for ChaosLayer {
    /// A layer that knows nothing of requests, fails them by rejection, damages no answer and
    /// delivers nothing twice.
    fn from(handle: Handle) -> Self {
        Self { handle, describe: Undescribed, errors: ByRejection, tamper: Intact, repeat: Once }
    }
}

impl<D, M, T, R> ChaosLayer<D, M, T, R> {
    /// Lets `describe` say what rules may know of a request.
    #[must_use]
    pub fn with_description<E>(self, describe: E) -> ChaosLayer<E, M, T, R> {
        let Self { handle, errors, tamper, repeat, .. } = self;
        ChaosLayer { handle, describe, errors, tamper, repeat }
    }

    /// Lets `errors` build the errors of calls that are to fail. Breakers count them as what they
    /// are; see [`Genuine`](crate::Genuine) for those that shall not.
    #[must_use]
    pub fn with_errors<E>(self, errors: E) -> ChaosLayer<D, E, T, R> {
        let Self { handle, describe, tamper, repeat, .. } = self;
        ChaosLayer { handle, describe, errors, tamper, repeat }
    }

    /// Lets `tamper` damage and mark answers.
    #[must_use]
    pub fn with_tampering<E>(self, tamper: E) -> ChaosLayer<D, M, E, R> {
        let Self { handle, describe, errors, repeat, .. } = self;
        ChaosLayer { handle, describe, errors, tamper, repeat }
    }

    /// Lets requests be delivered twice that `copies` can copy: to the service, and to a clone of
    /// it. The caller gets the first answer once both are there.
    #[must_use]
    pub fn with_duplicates<C>(self, copies: C) -> ChaosLayer<D, M, T, Twice<C>> {
        let Self { handle, describe, errors, tamper, .. } = self;
        ChaosLayer { handle, describe, errors, tamper, repeat: Twice(copies) }
    }

    /// The chaos point, to arm and to steer.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<D, M, T, R> fmt::Debug for ChaosLayer<D, M, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, D: Clone, M: Clone, T: Clone, R: Clone> Layer<S> for ChaosLayer<D, M, T, R> {
    type Service = Chaos<S, D, M, T, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Chaos::new(inner, self.clone())
    }
}
