//! How a call goes on that was not answered at once: its timer, its copies, and who wins.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use salve_core::{BudgetCost, CallContext, Moment, clock};

use super::{Outcome, Phase, ResponseFuture, ResponseProj, cut_short};
use crate::copies::{Copies, Decision, Held, Judgement, Supply};
use crate::event::Event;
use crate::work::{Work, private};

/// The copies of a late call.
pub(super) struct Late<W: Work> {
    under_way: Vec<Running<W>>,
    made: u32,
    /// The failure that is returned if every copy fails.
    kept: Option<(Judgement, Outcome<W>)>,
}

/// A copy that is under way.
struct Running<W: Work> {
    call: Pin<Box<<W as private::Work>::Copy>>,
    /// Counted from 1.
    number: u32,
    paid: u32,
}

impl<W: Work> Late<W> {
    const fn new() -> Self {
        Self { under_way: Vec::new(), made: 0, kept: None }
    }

    pub(super) const fn made(&self) -> u32 {
        self.made
    }

    /// Keeps a failure, unless one that says more is kept.
    fn keep(&mut self, judgement: Judgement, result: Outcome<W>) {
        if judgement.replaces(self.kept.as_ref().map(|(kept, _)| *kept)) {
            self.kept = Some((judgement, result));
        }
    }
}

impl<W: Work> ResponseFuture<W> {
    /// Any poll but the first.
    #[inline(never)]
    pub(super) fn drive(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<W>> {
        let mut this = self.as_mut().project();
        let context = CallContext::current();
        if matches!(this.phase, Phase::Seeking | Phase::Called)
            && let Poll::Ready(result) = this.poll_first::<false>(&context, cx)
            && let Some(result) = this.first_is_back(result, &context)
        {
            return Poll::Ready(result);
        }
        if let Some(result) = this.poll_copies(0, &context, cx) {
            return Poll::Ready(result);
        }
        self.wait(cx)
    }

    /// Waits until a copy is due, and sends it.
    #[inline(never)]
    pub(super) fn wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<W>> {
        let mut this = self.project();
        loop {
            if this.copies.due() == Moment::MAX || !this.phase.is_late_possible() {
                return Poll::Pending;
            }
            ready!(this.sleep(cx));
            this.timer.set(None);
            let context = CallContext::current();
            let now = clock::now();
            if let Some(at) = this.make_copy(&context, now)
                && let Some(result) = this.poll_copies(at, &context.with_reading(Some(now)), cx)
            {
                return Poll::Ready(result);
            }
        }
    }
}

impl Phase {
    /// Whether something is under way that a copy could follow.
    const fn is_late_possible(self) -> bool {
        matches!(self, Self::Called | Self::Failed)
    }
}

impl<W: Work> ResponseProj<'_, W> {
    fn sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_none() {
            let due = clock::instant(self.copies.due());
            self.timer.set(Some(tokio::time::sleep_until(due)));
        }
        self.timer.as_mut().as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(cx))
    }

    /// Makes the copy that is due, if it may be; says where among those under way it stands.
    #[cold]
    fn make_copy(&mut self, context: &CallContext, now: Moment) -> Option<usize> {
        let setup = &**self.setup;
        let policy = &*setup.policy;
        let (after, made) =
            (now.since(*self.began), self.late.as_ref().map_or(0, |late| late.made));
        let supply = Supply {
            // In shadow mode none was kept, since none is sent.
            request: if setup.shadow { Held::Yes } else { self.work.held(*self.keep) },
            around: context.attempts_left(),
            paused: policy.is_paused(),
        };
        let pay = || match &setup.budget {
            None => Some(0),
            Some(budget) if setup.shadow => budget.has_some(now).then_some(0),
            Some(budget) => budget.withdraw(BudgetCost::Retry, now),
        };
        let paid = match self.copies.decide(now, *self.deadline, supply, pay) {
            Decision::Over => return None,
            Decision::Refused => {
                if !setup.shadow {
                    policy.totals.budget_refused.add_one();
                    setup.tell(now, Event::BudgetRefused { after });
                }
                return None;
            }
            Decision::Send { .. } if setup.shadow => {
                policy.totals.shadow.add_one();
                setup.tell(now, Event::WouldHaveSent { copy: made + 1, after });
                return None;
            }
            Decision::Send { paid } => paid,
        };
        // The engine has seen that one is left, if there is a retry around this call.
        let _ = CallContext::take_attempt();
        *self.keep = self.copies.due() != Moment::MAX;
        let call = Box::pin(self.work.copy(*self.keep)?);
        let late = self.late.get_or_insert_with(|| Box::new(Late::new()));
        late.made += 1;
        late.under_way.push(Running { call, number: late.made, paid });
        policy.totals.copies.add_one();
        setup.tell(now, Event::CopySent { copy: late.made, after });
        Some(late.under_way.len() - 1)
    }

    /// Polls the copies from the one at `at`; the result for the caller, once there is one.
    fn poll_copies(
        &mut self,
        mut at: usize,
        context: &CallContext,
        cx: &mut Context<'_>,
    ) -> Option<Outcome<W>> {
        // A copy is one attempt: nothing further in repeats it.
        let context = self.class.map_or(*context, |class| context.with_class(class));
        while let Some(copy) = self.late.as_mut().and_then(|late| late.under_way.get_mut(at)) {
            let inner = context.with_attempt(context.attempt().saturating_add(copy.number), 0);
            let outer = CallContext::current();
            match outer.enter_attempt(inner, || copy.call.as_mut().poll(cx)).0 {
                Poll::Pending => at += 1,
                Poll::Ready(result) => {
                    if let Some(result) = self.copy_is_back(at, result, &context) {
                        return Some(result);
                    }
                }
            }
        }
        None
    }

    /// Takes the result of the call itself: it is for the caller, or is kept.
    fn first_is_back(&mut self, result: Outcome<W>, context: &CallContext) -> Option<Outcome<W>> {
        let judgement = self.work.judge(&result);
        self.first_ended(judgement, context);
        self.first.set(None);
        *self.phase = Phase::Failed;
        self.weigh(judgement, result)
    }

    /// Takes the result of a copy: it is for the caller, or is kept.
    fn copy_is_back(
        &mut self,
        at: usize,
        result: Outcome<W>,
        context: &CallContext,
    ) -> Option<Outcome<W>> {
        let copy = self.late.as_mut()?.under_way.remove(at);
        let judged = self.work.judge(&result);
        let is_sent = judged.is_answer() || W::is_sent(&copy.call);
        let judgement = if is_sent { judged } else { Judgement::Unsent };
        let result = self.weigh(judgement, result);
        let policy = &*self.setup.policy;
        if judgement == Judgement::Unsent {
            policy.totals.unsent.add_one();
        }
        if judgement == Judgement::Success
            && (context.attempts_left().is_none() || copy.paid > 0)
            && let Some(budget) = &self.setup.budget
        {
            budget.call_succeeded(copy.paid);
        }
        if judgement.is_answer() {
            policy.totals.won.add_one();
            let now = clock::now();
            self.setup
                .tell(now, Event::CopyWon { copy: copy.number, after: now.since(*self.began) });
        }
        result
    }

    /// Ends the call with an answer, or with the failure that says most once nothing else is
    /// under way; drops what is under way as soon as there is an answer.
    fn weigh(&mut self, judgement: Judgement, result: Outcome<W>) -> Option<Outcome<W>> {
        let others = *self.phase == Phase::Called
            || self.late.as_ref().is_some_and(|late| !late.under_way.is_empty());
        let result = match &mut *self.late {
            Some(late) if !judgement.is_answer() => {
                late.keep(judgement, result);
                if others {
                    return None;
                }
                late.kept.take()?.1
            }
            _ => result,
        };
        *self.phase = Phase::Ended;
        *self.copies = Copies::NONE;
        self.timer.set(None);
        self.first.set(None);
        *self.late = None;
        if std::mem::take(self.measuring) {
            cut_short(self.setup, *self.began);
        }
        Some(result)
    }
}
