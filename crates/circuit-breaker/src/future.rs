//! The future of a call through a breaker.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{Classify, Origin, Outcome, Refusable, Verdict, judge};

use crate::lane::{Lane, Single};
use crate::permit::{Permit, Refusal};

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
        stage: Stage<F>,
        permit: Permit<L>,
        classifier: C,
    }
}

pin_project! {
    /// The inner future, or for a refused call who refused it, until that has been said.
    #[project = StageNow]
    enum Stage<F> {
        Called {
            #[pin]
            future: F,
        },
        Refused {
            by: Option<Origin>,
        },
    }
}

/// How a call came in: with a permit, or refused by somebody.
///
/// All fields are always filled in, unlike an enum's, so that admitted and refused calls build
/// the same future and its parts stay in registers until they are where they belong.
pub(crate) struct Entry<L: Lane = Single> {
    permit: Permit<L>,
    refused_by: Option<Origin>,
}

impl<L: Lane> Entry<L> {
    #[inline]
    pub(crate) const fn admitted(permit: Permit<L>) -> Self {
        Self { permit, refused_by: None }
    }

    #[inline]
    pub(crate) fn refused(by: &Origin, refusal: Refusal) -> Self {
        Self { permit: Permit::refused(refusal), refused_by: Some(by.clone()) }
    }
}

/// Counts a failure unless it is taken back: while the inner service runs, it may panic.
struct FailOnUnwind<'a, L: Lane>(&'a mut Permit<L>);

impl<L: Lane> Drop for FailOnUnwind<'_, L> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.fail();
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
    pub(crate) fn begin(entry: Entry<L>, classifier: C, work: impl FnOnce() -> F) -> Self {
        let Entry { mut permit, refused_by } = entry;
        let stage = match refused_by {
            None => Stage::Called { future: watch_panics(&mut permit, work) },
            by => Stage::Refused { by },
        };
        Self { stage, permit, classifier }
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
        match this.stage.project() {
            StageNow::Called { future } => match watch_panics(this.permit, || future.poll(cx)) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(response)) => {
                    conclude(this.permit, this.classifier, &response);
                    Poll::Ready(Ok(response))
                }
                Poll::Ready(Err(error)) => {
                    Poll::Ready(Err(conclude_error(this.permit, this.classifier, error)))
                }
            },
            StageNow::Refused { by } => match by.take() {
                Some(origin) => Poll::Ready(Err(this.permit.refusal().by(origin).into())),
                // Only a future that is polled again after its end can come here.
                None => Poll::Pending,
            },
        }
    }
}

/// Counts a response, or leaves that to its end where it has only begun.
#[inline(always)]
fn conclude<L: Lane, C, T, E>(permit: &mut Permit<L>, classifier: &C, response: &T)
where
    C: Classify<T, E>,
{
    let outcome = classifier.classify(Ok(response));
    if outcome != Outcome::Success {
        permit.conclude(outcome);
    } else if let Some(settlement) = classifier.settlement(response) {
        settlement.attach(permit.hand_over());
    } else {
        permit.succeed();
    }
}

/// Counts an error, and gives it back. It is taken by value so that a result whose address nobody
/// has taken can stay in registers.
#[cold]
fn conclude_error<L: Lane, C, T, E>(permit: &mut Permit<L>, classifier: &C, error: E) -> E
where
    C: Classify<T, E>,
    E: Refusable,
{
    let outcome = match judge::<C, T, E>(classifier, Err(&error)) {
        Verdict::Rejected(rejection) => rejection.outcome(),
        Verdict::Judged(outcome) => outcome,
    };
    permit.conclude(outcome);
    error
}

impl<F, C, L: Lane> fmt::Debug for ResponseFuture<F, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("running", &self.permit.is_running())
            .finish_non_exhaustive()
    }
}
