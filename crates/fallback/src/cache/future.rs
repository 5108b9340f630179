//! The future of a call that kept answers stand behind.

use std::any::Any;
use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use salve_core::{CallContext, Moment, Outcome, Verdict, clock};

pub use crate::judge::{AnyErrors, Judge, RefusableErrors};
use crate::order::worth;
use crate::work::Work;
pub use crate::work::{Calls, Makes};

use super::answers::{Answers, CloneResponse};
use super::config::Scope;
use super::event::Event;
use super::life::{Decision, Kept, Reach, Terms};
use super::store::{Asked, Entry, Lease};

pin_project! {
    /// The response of a call that kept answers stand behind.
    ///
    /// # Cancellation
    /// Dropped before its end, it drops the call; nothing is counted, and another caller may ask
    /// in its place.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<W, K, F, J, H, Res> {
        answers: Answers<K, Res, J, H>,
        terms: Terms,
        work: W,
        phase: Phase,
        // What the answer is to be kept under.
        asked: Option<(K, Asked)>,
        lease: Option<Lease<Res>>,
        #[pin]
        primary: Option<F>,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Asking,
    Ended,
}

impl<W, K, F, J, H, Res> ResponseFuture<W, K, F, J, H, Res> {
    pub(crate) const fn new(answers: Answers<K, Res, J, H>, terms: Terms, work: W) -> Self {
        Self { answers, terms, work, phase: Phase::New, asked: None, lease: None, primary: None }
    }
}

/// What a call came to: its result, or the panic that was caught.
type Ended<Res, Err> = Result<Result<Res, Err>, Box<dyn Any + Send>>;

impl<W, K, F, J, H, Res, Err> Future for ResponseFuture<W, K, F, J, H, Res>
where
    W: Work<F, Key = K>,
    K: Borrow<W::Query> + Hash + Eq + Send + Sync + 'static,
    F: Future<Output = Result<Res, Err>>,
    J: Judge<Res, Err>,
    H: CloneResponse<Res>,
    Res: Send + Sync + 'static,
{
    type Output = Result<Res, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Res, Err>> {
        let mut this = self.project();
        if *this.phase == Phase::New {
            *this.phase = Phase::Asking;
            if let Some(key) = this.work.key() {
                let now = CallContext::current().now();
                let generation = this.answers.store.shared.generation();
                match this.answers.begin::<W::Query>(this.terms, &key, now) {
                    Begun::Served(response) => {
                        *this.phase = Phase::Ended;
                        return Poll::Ready(Ok(response));
                    }
                    Begun::Asks(lease) => *this.lease = lease,
                }
                *this.asked = Some((key.into_owned(), Asked { began: now, generation }));
            }
        }
        if *this.phase == Phase::Asking && this.primary.is_none() {
            this.primary.set(this.work.begin());
        }
        // Only a future that is polled again after its end can find none.
        let Some(primary) = this.primary.as_mut().as_pin_mut() else { return Poll::Pending };
        let ended = if this.terms.catch_panics {
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
        *this.phase = Phase::Ended;
        let ended = match this.asked.take() {
            Some((key, asked)) => this.answers.end(this.terms, key, asked, ended),
            None => ended,
        };
        *this.lease = None;
        this.primary.set(None);
        Poll::Ready(ended.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

/// How a call begins.
enum Begun<Res> {
    /// It is answered from what is kept.
    Served(Res),
    /// It asks the source, perhaps on behalf of others.
    Asks(Option<Lease<Res>>),
}

impl<K, Res, J, H> Answers<K, Res, J, H>
where
    K: Hash + Eq + Send + Sync + 'static,
    Res: Send + Sync + 'static,
    H: CloneResponse<Res>,
{
    fn begin<Q>(&self, terms: &Terms, key: &Q, now: Moment) -> Begun<Res>
    where
        K: Borrow<Q>,
        Q: ?Sized + Hash + Eq,
    {
        let Some(entry) = self.store.look(key) else { return Begun::Asks(None) };
        loop {
            match terms.decide(entry.known(&self.store.shared, terms), now) {
                Decision::Serve(kept) => {
                    let served = self.serve(terms, &entry, kept);
                    return served.map_or(Begun::Asks(None), Begun::Served);
                }
                // In shadow mode others would wait for nobody.
                Decision::Revalidate if !terms.is_shadow => {
                    // Whoever comes too late for the lease sees that somebody has it.
                    if let Some(lease) = entry.lease() {
                        return Begun::Asks(Some(lease));
                    }
                }
                Decision::Revalidate | Decision::Ask => return Begun::Asks(None),
            }
        }
    }

    fn end<Err>(
        &self,
        terms: &Terms,
        key: K,
        asked: Asked,
        ended: Ended<Res, Err>,
    ) -> Ended<Res, Err>
    where
        J: Judge<Res, Err>,
    {
        let shared = &self.store.shared;
        let now = clock::now();
        let verdict = ended.as_ref().ok().map(|result| self.rules.judge.judge(result.as_ref()));
        let reach = verdict.map_or(Reach::Unknown, Reach::of);
        if verdict.is_some_and(|verdict| worth(verdict).is_none()) {
            let is_success = verdict == Some(Verdict::Judged(Outcome::Success));
            // A verdict about the source needs no look at the key.
            let entry = if terms.scope == Scope::Key { self.store.look(&key) } else { None };
            shared.note(terms, reach, entry.as_deref().map(Entry::unreachable_until), now);
            if let (true, Ok(Ok(response))) = (is_success, &ended) {
                self.keep(key, response, asked, now);
            }
            return ended;
        }
        shared.totals.failed.add_one();
        if ended.is_err() {
            shared.totals.panics.add_one();
        }
        let entry = self.store.look(&key);
        shared.note(terms, reach, entry.as_deref().map(Entry::unreachable_until), now);
        let kept = entry.and_then(|entry| Some((terms.kept(entry.stored(), now)?, entry)));
        let Some((kept, entry)) = kept else {
            shared.totals.nothing_kept.add_one();
            shared.tell(Event::NothingKept);
            return ended;
        };
        self.serve(terms, &entry, kept).map_or(ended, |response| Ok(Ok(response)))
    }

    fn keep<Err>(&self, key: K, response: &Res, asked: Asked, now: Moment)
    where
        J: Judge<Res, Err>,
    {
        // What has only begun may still break off.
        if self.rules.judge.settlement(response).is_none()
            && let Some(copy) = self.rules.cloner.clone_response(response)
            && self.store.keep(key, copy, asked, now)
        {
            self.store.shared.totals.stored.add_one();
        }
    }

    /// A marked copy of what is kept; none in shadow mode, where it is only counted.
    fn serve(&self, terms: &Terms, entry: &Arc<Entry<Res>>, kept: Kept) -> Option<Res> {
        let shared = &self.store.shared;
        if terms.is_shadow {
            shared.would_have_served(kept);
            return None;
        }
        let mut response = self.rules.cloner.clone_response(&entry.response)?;
        shared.served(kept);
        if let Some(mark) = &self.rules.mark {
            mark(&mut response, &kept);
        }
        Some(response)
    }
}

impl<W, K, F, J, H, Res> fmt::Debug for ResponseFuture<W, K, F, J, H, Res> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("phase", &self.phase)
            .field("revalidates", &self.lease.is_some())
            .finish_non_exhaustive()
    }
}
