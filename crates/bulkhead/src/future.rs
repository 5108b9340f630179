//! The futures of a call through a bulkhead, and of the wait for a place.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use salve_core::{
    CallContext, Class, Classify, Moment, Reason, Refusable, Rejection, RequestRule, Verdict,
    clock, judge,
};
use tokio::time::Sleep;

use crate::compartment::Comer;
use crate::lane::{Lane, Single};
use crate::limit::Ended;
use crate::permit::Permit;
use crate::turn::{Asked, Turn};

pin_project! {
    /// The wait for a place; its output is the place's [`Permit`]. It is asked for at the first
    /// poll. A wait that time can end needs tokio's runtime.
    ///
    /// # Cancellation
    /// Dropped while it waits, it leaves the line. A place that it was given at that moment goes
    /// to the next.
    #[must_use = "futures do nothing unless polled"]
    pub struct Acquire<L: Lane = Single> {
        turn: Turn<L>,
        // Made only for a call that has to wait.
        #[pin]
        timer: Option<Sleep>,
        // Why the wait is given up when the timer ends it.
        over: Reason,
        class: Option<Class>,
        tenant: u32,
    }
}

impl<L: Lane> Acquire<L> {
    /// A wait that has not begun; without a class it has that of the surrounding call.
    #[inline]
    pub(crate) const fn new(lane: L, class: Option<Class>) -> Self {
        Self { turn: Turn::new(lane), timer: None, over: Reason::QueueTimeout, class, tenant: 0 }
    }

    /// Waits on behalf of this tenant, who takes turns with the others of its class; see
    /// [`Config::tenant_lanes`](crate::Config::tenant_lanes).
    #[inline]
    pub const fn with_tenant(mut self, tenant: u64) -> Self {
        // Both halves of a label are as good as each other, and a small number stays what it is.
        self.tenant = (tenant ^ (tenant >> 32)) as u32;
        self
    }

    /// The same for a request, by what a rule says of it.
    #[inline]
    pub(crate) fn of<Req>(lane: L, rule: &impl RequestRule<Req>, request: &Req) -> Self {
        let acquire = Self::new(lane, rule.class(request));
        match rule.tenant(request) {
            Some(tenant) => acquire.with_tenant(tenant),
            None => acquire,
        }
    }

    #[inline]
    fn poll_place(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Permit<L>, Rejection>> {
        let this = self.as_mut().project();
        if !this.turn.is_waiting()
            && let Some(permit) = this.turn.take()
        {
            return Poll::Ready(Ok(permit));
        }
        self.poll_measured(cx)
    }

    // Out of line, so that calls that are not measured pay nothing for those that are.
    #[inline(never)]
    fn poll_measured(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Permit<L>, Rejection>> {
        let this = self.as_mut().project();
        if !this.turn.is_waiting()
            && let Some(permit) = this.turn.take_measured()
        {
            return Poll::Ready(Ok(permit));
        }
        self.poll_line(cx)
    }

    #[cold]
    #[inline(never)]
    fn poll_line(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Permit<L>, Rejection>> {
        let mut this = self.project();
        let context = CallContext::current();
        let class = *this.class.get_or_insert(context.class());
        if this.turn.is_waiting() {
            if let Some(ended) = this.turn.poll(cx.waker()) {
                return Poll::Ready(ended);
            }
        } else {
            let (deadline, now) = (context.deadline(), context.now());
            // Who has no time left may take a place, but does not line up for one.
            let late = deadline.is_some_and(|deadline| deadline <= now);
            match this
                .turn
                .ask(Comer { class, tenant: *this.tenant }, (!late).then(|| (cx.waker(), now)))
            {
                // Only a future that is polled again after its end can come here.
                None => return Poll::Pending,
                Some(Asked::Taken(permit)) => return Poll::Ready(Ok(permit)),
                Some(Asked::Refused(reason)) => {
                    let late = late && reason == Reason::Full;
                    let reason = if late { Reason::DeadlineExceeded } else { reason };
                    return ended(this.turn.refuse(reason, class).map(Err));
                }
                Some(Asked::Waiting(max_wait)) => {
                    let longest = max_wait.map_or(Moment::MAX, |wait| now.after(wait));
                    let until = longest.min(deadline.unwrap_or(Moment::MAX));
                    if until < longest {
                        *this.over = Reason::DeadlineExceeded;
                    }
                    if until < Moment::MAX {
                        this.timer.set(Some(tokio::time::sleep_until(clock::instant(until))));
                    }
                }
            }
        }
        let Some(timer) = this.timer.as_pin_mut() else { return Poll::Pending };
        ready!(timer.poll(cx));
        // A place that was given to it at this very moment is taken.
        match this.turn.give_up() {
            Some(end) => Poll::Ready(end),
            None => ended(this.turn.refuse(*this.over, class).map(Err)),
        }
    }
}

fn ended<T>(end: Option<T>) -> Poll<T> {
    end.map_or(Poll::Pending, Poll::Ready)
}

impl<L: Lane> Future for Acquire<L> {
    type Output = Result<Permit<L>, Rejection>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_place(cx)
    }
}

impl<L: Lane> fmt::Debug for Acquire<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("waits", &self.turn.is_waiting()).finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of a call through a bulkhead.
    ///
    /// # Cancellation
    /// Dropped, it ends the call and gives its place back, or leaves the line.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C, L: Lane = Single> {
        // Dropped before the permit: who comes next finds the inner service's own places free.
        #[pin]
        call: F,
        permit: Option<Permit<L>>,
        #[pin]
        acquire: Acquire<L>,
        classifier: C,
    }
}

impl<F, C, L: Lane> ResponseFuture<F, C, L> {
    #[inline]
    pub(crate) const fn new(acquire: Acquire<L>, classifier: C, call: F) -> Self {
        Self { call, permit: None, acquire, classifier }
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
        // It is held here while the inner service runs: a panic gives it back.
        let mut permit = match this.permit.take() {
            Some(permit) => permit,
            None => match ready!(this.acquire.poll_place(cx)) {
                Ok(permit) => permit,
                Err(rejection) => return Poll::Ready(Err(rejection.into())),
            },
        };
        let Poll::Ready(result) = this.call.poll(cx) else {
            *this.permit = Some(permit);
            return Poll::Pending;
        };
        if permit.is_measured() {
            permit.note(Ended::of(match judge(this.classifier, result.as_ref()) {
                Verdict::Judged(outcome) => outcome,
                Verdict::Rejected(rejection) => rejection.outcome(),
            }));
        }
        if let Ok(response) = &result
            && let Some(settlement) = this.classifier.settlement(response)
        {
            settlement.attach(permit);
        }
        Poll::Ready(result)
    }
}

impl<F, C, L: Lane> fmt::Debug for ResponseFuture<F, C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("under_way", &self.permit.is_some())
            .field("acquire", &self.acquire)
            .finish_non_exhaustive()
    }
}
