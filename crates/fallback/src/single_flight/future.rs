//! The future of a call that others may wait for, or that waits for another's.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::work::Work;
pub use crate::work::{Calls, Makes};

use super::flights::Flights;
use super::share::ShareResult;
use super::shared::{Entrance, Lead, Waited, Waiter};

pin_project! {
    /// The response of a call that others may wait for, or that waits for another's.
    ///
    /// # Cancellation
    /// Dropped while it makes the call, it leaves that to one that waits; dropped while it waits,
    /// it takes nothing from others.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<W, K, F, Res, Err, H> {
        flights: Flights<K, Res, Err, H>,
        work: W,
        phase: Phase,
        waiter: Option<Waiter<K, Result<Res, Err>>>,
        // Dropped after the call, so that what the call holds is free for whoever leads next.
        #[pin]
        primary: Option<F>,
        lead: Option<Lead<K, Result<Res, Err>>>,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Waiting,
    Calling,
    Ended,
}

impl<W, K, F, Res, Err, H> ResponseFuture<W, K, F, Res, Err, H> {
    pub(crate) const fn new(flights: Flights<K, Res, Err, H>, work: W) -> Self {
        Self { flights, work, phase: Phase::New, waiter: None, primary: None, lead: None }
    }
}

impl<W, K, F, Res, Err, H> Future for ResponseFuture<W, K, F, Res, Err, H>
where
    W: Work<F, Key = K>,
    K: Borrow<W::Query> + Hash + Eq,
    F: Future<Output = Result<Res, Err>>,
    H: ShareResult<Res, Err>,
{
    type Output = Result<Res, Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Res, Err>> {
        let mut this = self.project();
        loop {
            match *this.phase {
                Phase::New => {
                    let key = this.work.key();
                    let entrance = key.map(|key| this.flights.shared.join::<W::Query>(key));
                    *this.phase = Phase::Calling;
                    match entrance {
                        Some(Entrance::Leads(lead)) => *this.lead = Some(lead),
                        Some(Entrance::Waits(waiter)) => {
                            *this.waiter = Some(waiter);
                            *this.phase = Phase::Waiting;
                        }
                        Some(Entrance::Alone) | None => {}
                    }
                }
                Phase::Waiting => {
                    let Some(waiter) = this.waiter else { return Poll::Pending };
                    let waited = ready!(waiter.poll(cx));
                    *this.waiter = None;
                    *this.phase = match waited {
                        Waited::Landed(result) => {
                            *this.phase = Phase::Ended;
                            return Poll::Ready(result);
                        }
                        Waited::Leads(lead) => {
                            *this.lead = Some(lead);
                            Phase::Calling
                        }
                        Waited::Again => Phase::New,
                    };
                }
                Phase::Calling => {
                    if this.primary.is_none() {
                        this.primary.set(this.work.begin());
                    }
                    let Some(primary) = this.primary.as_mut().as_pin_mut() else {
                        return Poll::Pending;
                    };
                    let result = ready!(primary.poll(cx));
                    *this.phase = Phase::Ended;
                    this.primary.set(None);
                    if let Some(lead) = this.lead.take() {
                        lead.land(&result, &this.flights.rule);
                    }
                    return Poll::Ready(result);
                }
                // Only a future that is polled again after its end can come here.
                Phase::Ended => return Poll::Pending,
            }
        }
    }
}

impl<W, K, F, Res, Err, H> fmt::Debug for ResponseFuture<W, K, F, Res, Err, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("phase", &self.phase)
            .field("leads", &self.lead.is_some())
            .finish_non_exhaustive()
    }
}
