//! The right to make one call, which brings its result back to the breaker that granted it.

use salve_core::{CallContext, End, Moment, Outcome, Reason, Rejection, Settle, clock};

use crate::breaker::{Admission, State, Ticket};
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
    stay: u32,
    progress: Progress,
    /// Set where a success may be a probe's, or slow.
    watch: Option<Watch>,
}

/// Whether a permit's call has been counted. As wide as the stay beside it, so that a permit has
/// no padding and is copied in whole words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Progress {
    Running,
    Settled,
}

/// What a permit must know unless its breaker is closed and time does not matter.
#[derive(Clone, Copy, Debug)]
struct Watch {
    probe: u32,
    limits: Limits,
}

/// The stay of a call that is let through although it would have been refused: none.
const SHADOWED: u32 = 0;

/// Asks `lane`'s breaker, whose word has just been read, to let a call through.
#[inline]
pub(crate) fn admit<L: Lane>(lane: L, word: Word, policy: &Policy) -> Result<Permit<L>, Rejection> {
    if word.admits_untimed() {
        return Ok(Permit::untimed(lane, word));
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
            Ok(Permit::watched(lane, ticket, limits))
        }
        Admission::Refused(retry_after) => {
            let shadow = word.is_shadow();
            policy.totals.count_rejection(shadow);
            tell(policy, || lane.key(), now, Event::Rejected { shadow });
            if shadow {
                return Ok(Permit::watched(
                    lane,
                    Ticket { stay: SHADOWED, probe: 0 },
                    Limits::NONE,
                ));
            }
            let rejection = Rejection::new(&policy.origin, Reason::Unavailable);
            Err(match retry_after {
                Some(wait) => rejection.with_retry_after(wait),
                None => rejection,
            })
        }
    }
}

impl<L: Lane> Permit<L> {
    const fn watched(lane: L, ticket: Ticket, limits: Limits) -> Self {
        let watch = Some(Watch { probe: ticket.probe, limits });
        Self { lane, stay: ticket.stay, progress: Progress::Running, watch }
    }

    /// A permit from a closed breaker that does not mind how long the call takes.
    #[inline]
    pub(crate) const fn untimed(lane: L, word: Word) -> Self {
        Self { lane, stay: word.stay(), progress: Progress::Running, watch: None }
    }

    const fn ticket(&self) -> Ticket {
        let probe = match self.watch {
            Some(watch) => watch.probe,
            None => 0,
        };
        Ticket { stay: self.stay, probe }
    }

    fn limits(&self) -> Limits {
        self.watch.map_or(Limits::NONE, |watch| watch.limits)
    }

    /// The call succeeded.
    #[inline]
    pub fn success(mut self) {
        self.conclude(Outcome::Success);
    }

    /// The call failed.
    #[inline]
    pub fn failure(mut self) {
        self.conclude(Outcome::FAILURE);
    }

    /// The call says nothing about the dependency; a probe's place is given back.
    #[inline]
    pub fn ignore(mut self) {
        self.conclude(Outcome::Ignored);
    }

    /// The call ended with this outcome.
    #[inline]
    pub fn settle(mut self, outcome: Outcome) {
        self.conclude(outcome);
    }

    /// Counts the outcome where the permit stands; only the first one counts.
    pub(crate) fn conclude(&mut self, outcome: Outcome) {
        if self.progress == Progress::Settled {
            return;
        }
        match outcome {
            Outcome::Success => return self.succeed(),
            Outcome::Failure { .. } => self.fail(),
            Outcome::Ignored => self.release(),
        }
        self.progress = Progress::Settled;
    }

    /// Counts a success where the permit stands, unless something has been counted.
    #[inline(always)]
    pub(crate) fn succeed(&mut self) {
        let settled = std::mem::replace(&mut self.progress, Progress::Settled);
        let shared = self.lane.shared();
        let plain = self.watch.is_none() && !shared.word().is_stepped();
        if settled == Progress::Running {
            if plain {
                shared.add_success(self.lane.stripe(), self.stay);
            } else {
                self.succeed_watched();
            }
        }
    }

    /// Leaves this permit settled, and returns one that is to be settled in its place.
    pub(crate) fn hand_over(&mut self) -> Self {
        let progress = std::mem::replace(&mut self.progress, Progress::Settled);
        Self { lane: self.lane.clone(), progress, ..*self }
    }

    /// Counts a success that may be a probe's, or slow, or in another time step.
    fn succeed_watched(&self) {
        let shared = self.lane.shared();
        if self.stay == SHADOWED {
            return;
        }
        let now = clock::now();
        let slow = now >= self.limits().slow_at;
        if self.ticket().probe != 0 || slow {
            let mark = Mark { failed: false, slow };
            shared.record(self.ticket(), mark, now, || self.lane.key());
        } else if now >= shared.step_end() {
            shared.record_success(self.stay, now);
        } else {
            shared.add_success(self.lane.stripe(), self.stay);
        }
    }

    #[cold]
    fn fail(&self) {
        if self.stay == SHADOWED {
            return;
        }
        let now = clock::now();
        let mark = Mark { failed: true, slow: now >= self.limits().slow_at };
        self.lane.shared().record(self.ticket(), mark, now, || self.lane.key());
    }

    #[cold]
    fn release(&self) {
        self.lane.shared().release(self.ticket());
    }

    #[cold]
    fn cancel(&self) {
        let limit = self.limits().cancel_at;
        if limit < Moment::MAX && clock::now() >= limit {
            self.fail();
        } else {
            self.release();
        }
    }
}

impl<L: Lane> Drop for Permit<L> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.progress == Progress::Running {
            self.cancel();
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
