//! The right to make one call, which brings its result back to the breaker that granted it.


use salve_core::{CallContext, End, Moment, Outcome, Reason, Rejection, Settle, clock};

use crate::breaker::{Admission, State, Ticket};
use crate::config::ROOM;
use crate::event::Event;
use crate::lane::{Lane, Single};
use crate::shared::{Limits, Policy, tell};
use crate::tally::Mark;
use crate::word::Word;

/// The right to make one call. It must be told how the call ended; dropped, it counts as
/// cancelled, which says nothing about the dependency unless
/// [`OnCancel`](crate::OnCancel) says otherwise.
#[derive(Debug)]
#[must_use = "a permit that is dropped counts its call as cancelled"]
pub struct Permit<L: Lane = Single> {
    lane: L,
    ticket: Ticket,
    /// Whether a success must look at the clock or at the engine.
    watched: bool,
    settled: bool,
    limits: Limits,
}

/// The ticket of a call that is let through although it would have been refused.
const SHADOWED: Ticket = Ticket { stay: 0, probe: 0 };

/// Asks `lane`'s breaker, whose word has just been read, to let a call through.
#[inline]
pub(crate) fn admit<L: Lane>(lane: L, word: Word, policy: &Policy) -> Result<Permit<L>, Rejection> {
    if word.admits_untimed() {
        let ticket = Ticket { stay: word.stay(), probe: 0 };
        return Ok(Permit::new(lane, ticket, Limits::NONE, word.is_stepped()));
    }
    admit_watched(lane, word, policy)
}

fn admit_watched<L: Lane>(lane: L, word: Word, policy: &Policy) -> Result<Permit<L>, Rejection> {
    let shared = lane.shared();
    let plain = Admission::Admitted(Ticket { stay: word.stay(), probe: 0 });
    let mut now = Moment::ZERO;
    let mut read = || {
        now = CallContext::current().now();
        now
    };
    let admission = match word.state() {
        State::Closed | State::ForcedClosed => plain,
        State::ForcedOpen => Admission::Refused(None),
        State::Open => {
            let until = shared.open_until();
            let now = read();
            if now < until {
                Admission::Refused(Some(until.since(now)))
            } else {
                shared.admit(now, || lane.key())
            }
        }
        State::HalfOpen | State::Ramping => shared.admit(read(), || lane.key()),
    };
    match admission {
        Admission::Admitted(ticket) => {
            let limits = if word.is_timed() { shared.limits(read()) } else { Limits::NONE };
            Ok(Permit::new(lane, ticket, limits, true))
        }
        Admission::Refused(retry_after) => {
            let shadow = word.is_shadow();
            policy.totals.count_rejection(shadow);
            tell(policy, || lane.key(), now, Event::Rejected { shadow });
            if shadow {
                return Ok(Permit::new(lane, SHADOWED, Limits::NONE, true));
            }
            let rejection = Rejection::new(policy.name.clone(), ROOM, Reason::Unavailable);
            Err(match retry_after {
                Some(wait) => rejection.with_retry_after(wait),
                None => rejection,
            })
        }
    }
}

impl<L: Lane> Permit<L> {
    #[inline]
    fn new(lane: L, ticket: Ticket, limits: Limits, watched: bool) -> Self {
        Self { lane, ticket, watched, settled: false, limits }
    }

    /// The call succeeded.
    #[inline]
    pub fn success(mut self) {
        self.settled = true;
        if self.watched {
            self.watched_success();
        } else {
            self.lane.shared().add_success(self.lane.stripe(), self.ticket.stay);
        }
    }

    fn watched_success(&self) {
        let (shared, Ticket { stay, probe }) = (self.lane.shared(), self.ticket);
        if self.ticket == SHADOWED {
            return;
        }
        let now = clock::now();
        let slow = now >= self.limits.slow_at;
        if probe != 0 || slow {
            let mark = Mark { failed: false, slow };
            shared.record(self.ticket, mark, now, || self.lane.key());
        } else if now >= shared.step_end() {
            shared.record_success(stay, now);
        } else {
            shared.add_success(self.lane.stripe(), stay);
        }
    }

    /// The call failed.
    pub fn failure(mut self) {
        self.settled = true;
        self.fail();
    }

    #[cold]
    fn fail(&self) {
        if self.ticket == SHADOWED {
            return;
        }
        let now = clock::now();
        let mark = Mark { failed: true, slow: now >= self.limits.slow_at };
        self.lane.shared().record(self.ticket, mark, now, || self.lane.key());
    }

    /// The call says nothing about the dependency; a probe's place is given back.
    pub fn ignore(mut self) {
        self.settled = true;
        self.release();
    }

    #[cold]
    fn release(&self) {
        self.lane.shared().setup().policy.totals.count_neutral();
        if self.ticket.probe != 0 {
            self.lane.shared().release(self.ticket);
        }
    }

    /// The call ended with this outcome.
    #[inline]
    pub fn settle(self, outcome: Outcome) {
        match outcome {
            Outcome::Success => self.success(),
            Outcome::Failure { .. } => self.failure(),
            Outcome::Ignored => self.ignore(),
        }
    }
}

impl<L: Lane> Drop for Permit<L> {
    #[inline]
    fn drop(&mut self) {
        if !self.settled {
            if self.limits.cancel_at < Moment::MAX && clock::now() >= self.limits.cancel_at {
                self.fail();
            } else {
                self.release();
            }
        }
    }
}

impl<L: Lane> Settle for Permit<L> {
    fn settle(self: Box<Self>, end: End) {
        match end {
            End::Outcome(outcome) => (*self).settle(outcome),
            End::Cancelled => drop(self),
        }
    }
}
