//! The future of a call through a controller.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::sync::Arc;
use salve_core::{
    CallContext, Class, Classify, CloneRequest, Moment, Oneshot, Reason, Refusable, clock, judge,
};
use tokio::time::Sleep;
use tower_service::Service;

use crate::call::{Ask, AttemptId, CallId, Ended};
use crate::seats::{End, Said};
use crate::shared::Shared;

/// What the rule says about a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    pub(crate) repeatable: bool,
    pub(crate) class: Option<Class>,
    pub(crate) scope: Option<u64>,
}

type Answer<S, Req> = Result<<S as Service<Req>>::Response, <S as Service<Req>>::Error>;

pin_project! {
    /// The response of a call through a controller. It arrives there at the first poll.
    ///
    /// # Cancellation
    /// Dropped, it leaves the line or cancels its attempts, which count neither as success nor as
    /// failure.
    #[project = ResponseProj]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, C, Q>
    where
        S: Service<Req>,
    {
        shared: Arc<Shared>,
        service: S,
        // `None` once it has been sent and cannot be copied.
        request: Option<Req>,
        cloner: Q,
        classifier: C,
        traits: Traits,
        call: Option<CallId>,
        is_over: bool,
        // The controller only says what it would do: there is one attempt, and no deadline.
        shadow: bool,
        deadline: Moment,
        sent: u32,
        // What the last attempt came to.
        last: Option<Result<S::Response, S::Error>>,
        ids: [Option<AttemptId>; 2],
        #[pin]
        first: Option<Oneshot<S, Req>>,
        #[pin]
        second: Option<Oneshot<S, Req>>,
        #[pin]
        timer: Option<Sleep>,
    }

    impl<S: Service<Req>, Req, C, Q> PinnedDrop for ResponseFuture<S, Req, C, Q> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // A panic of the inner service comes through here as well.
            let panics = std::thread::panicking();
            let how = if panics { Ended::FinalFailure } else { Ended::Cancelled };
            if let (Some(call), false) = (*this.call, *this.is_over) {
                this.shared.close(call, std::mem::take(this.ids), how);
            }
        }
    }
}

impl<S: Service<Req>, Req, C, Q> ResponseFuture<S, Req, C, Q> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        service: S,
        request: Req,
        (classifier, cloner): (C, Q),
        traits: Traits,
    ) -> Self {
        Self {
            shared,
            service,
            request: Some(request),
            cloner,
            classifier,
            traits,
            call: None,
            is_over: false,
            shadow: false,
            deadline: Moment::MAX,
            sent: 0,
            last: None,
            ids: [None; 2],
            first: None,
            second: None,
            timer: None,
        }
    }
}

impl<S, Req, C, Q> Future for ResponseFuture<S, Req, C, Q>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    Q: CloneRequest<Req>,
    C: Classify<S::Response, S::Error>,
{
    type Output = Answer<S, Req>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if *this.is_over {
            return Poll::Pending;
        }
        let context = CallContext::current();
        let mut said = match *this.call {
            None if *this.sent == 0 => this.arrive(context),
            // In shadow mode there may be none.
            _ => Said::Nothing,
        };
        loop {
            match said {
                Said::Send(attempt) if this.request.is_some() => this.send(Some(attempt)),
                Said::Send(attempt) => {
                    this.leave_out(attempt);
                    if this.first.is_none() && this.second.is_none() {
                        return Poll::Ready(this.end(End::Failed));
                    }
                }
                Said::Pass => this.send(None),
                Said::End(end) => return Poll::Ready(this.end(end)),
                Said::Nothing => {}
            }
            if let Some(answer) = this.poll_attempts(context, cx) {
                return Poll::Ready(answer);
            }
            let Some(call) = *this.call else { return Poll::Pending };
            if *this.shadow {
                return Poll::Pending;
            }
            said = this.shared.hear(call, cx.waker());
            if said == Said::Nothing {
                break;
            }
        }
        this.shared.keep_time(clock::now());
        if this.timer.is_none() {
            let deadline = clock::instant(*this.deadline);
            this.timer.set(Some(tokio::time::sleep_until(deadline)));
        }
        match this.timer.as_mut().as_pin_mut().map(|timer| timer.poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(this.expire()),
            _ => Poll::Pending,
        }
    }
}

impl<S, Req, C, Q> ResponseProj<'_, S, Req, C, Q>
where
    S: Service<Req> + Clone,
    S::Error: Refusable,
    Q: CloneRequest<Req>,
    C: Classify<S::Response, S::Error>,
{
    fn arrive(&mut self, context: CallContext) -> Said {
        let now = context.now();
        let latest = now.after(self.shared.patience());
        *self.deadline = context.deadline().unwrap_or(latest);
        let ask = Ask {
            class: self.traits.class.unwrap_or_else(|| context.class()),
            scope: self.traits.scope,
            deadline: *self.deadline,
            repeatable: self.traits.repeatable,
        };
        let arrival = self.shared.arrive(ask, now);
        *self.call = arrival.call;
        *self.shadow = arrival.shadow;
        arrival.said
    }

    /// Begins an attempt, which the controller knows by `id` if at all.
    fn send(&mut self, id: Option<AttemptId>) {
        let Some(request) = self.request.take() else { return };
        let made = match self.cloner.clone_request(&request) {
            Some(copy) => {
                *self.request = Some(request);
                Oneshot::new(self.service.clone(), copy)
            }
            None => Oneshot::new(self.service.clone(), request),
        };
        *self.sent += 1;
        if self.first.is_none() {
            self.ids[0] = id;
            self.first.set(Some(made));
        } else {
            self.ids[1] = id;
            self.second.set(Some(made));
        }
    }

    /// Makes no attempt, since the request is gone and could not be copied.
    #[cold]
    fn leave_out(&self, attempt: AttemptId) {
        if let Some(call) = *self.call {
            self.shared.ended(call, attempt, Ended::Cancelled, clock::now());
        }
    }

    /// Polls what is under way; an answer if the call has one.
    fn poll_attempts(
        &mut self,
        context: CallContext,
        cx: &mut Context<'_>,
    ) -> Option<Answer<S, Req>> {
        let inner = if *self.shadow {
            context
        } else {
            // All attempts are the controller's: layers within have none of their own to spend.
            context.with_deadline(*self.deadline).with_attempt((*self.sent).max(1), 0)
        };
        for place in 0..2 {
            let mut attempt = if place == 0 { self.first.as_mut() } else { self.second.as_mut() };
            let Some(polled) = attempt.as_mut().as_pin_mut() else { continue };
            let (polled, _) = inner.enter(|| polled.poll(cx));
            let Poll::Ready(answer) = polled else { continue };
            attempt.set(None);
            let (Some(call), Some(id)) = (*self.call, self.ids[place].take()) else {
                *self.is_over = true;
                return Some(answer);
            };
            let how = Ended::of(judge(self.classifier, answer.as_ref()));
            if *self.shadow {
                self.ids[place] = Some(id);
                self.close(how);
                return Some(answer);
            } else if !how.ends_call() {
                self.shared.ended(call, id, how, clock::now());
                *self.last = Some(answer);
            } else {
                self.shared.finish(call, id, how, clock::now());
                *self.is_over = true;
                if self.ids != &[None; 2] {
                    self.close(Ended::Cancelled);
                }
                return Some(answer);
            }
        }
        None
    }

    fn end(&mut self, end: End) -> Answer<S, Req> {
        self.close(Ended::Cancelled);
        match (end, self.last.take()) {
            (End::Failed, Some(last)) => last,
            (End::Failed, None) => Err(self.shared.reject(Reason::DeadlineExceeded).into()),
            // Somebody was asked before: that failure says more than a refusal to ask again.
            (End::Refused(_), Some(last)) => last,
            (End::Refused(reason), None) => Err(self.shared.reject(reason).into()),
        }
    }

    /// The deadline has passed.
    fn expire(&mut self) -> Answer<S, Req> {
        self.close(Ended::TimedOut);
        let rejection = self.shared.reject(Reason::DeadlineExceeded);
        Err(if *self.sent > 0 { rejection.maybe_sent() } else { rejection }.into())
    }

    fn close(&mut self, how: Ended) {
        *self.is_over = true;
        if let Some(call) = *self.call {
            self.shared.close(call, std::mem::take(self.ids), how);
        }
        self.first.set(None);
        self.second.set(None);
    }
}

impl<S: Service<Req>, Req, C, Q> fmt::Debug for ResponseFuture<S, Req, C, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("sent", &self.sent).finish_non_exhaustive()
    }
}
