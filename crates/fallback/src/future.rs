//! The future of a call that alternatives stand behind.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{CallContext, clock};

use crate::alternatives::{Failed, How, Running};
use crate::chain::Plan;
use crate::event::Event;
pub use crate::judge::{AnyErrors, Judge, RefusableErrors};
use crate::order::{Needs, Walk, Why};
use crate::shared::Word;

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
        plan: Arc<Plan<Req, Res, Err, J>>,
        word: Word,
        // The request, if an alternative may need it.
        kept: Option<Req>,
        #[pin]
        primary: Option<F>,
        fallen: Option<Box<Fallen<Req, Res, Err>>>,
    }
}

/// What a call or an alternative came to: its result, or the panic that was caught.
type Ended<Res, Err> = Result<Result<Res, Err>, Box<dyn Any + Send>>;

/// A call that has failed, on its way through the alternatives.
struct Fallen<Req, Res, Err> {
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
        word: Word,
        kept: Option<Req>,
        primary: F,
    ) -> Self {
        Self { plan, word, kept, primary: Some(primary), fallen: None }
    }
}

impl<F, Req, Res, Err, J> Future for ResponseFuture<F, Req, Res, Err, J>
where
    F: Future<Output = Result<Res, Err>>,
    J: Judge<Res, Err>,
{
    type Output = Result<Res, Err>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Res, Err>> {
        let mut this = self.project();
        if let Some(primary) = this.primary.as_mut().as_pin_mut() {
            let ended = if this.word.catches() {
                match catch_unwind(AssertUnwindSafe(|| primary.poll(cx))) {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(result)) => Ok(result),
                    Err(panic) => Err(panic),
                }
            } else {
                match primary.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(result) => Ok(result),
                }
            };
            let why = match &ended {
                Ok(result) => this.plan.judge.worth(result.as_ref()),
                Err(_) => Some(Why::Panicked),
            };
            let why = match (why, ended) {
                (None, Ok(result)) => return Poll::Ready(result),
                (why, ended) => {
                    *this.fallen = Some(Box::new(Fallen::new(ended, this.kept.take())));
                    why
                }
            };
            // What an alternative waits for, it does not wait for with the service in its hands.
            this.primary.set(None);
            failed(this.plan, why);
        }
        let Some(fallen) = this.fallen else {
            // Only a future that is polled again after its end can come here.
            return Poll::Pending;
        };
        let polled = fallen.drive(this.plan, *this.word, cx);
        if polled.is_ready() {
            *this.fallen = None;
        }
        polled.map(|ended| ended.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

/// Counts a call that failed, and tells of it.
#[cold]
fn failed<Req, Res, Err, J>(plan: &Plan<Req, Res, Err, J>, why: Option<Why>) {
    let why = why.unwrap_or(Why::Panicked);
    plan.policy.totals.failed.add_one();
    if why == Why::Panicked {
        plan.policy.totals.panics.add_one();
    }
    plan.policy.tell(Event::PrimaryFailed { why });
}

impl<Req, Res, Err> Fallen<Req, Res, Err> {
    const fn new(original: Ended<Res, Err>, request: Option<Req>) -> Self {
        Self { original, last: None, request, walk: Walk::START, running: None }
    }

    /// Tries one alternative after the other until one answers or none is left.
    fn drive<J: Judge<Res, Err>>(
        &mut self,
        plan: &Plan<Req, Res, Err, J>,
        word: Word,
        cx: &mut Context<'_>,
    ) -> Poll<Ended<Res, Err>> {
        loop {
            let (place, ended) = match &mut self.running {
                Some((place, running)) => match guarded(word, || running.as_mut().poll(cx)) {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(result)) => (*place, Ok(result)),
                    Err(panic) => (*place, Err(panic)),
                },
                None => {
                    let Some(place) = self.next(plan, word) else {
                        return Poll::Ready(self.give_up(plan, word));
                    };
                    match self.begin(plan, word, place) {
                        Some(ended) => (place, ended),
                        None => continue,
                    }
                }
            };
            self.running = None;
            if let Some(answer) = self.weigh(plan, place, ended) {
                return Poll::Ready(answer);
            }
        }
    }

    /// The alternative to try now; none in shadow mode, where the first is only told of.
    fn next<J>(&mut self, plan: &Plan<Req, Res, Err, J>, word: Word) -> Option<usize> {
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
    fn begin<J>(
        &mut self,
        plan: &Plan<Req, Res, Err, J>,
        word: Word,
        place: usize,
    ) -> Option<Ended<Res, Err>> {
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
    fn weigh<J: Judge<Res, Err>>(
        &mut self,
        plan: &Plan<Req, Res, Err, J>,
        place: usize,
        ended: Ended<Res, Err>,
    ) -> Option<Ended<Res, Err>> {
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

    fn give_up<J>(&mut self, plan: &Plan<Req, Res, Err, J>, word: Word) -> Ended<Res, Err> {
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
            .field("failed", &self.fallen.is_some())
            .finish_non_exhaustive()
    }
}
