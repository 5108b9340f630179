//! The future of a call through a breaker.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{Classify, Refusable, Rejection, Verdict, judge};

use crate::lane::{Lane, Single};
use crate::permit::Permit;

pin_project! {
    /// The response of a call that a breaker has admitted or refused.
    ///
    /// # Cancellation
    /// Dropped before its end, it gives back its probe's place at once; the call counts as
    /// [`OnCancel`](crate::OnCancel) says.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C, L: Lane = Single> {
        #[pin]
        call: Call<F>,
        permit: Option<Permit<L>>,
        classifier: C,
    }
}

pin_project! {
    #[project = CallProj]
    enum Call<F> {
        Admitted { #[pin] future: F },
        Refused { rejection: Option<Rejection> },
    }
}

/// Counts a failure unless it is taken back: while the inner service runs, it may panic.
struct FailOnUnwind<'a, L: Lane>(&'a mut Option<Permit<L>>);

impl<L: Lane> Drop for FailOnUnwind<'_, L> {
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.failure();
        }
    }
}

/// Runs `work`; a panic in it is a failure of the permit's call.
#[inline]
pub(crate) fn watch_panics<L: Lane, T>(
    permit: &mut Option<Permit<L>>,
    work: impl FnOnce() -> T,
) -> T {
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
            Ok(permit) => {
                let mut permit = Some(permit);
                let future = watch_panics(&mut permit, work);
                Self { call: Call::Admitted { future }, permit, classifier }
            }
            Err(rejection) => Self::refused(rejection, classifier),
        }
    }

    pub(crate) fn refused(rejection: Rejection, classifier: C) -> Self {
        let call = Call::Refused { rejection: Some(rejection) };
        Self { call, permit: None, classifier }
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
        let future = match this.call.project() {
            CallProj::Admitted { future } => future,
            CallProj::Refused { rejection } => {
                return match rejection.take() {
                    Some(rejection) => Poll::Ready(Err(rejection.into())),
                    // Only a future that is polled again after its end can come here.
                    None => Poll::Pending,
                };
            }
        };
        let polled = watch_panics(this.permit, || future.poll(cx));
        if let Poll::Ready(result) = &polled
            && let Some(permit) = this.permit.take()
        {
            settle(permit, this.classifier, result);
        }
        polled
    }
}

/// Counts the result, or leaves that to the answer's end where it has only begun.
#[inline]
pub(crate) fn settle<L: Lane, C, T, E>(permit: Permit<L>, classifier: &C, result: &Result<T, E>)
where
    C: Classify<T, E>,
    E: Refusable,
{
    let outcome = match judge(classifier, result.as_ref()) {
        Verdict::Rejected(rejection) => rejection.outcome(),
        Verdict::Judged(outcome) => outcome,
    };
    match result {
        Ok(response) if !outcome.is_failure() => match classifier.settlement(response) {
            Some(settlement) => settlement.attach(permit),
            None => permit.settle(outcome),
        },
        _ => permit.settle(outcome),
    }
}

impl<F, C, L: Lane> fmt::Debug for ResponseFuture<F, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let admitted = matches!(self.call, Call::Admitted { .. });
        f.debug_struct("ResponseFuture").field("admitted", &admitted).finish_non_exhaustive()
    }
}
