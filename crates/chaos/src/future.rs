//! The future of a call that passed a chaos point.

use std::fmt;
use std::future::Future;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use salve_core::Moment;

use crate::clock;
use crate::fault::Fault;
use crate::injected::{Injected, MakeError, Tamper};
use crate::repeat::Again;
use crate::shared::{Held, Shared, Struck};

pin_project! {
    /// The response of a call that was left alone or struck.
    ///
    /// # Cancellation
    /// Dropping it drops the inner future and ends what was done to the call.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F: Future, M, T> {
        #[pin]
        stage: Stage<F, M, T>,
    }
}

pin_project! {
    // What a struck call needs is boxed, so that a call which is left alone carries none of it.
    #[project = StageNow]
    enum Stage<F: Future, M, T> {
        Untouched {
            #[pin]
            future: F,
        },
        Struck {
            blow: Box<Blow<F, M, T>>,
        },
    }
}

/// What is done to a struck call, and how far it has come.
pub(crate) struct Blow<F: Future, M, T> {
    /// None for calls that never reach the service.
    inner: Option<Pin<Box<F>>>,
    /// The second delivery. Never locked: the mutex only lends it to other threads.
    again: Option<Mutex<Again>>,
    struck: Struck,
    errors: M,
    tamper: T,
    phase: Phase<F::Output>,
    shared: Arc<Shared>,
    /// When the service was first asked.
    began: Option<Moment>,
    _held: Held,
}

type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

enum Phase<O> {
    Before(Wait),
    Inner,
    Again(Option<O>),
    After(Wait, Option<O>),
}

impl<F: Future, M, T> ResponseFuture<F, M, T> {
    #[inline]
    pub(crate) const fn untouched(inner: F) -> Self {
        Self { stage: Stage::Untouched { future: inner } }
    }

    #[inline]
    pub(crate) const fn struck(blow: Box<Blow<F, M, T>>) -> Self {
        Self { stage: Stage::Struck { blow } }
    }
}

impl<F: Future, M, T> Blow<F, M, T> {
    /// Strikes. What waits is made first and asked later, so that the service that was ready is
    /// the one that is called.
    #[cold]
    #[inline(never)]
    pub(crate) fn new(
        shared: &Arc<Shared>,
        struck: Struck,
        errors: M,
        tamper: T,
        again: Option<Again>,
        work: impl FnOnce() -> F,
    ) -> Box<Self> {
        let inner = match struck.strike.fault {
            Fault::Error { .. } | Fault::Overload { .. } | Fault::Panic | Fault::Unready => None,
            _ => Some(Box::pin(work())),
        };
        let phase = match struck.strike.fault {
            Fault::Latency(_) | Fault::Hang | Fault::Stall => {
                let target = struck.at.after(struck.strike.wait);
                Phase::Before(Box::pin(Arc::clone(shared).wait(struck.epoch, target)))
            }
            _ => Phase::Inner,
        };
        let (shared, held) = (Arc::clone(shared), Held::new(Arc::clone(shared)));
        let again = again.map(Mutex::new);
        let began = None;
        let blow = Self { inner, again, struck, errors, tamper, phase, shared, began, _held: held };
        Box::new(blow)
    }
}

impl<F, M, T, Res, E> Future for ResponseFuture<F, M, T>
where
    F: Future<Output = Result<Res, E>>,
    M: MakeError<E>,
    T: Tamper<Res>,
{
    type Output = Result<Res, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Res, E>> {
        match self.project().stage.project() {
            StageNow::Untouched { future } => future.poll(cx),
            StageNow::Struck { blow } => match blow.poll(cx) {
                Some(result) => Poll::Ready(*result),
                None => Poll::Pending,
            },
        }
    }
}

impl<F, M, T, Res, E> Blow<F, M, T>
where
    F: Future<Output = Result<Res, E>>,
    M: MakeError<E>,
    T: Tamper<Res>,
{
    // Boxed, so that a call which is left alone moves no result through memory for its sake.
    #[cold]
    #[inline(never)]
    fn poll(&mut self, cx: &mut Context<'_>) -> Option<Box<Result<Res, E>>> {
        match self.advance(cx) {
            Poll::Ready(result) => Some(Box::new(result)),
            Poll::Pending => None,
        }
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<Res, E>> {
        let Some(inner) = &mut self.inner else {
            let injected = &self.struck.injected;
            if self.struck.strike.fault == Fault::Panic {
                panic_any(injected.clone());
            }
            return Poll::Ready(Err(self.errors.make_error(injected)));
        };
        if let Phase::Before(wait) = &mut self.phase {
            if wait.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.phase = Phase::Inner;
        }
        if matches!(self.phase, Phase::Inner) {
            let began = *self.began.get_or_insert_with(clock::now);
            let polled = inner.as_mut().poll(cx);
            // Only now, so that the caller's own was the first to arrive.
            poll_again(&mut self.again, cx);
            let Poll::Ready(result) = polled else { return Poll::Pending };
            let now = clock::now();
            let target = match self.struck.strike.fault {
                Fault::Late(_) => now.after(self.struck.strike.wait),
                Fault::Slow(factor) => now.after(longer(now.since(began), factor)),
                _ if self.again.is_some() => {
                    self.phase = Phase::Again(Some(result));
                    return Poll::Pending;
                }
                _ => return Poll::Ready(self.damage(result)),
            };
            let wait = Arc::clone(&self.shared).wait(self.struck.epoch, target);
            self.phase = Phase::After(Box::pin(wait), Some(result));
        }
        if let Phase::Again(result) = &mut self.phase {
            poll_again(&mut self.again, cx);
            if self.again.is_none()
                && let Some(result) = result.take()
            {
                return Poll::Ready(self.damage(result));
            }
        }
        if let Phase::After(wait, result) = &mut self.phase
            && wait.as_mut().poll(cx).is_ready()
            && let Some(result) = result.take()
        {
            return Poll::Ready(self.damage(result));
        }
        Poll::Pending
    }

    fn damage(&self, result: Result<Res, E>) -> Result<Res, E> {
        let injected = &self.struck.injected;
        let mut response = result?;
        if self.struck.strike.fault == Fault::Corrupt {
            response = self.tamper.corrupt(response, injected);
        }
        self.tamper.mark(&mut response, injected);
        Ok(response)
    }
}

/// Takes the second delivery away once it is done.
fn poll_again(again: &mut Option<Mutex<Again>>, cx: &mut Context<'_>) {
    let Some(future) = again else { return };
    let future = future.get_mut().unwrap_or_else(PoisonError::into_inner);
    if future.as_mut().poll(cx).is_ready() {
        *again = None;
    }
}

/// What is missing until something has taken `factor` times as long.
fn longer(took: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(took.as_secs_f64() * (factor - 1.0)).unwrap_or(Duration::MAX)
}

impl<F: Future, M, T> fmt::Debug for ResponseFuture<F, M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let injected: Option<&Injected> = match &self.stage {
            Stage::Untouched { .. } => None,
            Stage::Struck { blow } => Some(&blow.struck.injected),
        };
        f.debug_struct("ResponseFuture").field("injected", &injected).finish_non_exhaustive()
    }
}
