//! The future of a call that is attempted until it succeeds or is given up.

mod drive;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use salve_core::{CallContext, Class, Moment, Reason, Rejection, clock};
use tokio::time::Sleep;

use crate::attempts::{Attempts, Judgement};
use crate::event::Event;
use crate::shared::Setup;
use crate::work::private;
pub use crate::work::{AnyErrors, Calls, RefusableErrors, Repeats, Work};

pin_project! {
    /// The response of a call that is attempted until it succeeds or is given up.
    ///
    /// # Cancellation
    /// Dropped before its end, it ends the attempt that runs and makes no other. What the budget
    /// was paid stays paid.
    #[project = ResponseProj]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<W: Work> {
        setup: Arc<Setup>,
        work: W,
        phase: Phase,
        // Whether the work keeps its request for another attempt.
        keep: bool,
        class: Option<Class>,
        attempts: Attempts,
        // When this call as a whole is cut off, and when the attempt that runs is.
        call_ends: Moment,
        attempt_ends: Moment,
        #[pin]
        attempt: Option<W::Attempt>,
        // What is returned if no further attempt can be made before the deadline.
        last: Option<Result<W::Response, W::Error>>,
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
    pub(crate) fn new(setup: Arc<Setup>, work: W) -> Self {
        Self {
            attempts: Attempts::new(setup.config.max_attempts),
            setup,
            work,
            phase: Phase::New,
            keep: false,
            class: None,
            call_ends: Moment::MAX,
            attempt_ends: Moment::MAX,
            attempt: None,
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
            return self.drive(None, cx);
        }
        let mut this = self.as_mut().project();
        let mut context = CallContext::current();
        if let Some(refusal) = this.begin(&mut context) {
            return Poll::Ready(refusal);
        }
        let polled = this.make_attempt::<true>(&context, cx);
        if let Poll::Ready(result) = &polled
            && this.work.judge(result) == Judgement::Success
        {
            this.succeeded(result);
            return polled;
        }
        if polled.is_pending() && *this.attempt_ends == Moment::MAX {
            return polled;
        }
        self.drive(Some(polled), cx)
    }
}

// The steps of the first attempt are always inlined: as calls they would need the projection, a
// pointer to each field, to exist in memory.
impl<W: Work> ResponseProj<'_, W> {
    /// Begins the first attempt, or says why it cannot be.
    #[inline(always)]
    fn begin(&mut self, context: &mut CallContext) -> Option<Outcome<W>> {
        self.setup.policy.totals.calls.add_one();
        *self.class = self.work.class();
        let (mut now, mut deadline) = (Moment::ZERO, Moment::MAX);
        if self.setup.needs_clock || context.deadline().is_some() {
            now = context.now();
            *context = context.with_reading(Some(now));
            if let Some(total) = self.setup.config.total_deadline {
                deadline = now.after(total);
                *self.call_ends = if W::REFUSABLE { deadline } else { Moment::MAX };
            }
            deadline = context.deadline().map_or(deadline, |callers| callers.min(deadline));
        }
        self.attempts.begin(context.attempt(), deadline);
        if now >= deadline
            && let Some(error) = refuse_to_begin(self.setup, self.work)
        {
            *self.phase = Phase::Ended;
            return Some(Err(error));
        }
        // A retry around this one has counted the call, and its further attempts are no calls.
        if context.attempts_left().is_none()
            && let Some(budget) = &self.setup.budget
        {
            budget.call_started(now);
        }
        self.prepare(context, now);
        None
    }

    /// Gets ready for the attempt that begins now.
    #[inline(always)]
    fn prepare(&mut self, context: &CallContext, now: Moment) {
        let Setup { config, budget, timed, shortest_wait, .. } = &**self.setup;
        *self.keep = W::KEEPS
            || (self.attempts.may_follow(config, *shortest_wait, context.attempts_left(), now)
                && (config.retry_unsent || self.work.is_repeatable())
                && budget.as_ref().is_none_or(|budget| budget.has_some(now)));
        if *timed && W::REFUSABLE {
            let limit = config.attempt_timeout.map_or(Moment::MAX, |limit| now.after(limit));
            *self.attempt_ends = limit.min(*self.call_ends);
        }
        *self.phase = Phase::Attempting;
    }

    /// Polls the attempt within its own context, and notes what retries further in have used.
    // The first poll has an instance of its own, which is used in one place and so inlined there.
    #[inline(always)]
    fn make_attempt<const FIRST: bool>(
        &mut self,
        context: &CallContext,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<W>> {
        let left = self.attempts.left_within(context.attempts_left());
        let mut inner =
            context.with_deadline(*self.attempt_ends).with_attempt(self.attempts.number(), left);
        if let Some(class) = *self.class {
            inner = inner.with_class(class);
        }
        let (polled, after) = inner.enter_attempt(|| {
            if FIRST || self.attempt.is_none() {
                let attempt = ready!(self.work.start(*self.keep, cx))?;
                self.attempt.set(Some(attempt));
                if !FIRST {
                    *self.last = None;
                }
            }
            match self.attempt.as_mut().as_pin_mut() {
                Some(attempt) => attempt.poll(cx),
                None => Poll::Pending,
            }
        });
        let used = left.saturating_sub(after.unwrap_or(left));
        if used > 0 {
            note_used_within(self.attempts, used);
        }
        polled
    }

    #[inline(always)]
    fn succeeded(&mut self, result: &Outcome<W>) {
        if let Some(budget) = &self.setup.budget {
            budget.call_succeeded(self.attempts.paid());
        }
        if let Ok(response) = result
            && *self.attempt_ends != Moment::MAX
            && let Some(settlement) = self.work.settlement(response)
        {
            // An answer that has only begun must also end in time.
            settlement.limit(*self.attempt_ends);
        }
        *self.phase = Phase::Ended;
        if self.attempts.has_retried() {
            recovered(self.setup, self.attempts.made());
        }
    }
}

// The cold ends of hot paths take what they need and not the projection, which then need not
// exist in memory.

/// Without an error to say it in, the first attempt is made all the same.
#[cold]
fn refuse_to_begin<W: Work>(setup: &Setup, work: &W) -> Option<W::Error> {
    let error = work.refuse(Rejection::new(&setup.policy.origin, Reason::DeadlineExceeded))?;
    setup.policy.totals.refused.add_one();
    Some(error)
}

/// Takes what retries further in have used from those around this one too.
#[cold]
fn note_used_within(attempts: &mut Attempts, used: u32) {
    attempts.note_used_within(used);
    // Fewer may be left around it only if others took them meanwhile; then there are none.
    let _ = (0..used).all(|_| CallContext::take_attempt());
}

#[cold]
fn recovered(setup: &Setup, attempts: u32) {
    setup.policy.totals.recovered.add_one();
    setup.policy.tell(clock::now(), Event::Recovered { attempts });
}

impl<W: Work> fmt::Debug for ResponseFuture<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("phase", &self.phase)
            .field("attempt", &self.attempts.number())
            .finish_non_exhaustive()
    }
}
