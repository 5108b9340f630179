//! The layer that follows what experiments do to the caller, outside of everything that protects it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{Classify, ErrorsAreFailures, Moment, Refusable, Verdict, judge};
use tower_layer::Layer;
use tower_service::Service;

use crate::call::{Describe, Undescribed};
use crate::clock;
use crate::event::Disarm;
use crate::group::within;
use crate::handle::Handle;
use crate::shared::{Place, Shared};

/// Follows calls on behalf of experiments: puts each into a group, and notes what its caller got.
/// Put it outermost; a [`ChaosLayer`](crate::ChaosLayer) of the same handle strikes inside.
///
/// The group is lost where a call moves to another task; such calls are not struck.
#[derive(Clone)]
pub struct WatchLayer<D = Undescribed, C = ErrorsAreFailures> {
    handle: Handle,
    describe: D,
    classifier: C,
}

impl From<Handle> for WatchLayer {
    /// A layer to which every error is bad, and requests say nothing.
    fn from(handle: Handle) -> Self {
        Self { handle, describe: Undescribed, classifier: ErrorsAreFailures }
    }
}

impl<D, C> WatchLayer<D, C> {
    /// Lets `describe` say whose a request is: the calls of one tenant stay in one group.
    #[must_use]
    pub fn with_description<E>(self, describe: E) -> WatchLayer<E, C> {
        let Self { handle, classifier, .. } = self;
        WatchLayer { handle, describe, classifier }
    }

    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<E>(self, classifier: E) -> WatchLayer<D, E> {
        let Self { handle, describe, .. } = self;
        WatchLayer { handle, describe, classifier }
    }
}

impl<D, C> fmt::Debug for WatchLayer<D, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchLayer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl<S, D: Clone, C: Clone> Layer<S> for WatchLayer<D, C> {
    type Service = Watch<S, D, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Watch { inner, layer: self.clone() }
    }
}

/// A service whose calls are followed on behalf of experiments.
pub struct Watch<S, D = Undescribed, C = ErrorsAreFailures> {
    inner: S,
    layer: WatchLayer<D, C>,
}

impl<S: Clone, D: Clone, C: Clone> Clone for Watch<S, D, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S, D, C> fmt::Debug for Watch<S, D, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<S, D, C, Req> Service<Req> for Watch<S, D, C>
where
    S: Service<Req>,
    S::Error: Refusable,
    D: Describe<Req>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = WatchFuture<S::Future, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let shared = &self.layer.handle.0;
        if !shared.is_armed() {
            return WatchFuture { inner: self.inner.call(request), followed: None };
        }
        let Some(place) = shared.enrol(&self.layer.describe.describe(&request)) else {
            return WatchFuture { inner: self.inner.call(request), followed: None };
        };
        let (shared, classifier) = (Arc::clone(shared), self.layer.classifier.clone());
        let member = place.member();
        let followed = Followed { shared, place, began: clock::now(), classifier, noted: false };
        let inner = within(member, || self.inner.call(request));
        WatchFuture { inner, followed: Some(Box::new(followed)) }
    }
}

pin_project! {
    /// The response of a call that is followed, or is not.
    ///
    /// # Cancellation
    /// A dropped call counts for neither group.
    #[must_use = "futures do nothing unless polled"]
    pub struct WatchFuture<F, C> {
        #[pin]
        inner: F,
        followed: Option<Box<Followed<C>>>,
    }
}

struct Followed<C> {
    shared: Arc<Shared>,
    place: Place,
    began: Moment,
    classifier: C,
    noted: bool,
}

impl<F, C, T, E> Future for WatchFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    E: Refusable,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        match this.followed {
            None => this.inner.poll(cx),
            Some(followed) => followed.poll(this.inner, cx),
        }
    }
}

impl<C> Followed<C> {
    #[cold]
    #[inline(never)]
    fn poll<F, T, E>(&mut self, inner: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Result<T, E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
        E: Refusable,
    {
        let Poll::Ready(result) = within(self.place.member(), || inner.poll(cx)) else {
            return Poll::Pending;
        };
        // Whoever refused it: to the caller it did not work.
        let failed = match judge(&self.classifier, result.as_ref()) {
            Verdict::Rejected(_) => Some(true),
            Verdict::Judged(salve_core::Outcome::Ignored) => None,
            Verdict::Judged(outcome) => Some(outcome.is_failure()),
        };
        self.note(failed);
        Poll::Ready(result)
    }

    fn note(&mut self, failed: Option<bool>) {
        self.noted = true;
        // What ends after the faults was let go before its time, and shows nothing.
        if let Some(failed) = failed.filter(|_| self.shared.is_current(self.place.epoch)) {
            let took = clock::now().since(self.began);
            if self.place.trial.note(self.place.group, failed, took) {
                // At once, everywhere, and not when the experiment next looks.
                self.place.trial.reach().end(Disarm::Harm);
            }
        }
    }
}

impl<C> Drop for Followed<C> {
    fn drop(&mut self) {
        if !self.noted && std::thread::panicking() {
            self.note(Some(true));
        }
    }
}

impl<F, C> fmt::Debug for WatchFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.followed.as_ref().map(|followed| followed.place.group);
        f.debug_struct("WatchFuture").field("group", &group).finish_non_exhaustive()
    }
}
