//! The two ways in which a layer that is always ready itself calls the service within.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::Oneshot;

/// A service that is always ready, and whose calls do nothing before their first poll but ask what
/// the request itself says: what every absorbing layer of the family is.
///
/// It can be called through a shared reference, and so without a clone of it.
pub trait Absorbing<Req>: Service<Req> {
    /// The same as [`Service::call`].
    fn call_shared(&self, request: Req) -> Self::Future;
}

/// How a layer that is always ready itself calls the service within.
pub trait Way<S: Service<Req>, Req> {
    /// The call, which begins when it is first polled.
    type Call: Future<Output = Result<S::Response, S::Error>>;

    /// One call of `service`.
    fn call(service: &S, request: Req) -> Self::Call;
}

/// By a clone that is made ready in the call's own future: the way to services of any kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByReadiness;

impl<S: Service<Req> + Clone, Req> Way<S, Req> for ByReadiness {
    type Call = Oneshot<S, Req>;

    #[inline]
    fn call(service: &S, request: Req) -> Self::Call {
        Oneshot::new(service.clone(), request)
    }
}

/// Without a clone: the shorter way to services that are [`Absorbing`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Direct;

impl<S: Absorbing<Req>, Req> Way<S, Req> for Direct {
    type Call = DirectCall<S::Future>;

    #[inline]
    fn call(service: &S, request: Req) -> Self::Call {
        DirectCall { response: service.call_shared(request) }
    }
}

pin_project! {
    /// A call that was made [directly](Direct).
    #[must_use = "futures do nothing unless polled"]
    pub struct DirectCall<F> {
        #[pin]
        response: F,
    }
}

impl<F: Future> Future for DirectCall<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().response.poll(cx)
    }
}

impl<F> fmt::Debug for DirectCall<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectCall").finish_non_exhaustive()
    }
}
