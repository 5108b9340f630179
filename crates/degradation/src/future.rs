//! The future of a call that a ladder has let through or refused.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{Origin, Reason, Refusable, Rejection};

pin_project! {
    /// The response of a call that was let through or refused.
    ///
    /// # Cancellation
    /// Dropping it drops the inner future; nothing is counted.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        stage: Stage<F>,
    }
}

pin_project! {
    /// The inner future, or who refused the call and why until that has been said. The two are put
    /// together only then, since a whole rejection would be moved with every call that is let in.
    #[project = StageNow]
    enum Stage<F> {
        Called {
            #[pin]
            future: F,
        },
        Refused {
            by: Option<Origin>,
            reason: Reason,
        },
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(crate) const fn called(future: F) -> Self {
        Self { stage: Stage::Called { future } }
    }

    #[inline]
    pub(crate) fn refused(by: &Origin, reason: Reason) -> Self {
        Self { stage: Stage::Refused { by: Some(by.clone()), reason } }
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Refusable,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        match self.project().stage.project() {
            StageNow::Called { future } => future.poll(cx),
            StageNow::Refused { by, reason } => match by.take() {
                Some(by) => Poll::Ready(Err(Rejection::from_origin(by, *reason).into())),
                // Only a future that is polled again after its end can come here.
                None => Poll::Pending,
            },
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = matches!(self.stage, Stage::Refused { .. });
        f.debug_struct("ResponseFuture").field("refused", &refused).finish_non_exhaustive()
    }
}
