//! The future of a call of a replica.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::sync::Arc;
use salve_core::{CallContext, Classify, Moment, Refusable, clock, judge};

use super::replica::Measure;
use crate::call::Ended;

/// A call of a replica until its end.
#[derive(Debug)]
pub(super) struct UnderWay {
    measure: Arc<Measure>,
    sent: Moment,
    deadline: Option<Moment>,
    has_ended: bool,
}

impl UnderWay {
    pub(super) fn new(measure: Arc<Measure>) -> Self {
        let sent = clock::now();
        measure.started(sent);
        Self { measure, sent, deadline: CallContext::current().deadline(), has_ended: false }
    }

    fn end(&mut self, how: Ended, now: Moment) {
        self.has_ended = true;
        self.measure.ended(how, now.since(self.sent), now);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let now = clock::now();
        let is_late = self.deadline.is_some_and(|deadline| now >= deadline);
        // A panic of the inner service comes through here as well.
        let how = match (std::thread::panicking(), is_late) {
            (true, _) => Ended::FinalFailure,
            (false, true) => Ended::TimedOut,
            (false, false) => Ended::Cancelled,
        };
        self.end(how, now);
    }
}

pin_project! {
    /// The response of a call of a replica.
    ///
    /// # Cancellation
    /// Dropped at its deadline or after, it counts as a failure; dropped before, as an answer that
    /// took at least so long.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        #[pin]
        future: F,
        under_way: UnderWay,
        classifier: C,
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(super) const fn new(future: F, under_way: UnderWay, classifier: C) -> Self {
        Self { future, under_way, classifier }
    }
}

impl<F, C, T, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    E: Refusable,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        // A buffer in between called on another task, where there was none to be seen.
        if this.under_way.deadline.is_none() {
            this.under_way.deadline = CallContext::current().deadline();
        }
        let answer = std::task::ready!(this.future.poll(cx));
        let how = Ended::of(judge(this.classifier, answer.as_ref()));
        this.under_way.end(how, clock::now());
        Poll::Ready(answer)
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("under_way", &self.under_way).finish_non_exhaustive()
    }
}
