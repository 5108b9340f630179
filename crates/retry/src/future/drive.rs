//! How a call goes on after its first attempt: everything that is off the fast path.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use salve_core::{CallContext, Moment, Reason, Rejection, clock};
use tokio::time::Sleep;

use super::{Course, Outcome, Phase, ResponseFuture, Work};
use crate::attempts::{Cause, Failure, GaveUp, Held, Judgement, Next, Supply};
use crate::event::Event;
use crate::shared::Setup;

impl<W: Work> ResponseFuture<W> {
    /// Goes on with what the first attempt came to in this poll, or from where the last poll ended.
    #[inline(never)]
    pub(super) fn drive(
        self: Pin<&mut Self>,
        mut polled: Option<Poll<Outcome<W>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<W>> {
        let this = self.project();
        let Some(course) = this.course.as_mut() else {
            // Only a future that is polled again after its end can come here.
            return Poll::Pending;
        };
        let (setup, work, phase, attempt) = (this.setup, this.work, this.phase, this.attempt);
        let (last, sleep) = (this.last, this.sleep);
        let mut this = Drive { setup, work, phase, attempt, course, last, sleep };
        let mut context = CallContext::current();
        loop {
            if *this.phase == Phase::Waiting
                && let Some(last) = ready!(this.wait(&mut context, cx))
            {
                return Poll::Ready(last);
            }
            if *this.phase == Phase::Ended {
                // Here, too.
                return Poll::Pending;
            }
            let (result, failed_at_readiness) =
                match polled.take().unwrap_or_else(|| this.attempt_again(context, cx)) {
                    Poll::Ready(result) => (result, this.attempt.is_none()),
                    Poll::Pending if this.course.attempt_ends == Moment::MAX => {
                        return Poll::Pending;
                    }
                    Poll::Pending => match ready!(this.cut_off(cx)) {
                        Cut::Attempt(result) => (result, false),
                        Cut::Call(result) => return Poll::Ready(result),
                    },
                };
            match this.work.judge(result.as_ref()) {
                Judgement::Success => {
                    *this.phase = Phase::Ended;
                    this.course.succeeded(this.setup, this.work, result.as_ref().ok());
                }
                Judgement::Ignored => *this.phase = Phase::Ended,
                Judgement::Failed(mut failure) => {
                    // What failed before it was called was never sent.
                    failure.unsent |= failed_at_readiness;
                    match ready!(this.failed(result, failure, cx)) {
                        Some(result) => return Poll::Ready(result),
                        None => continue,
                    }
                }
            }
            return Poll::Ready(result);
        }
    }
}

/// What was cut off, and what is the result of that.
enum Cut<W: Work> {
    /// One attempt; another may follow.
    Attempt(Outcome<W>),
    /// The whole call.
    Call(Outcome<W>),
}

/// A call that goes on after its first poll.
struct Drive<'a, W: Work> {
    setup: &'a Arc<Setup>,
    work: &'a mut W,
    phase: &'a mut Phase,
    attempt: Pin<&'a mut Option<W::Attempt>>,
    course: &'a mut Course,
    last: &'a mut Option<Outcome<W>>,
    sleep: Pin<&'a mut Option<Sleep>>,
}

impl<W: Work> Drive<'_, W> {
    #[inline(never)]
    fn attempt_again(&mut self, context: CallContext, cx: &mut Context<'_>) -> Poll<Outcome<W>> {
        let contexts = (CallContext::current(), context);
        let (last, attempt) = (&mut *self.last, self.attempt.as_mut());
        self.course.poll_attempt::<false, _>(self.work, attempt, contexts, cx, || *last = None)
    }

    /// Waits for the end of the attempt's time, which has not come while the work is polled.
    #[cold]
    fn cut_off(&mut self, cx: &mut Context<'_>) -> Poll<Cut<W>> {
        ready!(self.sleep_until(self.course.attempt_ends, cx));
        self.sleep.set(None);
        let called = self.attempt.is_some();
        self.attempt.set(None);
        let call_is_over = self.course.attempt_ends >= self.course.call_ends;
        if call_is_over && let Some(last) = self.last.take() {
            return Poll::Ready(Cut::Call(self.give_up(GaveUp::Deadline, clock::now(), last)));
        }
        let reason = if call_is_over { Reason::DeadlineExceeded } else { Reason::AttemptTimeout };
        let rejection = Rejection::new(&self.setup.policy.origin, reason);
        let rejection = if called { rejection.maybe_sent() } else { rejection };
        let Some(error) = self.work.refuse(rejection) else { return Poll::Pending };
        Poll::Ready(if call_is_over {
            Cut::Call(self.give_up(GaveUp::Deadline, clock::now(), Err(error)))
        } else {
            Cut::Attempt(Err(error))
        })
    }

    /// Decides what comes after a failure: a result for the caller, or another attempt.
    #[cold]
    fn failed(
        &mut self,
        result: Outcome<W>,
        failure: Failure,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Outcome<W>>> {
        let setup = Arc::clone(self.setup);
        // Inner services may have taken time since the poll began, and a retry must not be early.
        let now = clock::now();
        self.attempt.set(None);
        self.sleep.set(None);
        let supply = Supply {
            repeatable: self.work.is_repeatable(),
            // In shadow mode none was kept, since none is sent.
            request: if setup.shadow { Held::Yes } else { self.work.held(self.course.keep) },
            around: CallContext::current().attempts_left(),
            paused: setup.policy.is_paused(),
        };
        let mut rng = fastrand::Rng::new();
        let next =
            self.course.attempts.after(&setup.config, failure, supply, now, &mut rng, |cost| {
                match &setup.budget {
                    None => Some(0),
                    Some(budget) if setup.shadow => budget.has_some(now).then_some(0),
                    Some(budget) => budget.withdraw(cost, now),
                }
            });
        if setup.shadow {
            *self.phase = Phase::Ended;
            self.tell_of_shadow(next, failure.cause, now);
            return Poll::Ready(Some(result));
        }
        let wait = match next {
            Next::Retry { wait } => wait,
            Next::GiveUp(why) => return Poll::Ready(Some(self.give_up(why, now, result))),
            Next::Leave => {
                *self.phase = Phase::Ended;
                return Poll::Ready(Some(result));
            }
        };
        // The engine has seen that one is left around it, if there is a retry around it.
        let _ = CallContext::take_attempt();
        setup.policy.totals.retries.add_one();
        let attempt = self.course.attempts.number();
        setup.tell(now, Event::Retried { attempt, wait, cause: failure.cause });
        self.work.renew();
        *self.last = Some(result);
        *self.phase = Phase::Waiting;
        if wait.is_zero() {
            // Lets other tasks run: attempts that fail at once would keep the thread to themselves.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.sleep.set(Some(tokio::time::sleep_until(clock::instant(now.after(wait)))));
        Poll::Ready(None)
    }

    /// Tells of an attempt that would have been made.
    fn tell_of_shadow(&self, next: Next, cause: Cause, now: Moment) {
        let Next::Retry { wait } = next else { return };
        if self.setup.config.max_attempts > 1 {
            self.setup.policy.totals.shadow.add_one();
            let attempt = self.course.attempts.number();
            self.setup.tell(now, Event::WouldHaveRetried { attempt, wait, cause });
        }
    }

    /// Waits until the next attempt may begin, and begins it; a result if that is too late, or if
    /// retries have been paused meanwhile.
    #[cold]
    fn wait(
        &mut self,
        context: &mut CallContext,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Outcome<W>>> {
        if let Some(sleep) = self.sleep.as_mut().as_pin_mut() {
            ready!(sleep.poll(cx));
            self.sleep.set(None);
        }
        let now = clock::now();
        let why = if now >= self.course.attempts.deadline() {
            Some(GaveUp::Deadline)
        } else {
            self.setup.policy.is_paused().then_some(GaveUp::Paused)
        };
        if let Some(why) = why
            && let Some(last) = self.last.take()
        {
            return Poll::Ready(Some(self.give_up(why, now, last)));
        }
        *context = context.with_reading(Some(now));
        self.course.renew(self.setup, self.work, context.attempts_left(), now);
        self.setup.policy.totals.further_attempts.add_one();
        *self.phase = Phase::Attempting;
        Poll::Ready(None)
    }

    fn sleep_until(&mut self, end: Moment, cx: &mut Context<'_>) -> Poll<()> {
        if self.sleep.is_none() {
            self.sleep.set(Some(tokio::time::sleep_until(clock::instant(end))));
        }
        match self.sleep.as_mut().as_pin_mut() {
            Some(sleep) => sleep.poll(cx),
            None => Poll::Pending,
        }
    }

    #[cold]
    fn give_up(&mut self, why: GaveUp, now: Moment, result: Outcome<W>) -> Outcome<W> {
        *self.phase = Phase::Ended;
        let policy = &self.setup.policy;
        let attempts = self.course.attempts.made();
        let event = if why == GaveUp::Budget {
            policy.totals.budget_refused.add_one();
            Event::BudgetRefused { attempts }
        } else {
            policy.totals.exhausted.add_one();
            Event::Exhausted { attempts, why }
        };
        if self.work.bury(attempts, why, &result) {
            policy.totals.dead_letters.add_one();
        }
        self.setup.tell(now, event);
        result
    }
}
