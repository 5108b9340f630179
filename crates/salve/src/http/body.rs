//! A body that keeps permits and deadline until the answer has ended.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use salve_core::{
    End, FailureKind, Moment, Name, Origin, Outcome, Reason, Rejection, RetryAdvice, Settlement,
    clock,
};
use tokio::time::Sleep;
use tower_layer::Layer;
use tower_service::Service;

use crate::Error;

/// Puts the innermost guard around a client: what its response has passed through on the way out
/// (breaker, bulkhead, timeout) is settled when the body ends, fails, stalls or is dropped.
///
/// A body that breaks off or runs into a limit is a failure. Nothing is retried after the first
/// frame has reached the caller.
#[derive(Clone, Debug)]
pub struct GuardBodyLayer {
    origin: Origin,
    idle_limit: Option<Duration>,
}

impl GuardBodyLayer {
    /// A guard whose refusals carry `name`; only the call's deadline limits a body.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { origin: Origin::new("http-body", name.into()), idle_limit: None }
    }

    /// Fails a body that brings nothing for this long.
    #[must_use]
    pub const fn with_idle_limit(mut self, limit: Duration) -> Self {
        self.idle_limit = Some(limit);
        self
    }
}

impl<S> Layer<S> for GuardBodyLayer {
    type Service = GuardBody<S>;

    fn layer(&self, inner: S) -> GuardBody<S> {
        GuardBody { inner, guard: self.clone() }
    }
}

/// A response whose body can be guarded.
pub trait Guardable {
    /// The response once its body is guarded.
    type Guarded;

    /// Settles its call when its body ends, fails, stalls or is dropped.
    fn guarded(self, by: &GuardBodyLayer) -> Self::Guarded;
}

impl<B: Body> Guardable for Response<B> {
    type Guarded = Response<GuardedBody<B>>;

    fn guarded(self, by: &GuardBodyLayer) -> Self::Guarded {
        let (mut head, body) = self.into_parts();
        let open = (!body.is_end_stream()).then(Settlement::new);
        if let Some(settlement) = &open {
            head.extensions.insert(settlement.clone());
        }
        Response::from_parts(head, GuardedBody { body, open, limit: None, guard: by.clone() })
    }
}

/// A client whose responses have a [`GuardedBody`].
#[derive(Clone, Debug)]
pub struct GuardBody<S> {
    inner: S,
    guard: GuardBodyLayer,
}

impl<S, Req> Service<Req> for GuardBody<S>
where
    S: Service<Req>,
    S::Response: Guardable,
{
    type Response = <S::Response as Guardable>::Guarded;
    type Error = S::Error;
    type Future = GuardBodyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        GuardBodyFuture { response: self.inner.call(request), guard: self.guard.clone() }
    }
}

pin_project! {
    /// The response of a [`GuardBody`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct GuardBodyFuture<F> {
        #[pin]
        response: F,
        guard: GuardBodyLayer,
    }
}

impl<F, T, E> Future for GuardBodyFuture<F>
where
    F: Future<Output = Result<T, E>>,
    T: Guardable,
{
    type Output = Result<T::Guarded, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(cx))?;
        Poll::Ready(Ok(response.guarded(this.guard)))
    }
}

pin_project! {
    /// A body that settles its call at its end.
    pub struct GuardedBody<B> {
        #[pin]
        body: B,
        // Until the end has been told.
        open: Option<Settlement>,
        #[pin]
        limit: Option<Limit>,
        guard: GuardBodyLayer,
    }

    impl<B> PinnedDrop for GuardedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(open) = this.project().open.take() {
                open.settle(End::Cancelled);
            }
        }
    }
}

pin_project! {
    struct Limit {
        #[pin]
        sleep: Sleep,
        at: Moment,
    }
}

impl<B: Body> Body for GuardedBody<B> {
    type Data = B::Data;
    type Error = Error<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(open) = this.open.as_ref() else {
            return this.body.poll_frame(cx).map_err(Error::Service);
        };
        let end = match this.body.as_mut().poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                // The next frame has the whole idle limit again.
                this.limit.set(None);
                if this.body.is_end_stream() {
                    open.settle(End::Outcome(Outcome::Success));
                    *this.open = None;
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(None) => (Outcome::Success, None),
            Poll::Ready(Some(Err(error))) => (BROKEN, Some(Error::Service(error))),
            Poll::Pending => {
                let Some(reason) = ready!(poll_limit(this.limit, open, this.guard, cx)) else {
                    return Poll::Pending;
                };
                let rejection = Rejection::new(&this.guard.origin, reason).maybe_sent();
                (rejection.outcome(), Some(Error::Rejected(rejection)))
            }
        };
        let (outcome, error) = end;
        open.settle(End::Outcome(outcome));
        *this.open = None;
        Poll::Ready(error.map(Err))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

const BROKEN: Outcome = Outcome::Failure { retry: RetryAdvice::Never, kind: FailureKind::Broken };

/// Waits for the sooner of the call's deadline and the idle limit; `None` if there is neither.
fn poll_limit(
    mut limit: Pin<&mut Option<Limit>>,
    open: &Settlement,
    guard: &GuardBodyLayer,
    cx: &mut Context<'_>,
) -> Poll<Option<Reason>> {
    let deadline = open.deadline();
    if limit.is_none() {
        let idle = guard.idle_limit.map(|idle| clock::now().after(idle));
        let Some(at) = deadline.into_iter().chain(idle).min() else { return Poll::Ready(None) };
        limit.set(Some(Limit { sleep: tokio::time::sleep_until(clock::instant(at)), at }));
    }
    let Some(limit) = limit.as_pin_mut() else { return Poll::Ready(None) };
    let limit = limit.project();
    ready!(limit.sleep.poll(cx));
    let overdue = deadline.is_some_and(|deadline| deadline <= *limit.at);
    Poll::Ready(Some(if overdue { Reason::DeadlineExceeded } else { Reason::AttemptTimeout }))
}

impl<B: fmt::Debug> fmt::Debug for GuardedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedBody")
            .field("body", &self.body)
            .field("open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}
