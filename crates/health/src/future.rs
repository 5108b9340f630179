//! The future of a call whose outcome is counted.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{Classify, FailureKind, Outcome, Refusable, RetryAdvice, Verdict, judge};

use crate::outcomes::{Begun, Line};

pin_project! {
    /// The response of a call whose outcome is counted.
    ///
    /// # Cancellation
    /// Dropped before its end, it counts nothing.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        #[pin]
        future: F,
        line: Arc<Line>,
        classifier: C,
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(crate) const fn new(future: F, line: Arc<Line>, classifier: C) -> Self {
        Self { future, line, classifier }
    }
}

/// Counts a failure unless it is forgotten: while the inner service runs, it may panic.
struct FailOnUnwind<'a>(&'a Line);

impl Drop for FailOnUnwind<'_> {
    fn drop(&mut self) {
        let (retry, kind) = (RetryAdvice::Never, FailureKind::Panic);
        self.0.count(Outcome::Failure { retry, kind });
    }
}

/// Runs `work`; a panic in it is a failure.
#[inline]
pub(crate) fn watch_panics<T>(line: &Line, work: impl FnOnce() -> T) -> T {
    let guard = FailOnUnwind(line);
    let result = work();
    std::mem::forget(guard);
    result
}

impl<F, C, T, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    E: Refusable,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        let Poll::Ready(result) = watch_panics(this.line, || this.future.poll(cx)) else {
            return Poll::Pending;
        };
        let outcome = match judge(this.classifier, result.as_ref()) {
            Verdict::Rejected(rejection) => rejection.outcome(),
            Verdict::Judged(outcome) => outcome,
        };
        match &result {
            Ok(response) if outcome == Outcome::Success => {
                match this.classifier.settlement(response) {
                    Some(settlement) => settlement.attach(Begun(Arc::clone(this.line))),
                    None => this.line.count(outcome),
                }
            }
            _ => this.line.count(outcome),
        }
        Poll::Ready(result)
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
