//! The futures of a call through a rate limit, and of the wait for its turn.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use salve_core::{CallContext, Moment, Refusable, Rejection, clock};
use tokio::time::Sleep;

use crate::lane::{Lane, Single};
use crate::line::Ticket;
use crate::policy::Refusal;
use crate::shared::{Answer, Patience, Quick};

pin_project! {
    /// The wait of a call for its turn, which is asked for at the first poll. Only a call that
    /// has to wait needs tokio's runtime.
    ///
    /// # Cancellation
    /// Dropped while it waits, it leaves the line and has nothing booked. What it was granted at
    /// that very moment is given back.
    #[must_use = "futures do nothing unless polled"]
    pub struct Allowed<L: Lane = Single> {
        lane: L,
        cost: u32,
        stage: Stage,
        // Made only for a call that has to wait.
        #[pin]
        timer: Option<Sleep>,
    }

    impl<L: Lane> PinnedDrop for Allowed<L> {
        fn drop(this: Pin<&mut Self>) {
            if let Stage::Waiting(ticket, _) = this.stage {
                this.lane.shared().leave(ticket, clock::now());
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    New,
    Waiting(Ticket, Patience),
    Ended,
}

impl<L: Lane> Allowed<L> {
    /// A wait that has not begun.
    #[inline]
    pub(crate) const fn new(lane: L, cost: u32) -> Self {
        Self { lane, cost, stage: Stage::New, timer: None }
    }

    #[inline]
    fn poll_turn(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        let this = self.as_mut().project();
        if matches!(this.stage, Stage::New) {
            let now = CallContext::current().now();
            if this.lane.shared().try_take(*this.cost, now) == Quick::Granted {
                *this.stage = Stage::Ended;
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_line(cx)
    }

    #[cold]
    fn poll_line(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        let mut this = self.project();
        loop {
            let shared = this.lane.shared();
            let context = CallContext::current();
            // Not what the context has read: the timer may have ended since.
            let now = clock::now();
            let deadline = context.deadline().unwrap_or(Moment::MAX);
            let (answer, patience) = match *this.stage {
                Stage::New => {
                    let mut patience = Patience { deadline, give_up: deadline };
                    (shared.ask(*this.cost, Some(cx.waker()), &mut patience, now), patience)
                }
                Stage::Waiting(ticket, patience) => {
                    (shared.poll(ticket, cx.waker(), &patience, now), patience)
                }
                // Only a future that is polled again after its end can come here.
                Stage::Ended => return Poll::Pending,
            };
            let looks_at = match answer {
                Answer::Granted => {
                    *this.stage = Stage::Ended;
                    return Poll::Ready(Ok(()));
                }
                Answer::Refused(refusal) => {
                    *this.stage = Stage::Ended;
                    return Poll::Ready(refuse(this.lane, refusal, now));
                }
                Answer::Waiting(ticket, looks_at) => {
                    *this.stage = Stage::Waiting(ticket, patience);
                    clock::instant(looks_at)
                }
            };
            match this.timer.as_mut().as_pin_mut() {
                Some(timer) => timer.reset(looks_at),
                None => this.timer.set(Some(tokio::time::sleep_until(looks_at))),
            }
            if let Some(timer) = this.timer.as_mut().as_pin_mut() {
                ready!(timer.poll(cx));
            }
        }
    }
}

/// Counts and tells a refusal, which in shadow mode is none.
#[cold]
pub(crate) fn refuse<L: Lane>(lane: &L, refusal: Refusal, now: Moment) -> Result<(), Rejection> {
    lane.shared().policy().refuse(refusal, now, || lane.key())
}

impl<L: Lane> Future for Allowed<L> {
    type Output = Result<(), Rejection>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_turn(cx)
    }
}

impl<L: Lane> fmt::Debug for Allowed<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowed")
            .field("cost", &self.cost)
            .field("waits", &matches!(self.stage, Stage::Waiting(..)))
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of a call through a rate limit.
    ///
    /// # Cancellation
    /// Dropped before its turn, it leaves the line; dropped later, its turn is spent.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, L: Lane = Single> {
        #[pin]
        call: F,
        is_allowed: bool,
        #[pin]
        allowed: Allowed<L>,
    }
}

impl<F, L: Lane> ResponseFuture<F, L> {
    #[inline]
    pub(crate) const fn new(allowed: Allowed<L>, call: F) -> Self {
        Self { call, is_allowed: false, allowed }
    }
}

impl<F, L, T, E> Future for ResponseFuture<F, L>
where
    F: Future<Output = Result<T, E>>,
    L: Lane,
    E: Refusable,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        if !*this.is_allowed {
            if let Err(rejection) = ready!(this.allowed.poll_turn(cx)) {
                return Poll::Ready(Err(rejection.into()));
            }
            *this.is_allowed = true;
        }
        this.call.poll(cx)
    }
}

impl<F, L: Lane> fmt::Debug for ResponseFuture<F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("is_allowed", &self.is_allowed)
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}
