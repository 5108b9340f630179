//! The future of a call under time limits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use salve_core::{
    CallContext, Classify, DirectCall, ErrorsAreFailures, Moment, Oneshot, Refusable, Sent, clock,
};
use tokio::time::Sleep;
use tower_service::Service;

use crate::handle::Handle;
use crate::limits::Grant;

pin_project! {
    /// The response of a call under time limits.
    ///
    /// # Cancellation
    /// Dropped before its end, it drops the inner call; nothing is counted.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C = ErrorsAreFailures> {
        #[pin]
        call: F,
        // Made only when the inner call has to be waited for.
        #[pin]
        timer: Option<Sleep>,
        grant: Option<Grant>,
        own: Option<Duration>,
        stage: Stage,
        handle: Handle,
        classifier: C,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Limited,
    /// Its time is over, which in shadow mode has been counted.
    Overdue,
}

/// A call that can say whether it may have been sent. Sealed: [`Oneshot`], [`DirectCall`] and
/// [`Begun`].
pub trait Call: private::Call {}

mod private {
    pub trait Call {
        fn is_sent(&self) -> bool;
    }
}

impl<S: Service<Req>, Req> Call for Oneshot<S, Req> {}

impl<S: Service<Req>, Req> private::Call for Oneshot<S, Req> {
    fn is_sent(&self) -> bool {
        self.is_called()
    }
}

impl<F> Call for DirectCall<F> {}

impl<F> private::Call for DirectCall<F> {
    /// It seeks readiness only further in, and says itself what has not been sent.
    fn is_sent(&self) -> bool {
        true
    }
}

pin_project! {
    /// A call that cannot be told from one that has been sent once it is polled.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Begun<F> {
        #[pin]
        future: Option<F>,
    }
}

impl<F> Begun<F> {
    #[inline]
    pub(crate) const fn new(future: F) -> Self {
        Self { future: Some(future) }
    }

    /// A call that is not made.
    pub(crate) const fn never() -> Self {
        Self { future: None }
    }
}

impl<F: Future> Future for Begun<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<F> Call for Begun<F> {}

impl<F> private::Call for Begun<F> {
    fn is_sent(&self) -> bool {
        self.future.is_some()
    }
}

impl<F, C> ResponseFuture<F, C> {
    /// A call whose time begins when it is first polled.
    #[inline]
    pub(crate) const fn new(handle: Handle, own: Option<Duration>, classifier: C, call: F) -> Self {
        let stage = Stage::Limited;
        Self { call, timer: None, grant: None, own, stage, handle, classifier }
    }

    /// A call whose time has begun.
    #[inline]
    pub(crate) const fn granted(handle: Handle, grant: Grant, classifier: C, call: F) -> Self {
        let (grant, stage) = (Some(grant), Stage::Limited);
        Self { call, timer: None, grant, own: None, stage, handle, classifier }
    }
}

impl<F, C, T, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<T, E>> + Call,
    C: Classify<T, E>,
    E: Refusable,
{
    type Output = Result<T, E>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        if self.grant.is_some() {
            return self.poll_again(cx).map_or(Poll::Pending, Poll::Ready);
        }
        let context = CallContext::current();
        let now = context.now();
        let grant = self.handle.shared().limits().grant(self.own, &context, now);
        let this = self.as_mut().project();
        // The grant is written down for the cold ways alone, and stays in registers otherwise.
        if grant.shadow || grant.is_over() {
            *this.grant = Some(grant);
            return self.poll_again(cx).map_or(Poll::Pending, Poll::Ready);
        }
        let inner = grant.hand_down(context.with_reading(Some(now)));
        if let Poll::Ready(result) = context.enter_moments(inner, || this.call.poll(cx)) {
            limit_rest(this.classifier, &result, grant.deadline);
            return Poll::Ready(result);
        }
        *this.grant = Some(grant);
        self.poll_timer(cx).map_or(Poll::Pending, Poll::Ready)
    }
}

// These do not answer with a `Poll`, which would be written where the poll of a call that is
// answered at once leaves its own: that one can then stay in registers.
impl<F, C, T, E> ResponseFuture<F, C>
where
    F: Future<Output = Result<T, E>> + Call,
    C: Classify<T, E>,
    E: Refusable,
{
    /// Any poll but the first of a call that has time.
    #[inline(never)]
    fn poll_again(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Result<T, E>> {
        let this = self.as_mut().project();
        let grant = (*this.grant)?;
        if grant.is_over() && *this.stage == Stage::Limited {
            let rejection = this.handle.shared().time_out(&grant, Sent::No);
            if !grant.shadow {
                return Some(Err(rejection.into()));
            }
            *this.stage = Stage::Overdue;
        }
        // The call comes before the timer: a result that is there wins.
        let context = CallContext::current();
        let inner = grant.hand_down(context);
        if let Poll::Ready(result) = context.enter_moments(inner, || this.call.poll(cx)) {
            if !grant.shadow {
                limit_rest(this.classifier, &result, grant.deadline);
            }
            return Some(result);
        }
        self.poll_timer(cx)
    }

    /// Waits for the end of the call's time, which has not come while the call was polled.
    #[cold]
    fn poll_timer(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Result<T, E>> {
        let mut this = self.project();
        let grant = (*this.grant)?;
        if *this.stage == Stage::Overdue {
            return None;
        }
        if this.timer.is_none() {
            this.timer.set(Some(tokio::time::sleep_until(clock::instant(grant.deadline))));
        }
        if let Some(timer) = this.timer.as_pin_mut()
            && timer.poll(cx).is_pending()
        {
            return None;
        }
        *this.stage = Stage::Overdue;
        let sent = if this.call.is_sent() { Sent::Unknown } else { Sent::No };
        let rejection = this.handle.shared().time_out(&grant, sent);
        if grant.shadow { None } else { Some(Err(rejection.into())) }
    }
}

/// An answer that has only begun must also end in time.
#[inline(always)]
fn limit_rest<C, T, E>(classifier: &C, result: &Result<T, E>, deadline: Moment)
where
    C: Classify<T, E>,
{
    if let Ok(response) = result
        && let Some(settlement) = classifier.settlement(response)
    {
        settlement.limit(deadline);
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("stage", &self.stage).finish_non_exhaustive()
    }
}
