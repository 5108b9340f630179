//! One call's way to a place, without a runtime.

use std::task::Waker;
use std::time::Duration;

use salve_core::{CallContext, Class, Moment, Reason, Rejection, clock};

use crate::compartment::{Comer, Fate, Ticket};
use crate::lane::Lane;
use crate::permit::Permit;
use crate::policy::Refusal;
use crate::shared::Answer;
use crate::word::Word;

/// One call's way to a place. Whoever drives it says when its time is over. Dropped while it
/// waits, it leaves the line; one that has been served passes its place on.
pub(crate) struct Turn<L: Lane> {
    /// Taken out by the permit.
    lane: Option<L>,
    ticket: Option<Ticket>,
}

/// The answer to a turn that asks.
pub(crate) enum Asked<L: Lane> {
    Taken(Permit<L>),
    /// It waits, at most so long.
    Waiting(Option<Duration>),
    Refused(Reason),
}

impl<L: Lane> Turn<L> {
    pub(crate) const fn new(lane: L) -> Self {
        Self { lane: Some(lane), ticket: None }
    }

    pub(crate) const fn is_waiting(&self) -> bool {
        self.ticket.is_some()
    }

    /// A free place, if nobody waits for it.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Permit<L>> {
        if self.lane.as_ref()?.shared().try_take_unmeasured() {
            self.lane.take().map(Permit::taken)
        } else {
            None
        }
    }

    /// A free place for a call that begins now, if nobody waits for it.
    #[inline]
    pub(crate) fn take_measured(&mut self) -> Option<Permit<L>> {
        let shared = self.lane.as_ref()?.shared();
        if shared.word().has(Word::MEASURED) && shared.try_take() {
            let lane = self.lane.take()?;
            return Some(Permit::measured(lane, CallContext::current().now()));
        }
        None
    }

    /// A permit for the place that has been taken.
    fn permit(&mut self) -> Option<Permit<L>> {
        self.lane.take().map(permit)
    }

    /// Takes a place or lines up at a moment, unless there is no waker: then it does not wait. `None` once
    /// the permit has been taken out.
    #[cold]
    pub(crate) fn ask(
        &mut self,
        comer: Comer,
        waker: Option<(&Waker, Moment)>,
    ) -> Option<Asked<L>> {
        let lane = self.lane.as_ref()?;
        match lane.shared().ask(comer, waker, || lane.key()) {
            Answer::Taken => self.permit().map(Asked::Taken),
            Answer::Waiting(ticket, max_wait) => {
                self.ticket = Some(ticket);
                Some(Asked::Waiting(max_wait))
            }
            Answer::Refused(reason) => Some(Asked::Refused(reason)),
        }
    }

    /// What has become of the wait: `None` while it goes on, `Err` if it was displaced.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Option<Result<Permit<L>, Rejection>> {
        let fate = self.lane.as_ref()?.shared().poll(self.ticket?, waker);
        if fate == Fate::Waiting {
            return None;
        }
        self.ticket = None;
        self.end(fate)
    }

    /// Ends the wait. A place that was given to it at that very moment is not refused.
    pub(crate) fn give_up(&mut self) -> Option<Result<Permit<L>, Rejection>> {
        let fate = self.lane.as_ref()?.shared().leave(self.ticket.take()?);
        self.end(fate)
    }

    // Out of line, so that all other calls drop their turn at the price of one look.
    #[cold]
    #[inline(never)]
    fn leave(&mut self) {
        drop(self.give_up());
    }

    fn end(&mut self, fate: Fate) -> Option<Result<Permit<L>, Rejection>> {
        match fate {
            Fate::Waiting => None,
            Fate::Served => self.permit().map(Ok),
            // It was counted when it was displaced.
            Fate::Displaced => {
                let origin = &self.lane.as_ref()?.shared().policy().origin;
                Some(Err(Rejection::new(origin, Reason::Displaced)))
            }
        }
    }

    /// Counts and tells that it is refused. `None` once the permit has been taken out.
    pub(crate) fn refuse(&self, reason: Reason, class: Class) -> Option<Rejection> {
        let lane = self.lane.as_ref()?;
        let refusal = Refusal { reason, class, shadow: false };
        Some(lane.shared().policy().reject(refusal, || lane.key()))
    }
}

/// A permit for a place that has been taken, of a call that begins now.
pub(crate) fn permit<L: Lane>(lane: L) -> Permit<L> {
    if lane.shared().word().has(Word::MEASURED) {
        return Permit::measured(lane, clock::now());
    }
    Permit::taken(lane)
}

impl<L: Lane> Drop for Turn<L> {
    #[inline]
    fn drop(&mut self) {
        if self.is_waiting() {
            self.leave();
        }
    }
}
