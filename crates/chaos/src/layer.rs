//! The layer that strikes calls, next to the service whose trouble it plays.

use std::fmt;

use tower_layer::Layer;

use crate::call::Undescribed;
use crate::handle::Handle;
use crate::injected::{ByRejection, Intact};
use crate::service::Chaos;

/// Puts a chaos point before any number of services. Put it innermost, where the trouble would be.
#[derive(Clone)]
pub struct ChaosLayer<D = Undescribed, M = ByRejection, T = Intact> {
    pub(crate) handle: Handle,
    pub(crate) describe: D,
    pub(crate) errors: M,
    pub(crate) tamper: T,
}

impl From<Handle> for ChaosLayer {
    /// A layer that knows nothing of requests, fails them by rejection, and damages no answer.
    fn from(handle: Handle) -> Self {
        Self { handle, describe: Undescribed, errors: ByRejection, tamper: Intact }
    }
}

impl<D, M, T> ChaosLayer<D, M, T> {
    /// Lets `describe` say what rules may know of a request.
    #[must_use]
    pub fn with_description<E>(self, describe: E) -> ChaosLayer<E, M, T> {
        let Self { handle, errors, tamper, .. } = self;
        ChaosLayer { handle, describe, errors, tamper }
    }

    /// Lets `errors` build the errors of calls that are to fail. Breakers count them as what they
    /// are; see [`Genuine`](crate::Genuine) for those that shall not.
    #[must_use]
    pub fn with_errors<E>(self, errors: E) -> ChaosLayer<D, E, T> {
        let Self { handle, describe, tamper, .. } = self;
        ChaosLayer { handle, describe, errors, tamper }
    }

    /// Lets `tamper` damage and mark answers.
    #[must_use]
    pub fn with_tampering<E>(self, tamper: E) -> ChaosLayer<D, M, E> {
        let Self { handle, describe, errors, .. } = self;
        ChaosLayer { handle, describe, errors, tamper }
    }

    /// The chaos point, to arm and to steer.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl<D, M, T> fmt::Debug for ChaosLayer<D, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, D: Clone, M: Clone, T: Clone> Layer<S> for ChaosLayer<D, M, T> {
    type Service = Chaos<S, D, M, T>;

    fn layer(&self, inner: S) -> Self::Service {
        Chaos::new(inner, self.clone())
    }
}
