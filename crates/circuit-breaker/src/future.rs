//! The future of a call through a breaker.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{Classify, Outcome, Refusable, Rejection, Verdict, judge};

use crate::lane::{Lane, Single};
use crate::permit::Permit;

pin_project! {
    /// The response of a call that a breaker has admitted or refused.
    ///
    /// # Cancellation
    /// Dropped before its end, it gives back its probe's place at once; the call counts as
    /// [`OnCancel`](crate::OnCancel) says.
    // Fields of their own instead of an enum: variants that overlap are copied in fragments.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C, L: Lane = Single> {
        #[pin]
        future: Option<F>,
        permit: Option<Permit<L>>,
        rejection: Option<Rejection>,
        classifier: C,
    }
}

/// Counts a failure unless it is taken back: while the inner service runs, it may panic.
struct FailOnUnwind<'a, L: Lane>(&'a mut Permit<L>);

impl<L: Lane> Drop for FailOnUnwind<'_, L> {
    fn drop(&mut self) {
        self.0.conclude(Outcome::FAILURE);
    }
}

/// Runs `work`; a panic in it is a failure of the permit's call.
#[inline]
fn watch_panics<L: Lane, T>(permit: &mut Permit<L>, work: impl FnOnce() -> T) -> T {
    let guard = FailOnUnwind(permit);
    let result = work();
    std::mem::forget(guard);
    result
}

impl<F, C, L: Lane> ResponseFuture<F, C, L> {
    #[inline]
    pub(crate) fn begin(
        admission: Result<Permit<L>, Rejection>,
        classifier: C,
        work: impl FnOnce() -> F,
    ) -> Self {
        match admission {
            Ok(permit) => Self::admitted(permit, classifier, work),
            Err(rejection) => Self::refused(rejection, classifier),
        }
    }

    #[inline]
    pub(crate) fn admitted(mut permit: Permit<L>, classifier: C, work: impl FnOnce() -> F) -> Self {
        let future = watch_panics(&mut permit, work);
        Self { future: Some(future), permit: Some(permit), rejection: None, classifier }
    }

    #[inline]
    pub(crate) fn refused(rejection: Rejection, classifier: C) -> Self {
        Self { future: None, permit: None, rejection: Some(rejection), classifier }
    }
}

impl<F, C, L, T, E> Future for ResponseFuture<F, C, L>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    L: Lane,
    E: Refusable,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        if let (Some(future), Some(permit)) = (this.future.as_pin_mut(), this.permit) {
            let polled = watch_panics(permit, || future.poll(cx));
            if let Poll::Ready(result) = &polled {
                conclude(permit, this.classifier, result);
            }
            return polled;
        }
        match this.rejection.take() {
            Some(rejection) => Poll::Ready(Err(rejection.into())),
            // Only a future that is polled again after its end can come here.
            None => Poll::Pending,
        }
    }
}

/// Counts the result, or leaves that to the answer's end where it has only begun.
#[inline(always)]
fn conclude<L: Lane, C, T, E>(permit: &mut Permit<L>, classifier: &C, result: &Result<T, E>)
where
    C: Classify<T, E>,
    E: Refusable,
{
    let outcome = match judge(classifier, result.as_ref()) {
        Verdict::Rejected(rejection) => rejection.outcome(),
        Verdict::Judged(outcome) => outcome,
    };
    if let (Ok(response), Outcome::Success) = (result, outcome) {
        match classifier.settlement(response) {
            None => permit.succeed(),
            Some(settlement) => settlement.attach(permit.hand_over()),
        }
    } else {
        permit.conclude(outcome);
    }
}

impl<F, C, L: Lane> fmt::Debug for ResponseFuture<F, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("admitted", &self.permit.is_some())
            .finish_non_exhaustive()
    }
}
