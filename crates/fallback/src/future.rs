//! The future of a call that alternatives stand behind.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use salve_core::{CallContext, clock};

use crate::alternatives::{Failed, How, Running};
use crate::chain::Plan;
use crate::event::Event;
pub use crate::judge::{AnyErrors, Judge, RefusableErrors};
use crate::order::{Needs, Walk, Why};
use crate::shared::{Policy, Word};

pin_project! {
    /// The response of a call that alternatives stand behind.
    ///
    /// The call itself lies in the future. What belongs to alternatives is put into memory of its
    /// own when the call has failed.
    ///
    /// # Cancellation
    /// Dropped before its end, it drops whatever is under way; nothing is counted.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, Req, Res, Err, J> {
        #[pin]
        stage: Stage<F, Req, Res, Err, J>,
    }
}

pin_project! {
    /// How far a call has come.
    // Two variants and no third: the check of which it is, and so the drop, stay one comparison.
    #[project = StageProj]
    #[project_replace = StageOwned]
    enum Stage<F, Req, Res, Err, J> {
        Calling {
            #[pin]
            primary: F,
            plan: Arc<Plan<Req, Res, Err, J>>,
            // The request, if an alternative may need it.
            kept: Option<Req>,
        },
        // Nothing is left once the call has ended.
        Fallen { fallen: Option<Box<Fallen<Req, Res, Err, J>>> },
    }
}

/// What a call or an alternative came to: its result, or the panic that was caught.
type Ended<Res, Err> = Result<Result<Res, Err>, Box<dyn Any + Send>>;

/// A call that has failed, on its way through the alternatives.
struct Fallen<Req, Res, Err, J> {
    plan: Arc<Plan<Req, Res, Err, J>>,
    word: Word,
    original: Ended<Res, Err>,
    last: Option<Ended<Res, Err>>,
    request: Option<Req>,
    walk: Walk,
    running: Option<(usize, Running<Res, Err>)>,
}

impl<F, Req, Res, Err, J> ResponseFuture<F, Req, Res, Err, J> {
    #[inline]
    pub(crate) const fn new(
        plan: Arc<Plan<Req, Res, Err, J>>,
        kept: Option<Req>,
        primary: F,
    ) -> Self {
        Self { stage: Stage::Calling { primary, plan, kept } }
    }
}

impl<F, Req, Res, Err, J> Future for ResponseFuture<F, Req, Res, Err, J>
where
    F: Future<Output = Result<Res, Err>>,
    J: Judge<Res, Err>,
{
    type Output = Result<Res, Err>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Res, Err>> {
        let mut ended = None;
        if let StageProj::Calling { primary, plan, .. } = self.as_mut().project().stage.project()
            && !plan.policy.word().catches()
        {
            let result = ready!(primary.poll(cx));
            if plan.judge.worth(result.as_ref()).is_none() {
                return Poll::Ready(result);
            }
            ended = Some(Ok(result));
        }
        let mut answer = Poll::Pending;
        self.go_on(ended, &mut answer, cx);
        answer
    }
}

impl<F, Req, Res, Err, J> ResponseFuture<F, Req, Res, Err, J>
where
    F: Future<Output = Result<Res, Err>>,
    J: Judge<Res, Err>,
{
    /// All that a success does not need.
    // Never inlined: what it holds would be laid out among what a success needs. It is told where
    // to put its answer, so that an answer at once need not lie in memory.
    #[inline(never)]
    fn go_on(
        self: Pin<&mut Self>,
        ended: Option<Ended<Res, Err>>,
        answer: &mut Poll<Result<Res, Err>>,
        cx: &mut Context<'_>,
    ) {
        *answer = self.proceed(ended, cx);
    }

    /// Catches panics, and tries the alternatives. `ended` is what the call has come to, if it is
    /// not to be polled any more.
    fn proceed(
        self: Pin<&mut Self>,
        ended: Option<Ended<Res, Err>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Res, Err>> {
        let mut stage = self.project().stage;
        if let StageProj::Calling { primary, .. } = stage.as_mut().project() {
            let ended = match ended {
                Some(ended) => ended,
                None => match catch_unwind(AssertUnwindSafe(|| primary.poll(cx))) {
                    Ok(polled) => Ok(ready!(polled)),
                    Err(panic) => Err(panic),
                },
            };
            // What an alternative waits for, it does not wait for with the service in hand.
            let called = stage.as_mut().project_replace(Stage::Fallen { fallen: None });
            let StageOwned::Calling { plan, kept, .. } = called else { return Poll::Pending };
            let why = match &ended {
                Ok(result) => plan.judge.worth(result.as_ref()),
                Err(_) => Some(Why::Panicked),
            };
            match (why, ended) {
                (None, Ok(result)) => return Poll::Ready(result),
                (why, ended) => {
                    count(&plan.policy, why.unwrap_or(Why::Panicked));
                    let fallen = Some(Box::new(Fallen::new(plan, ended, kept)));
                    stage.set(Stage::Fallen { fallen });
                }
            }
        }
        // Only a future that is polled again after its end can find none.
        let StageProj::Fallen { fallen } = stage.project() else { return Poll::Pending };
        let Some(driven) = fallen else { return Poll::Pending };
        let ended = ready!(driven.drive(cx));
        *fallen = None;
        Poll::Ready(ended.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

/// Counts a call that failed, and tells of it.
fn count(policy: &Policy, why: Why) {
    policy.totals.failed.add_one();
    if why == Why::Panicked {
        policy.totals.panics.add_one();
    }
    policy.tell(Event::PrimaryFailed { why });
}

impl<Req, Res, Err, J> Fallen<Req, Res, Err, J> {
    fn new(
        plan: Arc<Plan<Req, Res, Err, J>>,
        original: Ended<Res, Err>,
        request: Option<Req>,
    ) -> Self {
        let word = plan.policy.word();
        Self { plan, word, original, last: None, request, walk: Walk::START, running: None }
    }

    /// Tries one alternative after the other until one answers or none is left.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<Ended<Res, Err>>
    where
        J: Judge<Res, Err>,
    {
        let word = self.word;
        loop {
            let (place, ended) = match &mut self.running {
                Some((place, running)) => match guarded(word, || running.as_mut().poll(cx)) {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(result)) => (*place, Ok(result)),
                    Err(panic) => (*place, Err(panic)),
                },
                None => {
                    let Some(place) = self.next() else {
                        return Poll::Ready(self.give_up());
                    };
                    match self.begin(place) {
                        Some(ended) => (place, ended),
                        None => continue,
                    }
                }
            };
            self.running = None;
            if let Some(answer) = self.weigh(place, ended) {
                return Poll::Ready(answer);
            }
        }
    }

    /// The alternative to try now; none in shadow mode, where the first is only told of.
    fn next(&mut self) -> Option<usize> {
        let (plan, word) = (&*self.plan, self.word);
        if word.is_paused() {
            return None;
        }
        let deadline = CallContext::current().deadline();
        let supply = Needs {
            request: self.request.is_some() || word.is_shadow(),
            time: deadline.is_none_or(|deadline| clock::now() < deadline),
        };
        let chain = plan.links.iter().map(|link| link.how.needs());
        let place = self.walk.next(chain, word.cascades(), supply)?;
        if word.is_shadow() {
            plan.policy.totals.shadow.add_one();
            let alternative = plan.links.get(place)?.tally.name.clone();
            plan.policy.tell(Event::WouldHaveTried { alternative });
            return None;
        }
        Some(place)
    }

    /// Begins an alternative; what it came to, if it needs no waiting.
    fn begin(&mut self, place: usize) -> Option<Ended<Res, Err>> {
        let (plan, word) = (&*self.plan, self.word);
        let failed = match &self.original {
            Ok(Ok(response)) => Failed::Response(response),
            Ok(Err(error)) => Failed::Error(error),
            Err(_) => Failed::Panic,
        };
        match &plan.links.get(place)?.how {
            How::Instant(answer) => Some(guarded(word, || answer.answer(failed))),
            How::Asks(ask) => {
                let request = self.request.take()?;
                self.request = plan.keep_after(place, &request);
                match guarded(word, || ask.ask(request, failed)) {
                    Ok(running) => self.running = Some((place, running)),
                    Err(panic) => return Some(Err(panic)),
                }
                None
            }
        }
    }

    /// Ends the call if the alternative has answered it.
    fn weigh(&mut self, place: usize, ended: Ended<Res, Err>) -> Option<Ended<Res, Err>>
    where
        J: Judge<Res, Err>,
    {
        let plan = &*self.plan;
        let tally = &plan.links.get(place)?.tally;
        let why = match &ended {
            Ok(result) => plan.judge.worth(result.as_ref()),
            Err(_) => Some(Why::Panicked),
        };
        let alternative = tally.name.clone();
        if let Some(why) = why {
            tally.failed.add_one();
            if why == Why::Panicked {
                plan.policy.totals.panics.add_one();
            }
            plan.policy.tell(Event::AlternativeFailed { alternative, why });
            self.last = Some(ended);
            return None;
        }
        tally.answered.add_one();
        plan.policy.totals.answered.add_one();
        plan.policy.tell(Event::AlternativeAnswered { alternative });
        Some(ended.map(|mut result| {
            if let (Ok(response), Some(mark)) = (&mut result, &plan.mark) {
                mark(response, &tally.name);
            }
            result
        }))
    }

    fn give_up(&mut self) -> Ended<Res, Err> {
        let (plan, word) = (&*self.plan, self.word);
        if word.is_live() {
            plan.policy.totals.exhausted.add_one();
            plan.policy.tell(Event::Exhausted);
        }
        let last = if word.returns_last() { self.last.take() } else { None };
        // The call has ended: nothing looks at the original again.
        last.unwrap_or_else(|| std::mem::replace(&mut self.original, Err(Box::new(()))))
    }
}

/// Runs `work`, and catches its panic if the settings say so.
fn guarded<T>(word: Word, work: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    if word.catches() { catch_unwind(AssertUnwindSafe(work)) } else { Ok(work()) }
}

impl<F, Req, Res, Err, J> fmt::Debug for ResponseFuture<F, Req, Res, Err, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("failed", &matches!(self.stage, Stage::Fallen { .. }))
            .finish_non_exhaustive()
    }
}
