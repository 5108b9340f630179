//! The future of a call that is sent again when it is late.

mod late;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use salve_core::sync::Arc;
use salve_core::{CallContext, Class, Moment, clock};
use tokio::time::Sleep;

use crate::copies::{Copies, Judgement};
use crate::shared::Setup;
use crate::work::private;
pub use crate::work::{AnyErrors, Calls, RefusableErrors, Repeats, Work};
use late::Late;

pin_project! {
    /// The response of a call that is sent again when it is late.
    ///
    /// The call itself lies in the future. What belongs to copies is put into memory of its own
    /// when the first of them is sent, so that the calls that need none stay small.
    ///
    /// # Cancellation
    /// Dropped before its end, it drops the call and every copy. What the budget was paid stays
    /// paid.
    #[project = ResponseProj]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<W: Work> {
        setup: Arc<Setup>,
        work: W,
        phase: Phase,
        // Whether the work keeps its request for a copy.
        keep: bool,
        // Whether what becomes of the call is still to be measured.
        measuring: bool,
        class: Option<Class>,
        // When the call was made, and when it must have been answered.
        began: Moment,
        deadline: Moment,
        copies: Copies,
        #[pin]
        first: Option<W::First>,
        #[pin]
        timer: Option<Sleep>,
        late: Option<Box<Late<W>>>,
    }

    impl<W: Work> PinnedDrop for ResponseFuture<W> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.measuring {
                cut_short(this.setup, *this.began);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has happened.
    New,
    /// The call waits until its service is ready.
    Seeking,
    /// The call was made and runs, and copies may run beside it.
    Called,
    /// The call has failed, and copies run.
    Failed,
    Ended,
}

type Outcome<W> = Result<<W as private::Work>::Response, <W as private::Work>::Error>;

impl<W: Work> ResponseFuture<W> {
    #[inline]
    pub(crate) fn new(setup: Arc<Setup>, work: W) -> Self {
        Self {
            setup,
            work,
            phase: Phase::New,
            keep: false,
            measuring: false,
            class: None,
            began: Moment::ZERO,
            deadline: Moment::MAX,
            copies: Copies::NONE,
            first: None,
            timer: None,
            late: None,
        }
    }
}

impl<W: Work> Future for ResponseFuture<W> {
    type Output = Outcome<W>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.phase != Phase::New {
            return self.drive(cx);
        }
        let mut this = self.as_mut().project();
        let context = this.begin();
        if let Poll::Ready(result) = this.poll_first::<true>(&context, cx) {
            let judgement = this.work.judge(&result);
            this.first_ended(judgement, &context);
            *this.phase = Phase::Ended;
            return Poll::Ready(result);
        }
        self.wait(cx)
    }
}

// The steps of a call that is answered at once are always inlined: as calls they would need the
// projection, a pointer to each field, to exist in memory.
impl<W: Work> ResponseProj<'_, W> {
    #[inline(always)]
    fn begin(&mut self) -> CallContext {
        self.setup.policy.totals.calls.add_one();
        *self.class = self.work.class();
        *self.phase = Phase::Seeking;
        let context = CallContext::current();
        let now = context.now();
        // A retry around this call has counted it, and its further attempts are no calls.
        if context.attempts_left().is_none()
            && let Some(budget) = &self.setup.budget
        {
            let _ = budget.call_started(now);
        }
        context.with_reading(Some(now))
    }

    /// Polls the call within its own context, and makes it first if it was not.
    // The first poll has an instance of its own, which is used in one place and so inlined there.
    #[inline(always)]
    fn poll_first<const FIRST: bool>(
        &mut self,
        context: &CallContext,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<W>> {
        let inner = self.class.map_or(*context, |class| context.with_class(class));
        let (polled, left) = CallContext::current().enter_attempt(inner, || {
            if FIRST || self.first.is_none() {
                let now = context.now();
                self.plan(context, now);
                let first = ready!(self.work.start(*self.keep, cx))?;
                self.first.set(Some(first));
                *self.phase = Phase::Called;
                *self.began = now;
                *self.measuring = self.setup.meter.is_some();
            }
            match self.first.as_mut().as_pin_mut() {
                Some(first) => first.poll(cx),
                None => Poll::Pending,
            }
        });
        let before = context.attempts_left();
        if before != left {
            take_attempts(before, left);
        }
        polled
    }

    /// Works out which copies may follow the call that is made at `now`.
    #[inline(always)]
    fn plan(&mut self, context: &CallContext, now: Moment) {
        let setup = &**self.setup;
        let delay = setup.delay(now);
        *self.copies = Copies::NONE;
        *self.keep = false;
        *self.deadline = context.deadline().unwrap_or(Moment::MAX);
        if let Some(delay) = delay
            && self.work.is_repeatable()
            && !setup.policy.is_paused()
            && context.attempts_left() != Some(0)
        {
            *self.copies = Copies::of(setup.config.max_copies, delay, now, *self.deadline);
            *self.keep = self.copies.due() != Moment::MAX
                && !setup.shadow
                && setup.budget.as_ref().is_none_or(|budget| budget.has_some(now));
        }
    }

    /// Measures the call, which has ended, and tells the budget of its success.
    #[inline(always)]
    fn first_ended(&mut self, judgement: Judgement, context: &CallContext) {
        if std::mem::take(self.measuring) {
            match judgement {
                Judgement::Success => answered(self.setup, *self.began),
                Judgement::Failed => cut_short(self.setup, *self.began),
                // Neither says how long the dependency takes.
                Judgement::Ignored | Judgement::Unsent => {}
            }
        }
        // A retry around this call tells of the success itself.
        if judgement == Judgement::Success
            && context.attempts_left().is_none()
            && let Some(budget) = &self.setup.budget
        {
            budget.call_succeeded(0);
        }
    }
}

#[inline(always)]
fn answered(setup: &Setup, began: Moment) {
    if let Some(meter) = &setup.meter {
        // Not the reading of this poll: the call has taken time since.
        meter.answered(age(began));
    }
}

/// Notes that a call was watched from `began` until now and not answered.
#[cold]
fn cut_short(setup: &Setup, began: Moment) {
    if let Some(meter) = &setup.meter {
        meter.cut_short(age(began));
    }
}

/// Nanoseconds since `began`; a duration would be taken apart again at once.
#[inline(always)]
fn age(began: Moment) -> u64 {
    clock::now().as_nanos().saturating_sub(began.as_nanos())
}

/// Takes what retries further in have used from those around this call too.
#[cold]
fn take_attempts(before: Option<u32>, left: Option<u32>) {
    if let (Some(before), Some(left)) = (before, left) {
        // Fewer may be left around it only if others took them meanwhile; then there are none.
        let _ = (left..before).all(|_| CallContext::take_attempt());
    }
}

impl<W: Work> fmt::Debug for ResponseFuture<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("phase", &self.phase)
            .field("copies", &self.late.as_ref().map_or(0, |late| late.made()))
            .finish_non_exhaustive()
    }
}
