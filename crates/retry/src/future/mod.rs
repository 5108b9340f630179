//! The future of a call that is attempted until it succeeds or is given up.

mod course;
mod drive;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{CallContext, Moment};
use tokio::time::Sleep;

use crate::attempts::Judgement;
use crate::shared::Setup;
use crate::work::private;
pub use crate::work::{AnyErrors, Calls, RefusableErrors, Repeats, Work};
use course::Course;

pin_project! {
    /// The response of a call that is attempted until it succeeds or is given up.
    ///
    /// # Cancellation
    /// Dropped before its end, it ends the attempt that runs and makes no other. What the budget
    /// was paid stays paid.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<W: Work> {
        setup: Arc<Setup>,
        work: W,
        phase: Phase,
        #[pin]
        attempt: Option<W::Attempt>,
        // Written down only if the first poll is not the last: most calls never need it.
        course: Option<Course>,
        // What is returned if no further attempt can be made before the deadline.
        last: Option<Outcome<W>>,
        #[pin]
        sleep: Option<Sleep>,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has happened.
    New,
    /// An attempt seeks readiness or runs.
    Attempting,
    /// Between two attempts.
    Waiting,
    Ended,
}

type Outcome<W> = Result<<W as private::Work>::Response, <W as private::Work>::Error>;

impl<W: Work> ResponseFuture<W> {
    #[inline]
    pub(crate) const fn new(setup: Arc<Setup>, work: W) -> Self {
        Self {
            setup,
            work,
            phase: Phase::New,
            attempt: None,
            course: None,
            last: None,
            sleep: None,
        }
    }
}

impl<W: Work> Future for ResponseFuture<W> {
    type Output = Outcome<W>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.phase != Phase::New {
            return self.poll_again(cx).map_or(Poll::Pending, Poll::Ready);
        }
        let this = self.as_mut().project();
        // Unless it goes on, this poll is the last.
        *this.phase = Phase::Ended;
        let setup: &Setup = this.setup;
        let outer = CallContext::current();
        let (mut course, context) = match Course::begin(setup, this.work, outer) {
            Ok(begun) => begun,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let contexts = (outer, context);
        let polled = course.poll_attempt::<true, _>(this.work, this.attempt, contexts, cx, || ());
        let polled = match polled {
            Poll::Ready(Ok(response)) => {
                if this.work.judge(Ok(&response)) == Judgement::Success {
                    course.succeeded(setup, this.work, Some(&response));
                    return Poll::Ready(Ok(response));
                }
                Some(Ok(response))
            }
            Poll::Ready(Err(error)) => Some(Err(error)),
            Poll::Pending => None,
        };
        self.go_on(course, polled, cx).map_or(Poll::Pending, Poll::Ready)
    }
}

// What goes on with a call does not answer with a `Poll`, which would be written where the poll of
// a call that succeeds at once leaves its own: that one can then stay in registers.
impl<W: Work> ResponseFuture<W> {
    /// Any poll but the first.
    #[inline(never)]
    fn poll_again(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Option<Outcome<W>> {
        ended(self.drive(None, cx))
    }

    /// Goes on after a first attempt that did not succeed within the first poll.
    #[inline(never)]
    fn go_on(
        mut self: Pin<&mut Self>,
        course: Course,
        result: Option<Outcome<W>>,
        cx: &mut Context<'_>,
    ) -> Option<Outcome<W>> {
        let this = self.as_mut().project();
        *this.phase = Phase::Attempting;
        *this.course = Some(course);
        if result.is_none() && course.attempt_ends == Moment::MAX {
            return None;
        }
        let polled = result.map_or(Poll::Pending, Poll::Ready);
        ended(self.drive(Some(polled), cx))
    }
}

fn ended<T>(polled: Poll<T>) -> Option<T> {
    match polled {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

impl<W: Work> fmt::Debug for ResponseFuture<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempt = self.course.as_ref().map(|course| course.attempts.number());
        f.debug_struct("ResponseFuture")
            .field("phase", &self.phase)
            .field("attempt", &attempt)
            .finish_non_exhaustive()
    }
}
