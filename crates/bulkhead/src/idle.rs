//! Waiting until nothing is in use, as before a shutdown.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::lane::{Lane, Single};

/// Which of those who wait for idleness it is.
pub(crate) type IdlerId = u64;

/// Those who wait until nothing is in use.
#[derive(Debug, Default)]
pub(crate) struct Idlers {
    wakers: Vec<(IdlerId, Waker)>,
    next: IdlerId,
}

impl Idlers {
    /// Remembers whom to wake, and returns the waker that was remembered for it before.
    pub(crate) fn add(&mut self, id: &mut Option<IdlerId>, waker: Waker) -> Option<Waker> {
        let known = id.and_then(|id| self.wakers.iter_mut().find(|(other, _)| *other == id));
        if let Some((_, held)) = known {
            return Some(std::mem::replace(held, waker));
        }
        self.next += 1;
        *id = Some(self.next);
        self.wakers.push((self.next, waker));
        None
    }

    pub(crate) fn remove(&mut self, id: IdlerId) -> Option<Waker> {
        let index = self.wakers.iter().position(|(other, _)| *other == id)?;
        Some(self.wakers.swap_remove(index).1)
    }

    /// The wakers; the numbers go on, so that nobody is taken for somebody else.
    pub(crate) fn take(&mut self) -> Self {
        Self { wakers: std::mem::take(&mut self.wakers), next: self.next }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    pub(crate) fn wake(self) {
        self.wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

/// Ends when nothing is in use and nobody waits. New calls may put that off unless the bulkhead
/// has been closed.
///
/// # Cancellation
/// Dropped, it is forgotten.
#[must_use = "futures do nothing unless polled"]
pub struct Idle<L: Lane = Single> {
    lane: L,
    id: Option<IdlerId>,
}

impl<L: Lane> Idle<L> {
    pub(crate) const fn new(lane: L) -> Self {
        Self { lane, id: None }
    }
}

impl<L: Lane> Unpin for Idle<L> {}

impl<L: Lane> Future for Idle<L> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { lane, id } = &mut *self;
        if lane.shared().poll_idle(id, cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<L: Lane> Drop for Idle<L> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.lane.shared().forget_idler(id);
        }
    }
}

impl<L: Lane> fmt::Debug for Idle<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle").field("waits", &self.id.is_some()).finish_non_exhaustive()
    }
}
