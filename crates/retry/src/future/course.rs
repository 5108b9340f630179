//! How far a call has come, and the steps that its first attempt and all others have in common.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use salve_core::{CallContext, Class, Moment, Reason, Rejection, clock};

use super::{Outcome, Work};
use crate::attempts::Attempts;
use crate::event::Event;
use crate::shared::Setup;

/// How far a call has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub(super) attempts: Attempts,
    /// When this call as a whole is cut off.
    pub(super) call_ends: Moment,
    /// When the attempt that runs is cut off.
    pub(super) attempt_ends: Moment,
    pub(super) class: Option<Class>,
    /// Whether the work keeps its request for another attempt.
    pub(super) keep: bool,
}

// The steps of the first attempt are always inlined: what they work on then never exists in
// memory, but in those calls that go on after their first poll.
impl Course {
    /// Begins the first attempt, or says why it cannot be made. With it comes the context that
    /// further attempts start from.
    #[inline(always)]
    pub(super) fn begin<W: Work>(
        setup: &Setup,
        work: &W,
        outer: CallContext,
    ) -> Result<(Self, CallContext), W::Error> {
        setup.policy.totals.calls.add_one();
        let mut context = outer;
        let mut now = Moment::ZERO;
        let mut deadline = outer.deadline().unwrap_or(Moment::MAX);
        if setup.needs_clock || deadline != Moment::MAX {
            now = outer.now();
            context = outer.with_reading(Some(now));
        }
        let (mut call_ends, mut attempt_ends) = (Moment::MAX, Moment::MAX);
        if setup.timed {
            let total = setup.config.total_deadline.map_or(Moment::MAX, |total| now.after(total));
            deadline = deadline.min(total);
            call_ends = if W::REFUSABLE { total } else { Moment::MAX };
            attempt_ends = Self::attempt_ends::<W>(setup, call_ends, now);
        }
        if now >= deadline
            && let Some(error) = refuse_to_begin(setup, work)
        {
            return Err(error);
        }
        let attempts = Attempts::new(setup.further_attempts, outer.attempt(), deadline);
        let affordable = match &setup.counting {
            None => true,
            // A retry around this one has counted the call, and its further attempts are no calls.
            Some(budget) if outer.attempts_left().is_some() => budget.has_some(now),
            Some(budget) => budget.call_started(now),
        };
        let (class, around) = (work.class(), context.attempts_left());
        let keep = keeps(setup, work, &attempts, around, now, affordable);
        Ok((Self { attempts, call_ends, attempt_ends, class, keep }, context))
    }

    /// Gets ready for another attempt, which begins at `now`.
    pub(super) fn renew<W: Work>(
        &mut self,
        setup: &Setup,
        work: &W,
        around: Option<u32>,
        now: Moment,
    ) {
        self.attempts.next();
        let affordable = setup.counting.as_ref().is_none_or(|budget| budget.has_some(now));
        self.keep = keeps(setup, work, &self.attempts, around, now, affordable);
        self.attempt_ends = Self::attempt_ends::<W>(setup, self.call_ends, now);
    }

    /// When an attempt that begins at `now` is cut off.
    fn attempt_ends<W: Work>(setup: &Setup, call_ends: Moment, now: Moment) -> Moment {
        match setup.config.attempt_timeout {
            Some(limit) if W::REFUSABLE => now.after(limit).min(call_ends),
            _ => call_ends,
        }
    }

    /// Polls the attempt in its own context, made from `context`, and notes what retries further
    /// in have used. The `first` attempt is made; others are unless they have been, and are told
    /// of by `made`.
    // The first poll has an instance of its own, which is used in one place and so inlined there.
    #[inline(always)]
    pub(super) fn poll_attempt<const FIRST: bool, W: Work>(
        &mut self,
        work: &mut W,
        mut attempt: Pin<&mut Option<W::Attempt>>,
        (outer, context): (CallContext, CallContext),
        cx: &mut Context<'_>,
        made: impl FnOnce(),
    ) -> Poll<Outcome<W>> {
        let left = self.attempts.left_within(context.attempts_left());
        let mut inner =
            context.with_deadline(self.attempt_ends).with_attempt(self.attempts.number(), left);
        if let Some(class) = self.class {
            inner = inner.with_class(class);
        }
        let (polled, after) = outer.enter_attempt(inner, || {
            if FIRST || attempt.is_none() {
                ready!(work.start(attempt.as_mut(), self.keep, cx))?;
                made();
            }
            match attempt.as_mut().as_pin_mut() {
                Some(attempt) => attempt.poll(cx),
                None => Poll::Pending,
            }
        });
        let used = left.saturating_sub(after.unwrap_or(left));
        if used > 0 {
            self.attempts = note_used_within(self.attempts, used);
        }
        polled
    }

    /// Counts a success; an answer that has only begun must also end in time.
    #[inline(always)]
    pub(super) fn succeeded<W: Work>(
        &self,
        setup: &Setup,
        work: &W,
        response: Option<&W::Response>,
    ) {
        if setup.tells_success
            && let Some(budget) = &setup.counting
        {
            budget.call_succeeded(self.attempts.paid());
        }
        if self.attempt_ends != Moment::MAX
            && let Some(settlement) = response.and_then(|response| work.settlement(response))
        {
            settlement.limit(self.attempt_ends);
        }
        if self.attempts.has_retried() {
            recovered(setup, self.attempts.made());
        }
    }
}

/// Whether the work keeps its request in the attempt that begins at `now`: if another may follow,
/// as far as anybody can tell. That is `affordable` if the budget would pay for it.
#[inline(always)]
fn keeps<W: Work>(
    setup: &Setup,
    work: &W,
    attempts: &Attempts,
    around: Option<u32>,
    now: Moment,
    affordable: bool,
) -> bool {
    let Setup { config, shortest_wait, .. } = setup;
    W::KEEPS
        || (affordable
            && attempts.may_follow(config, *shortest_wait, around, now)
            && (config.retry_unsent || work.is_repeatable()))
}

/// Without an error to say it in, or in shadow mode, the first attempt is made all the same.
#[cold]
fn refuse_to_begin<W: Work>(setup: &Setup, work: &W) -> Option<W::Error> {
    if setup.shadow {
        return None;
    }
    let error = work.refuse(Rejection::new(&setup.policy.origin, Reason::DeadlineExceeded))?;
    setup.policy.totals.refused.add_one();
    Some(error)
}

/// Takes what retries further in have used from those around this one too.
#[cold]
fn note_used_within(mut attempts: Attempts, used: u32) -> Attempts {
    attempts.note_used_within(used);
    // Fewer may be left around it only if others took them meanwhile; then there are none.
    let _ = (0..used).all(|_| CallContext::take_attempt());
    attempts
}

#[cold]
fn recovered(setup: &Setup, attempts: u32) {
    setup.policy.totals.recovered.add_one();
    setup.tell(clock::now(), Event::Recovered { attempts });
}
