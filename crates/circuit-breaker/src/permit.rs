//! The right to make one call, which brings its result back to the breaker that granted it.

use std::num::NonZeroU64;

use salve_core::{
    CallContext, End, Moment, Origin, Outcome, Reason, Rejection, Settle, clock, nanos,
};

use crate::breaker::{Admission, State, Ticket};
use crate::event::Event;
use crate::lane::{Lane, Single};
use crate::shared::{Limits, Policy, Shared, tell};
use crate::stripes::{Claim, is_time_to_look};
use crate::tally::Mark;

/// The right to make one call. It must be told how the call ended; dropped, it counts as
/// cancelled, which says nothing about the dependency unless
/// [`OnCancel`](crate::OnCancel) says otherwise.
#[derive(Debug)]
#[must_use = "a permit that is dropped counts its call as cancelled"]
pub struct Permit<L: Lane = Single> {
    /// Gone once the call has been counted.
    lane: Option<L>,
    grant: Grant,
}

/// What an admitted call must know to be counted. It is always filled in whole, since a part that
/// is only sometimes there costs every call a branch wherever the whole is moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    claim: Claim,
    limits: Limits,
}

/// Why a call is refused and for how long, without the name that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(
    /// After so many nanoseconds another call has a chance. The settings bound every wait, so the
    /// largest numbers are free to mean something else.
    u64,
);

impl Refusal {
    /// The breaker refuses, and nobody knows for how long.
    const UNKNOWN: Self = Self(u64::MAX);
    /// The breaker does not refuse, but the service is not ready.
    pub(crate) const NOT_READY: Self = Self(u64::MAX - 1);

    #[inline]
    pub(crate) fn by(self, origin: Origin) -> Rejection {
        if self == Self::NOT_READY {
            return Rejection::from_origin(origin, Reason::NotReady);
        }
        Rejection::from_origin(origin, Reason::Unavailable)
            .with_retry_at(Moment::from_nanos(self.0), Moment::ZERO)
    }
}

/// The stay of a call that is let through although it would have been refused: none.
const SHADOWED: u32 = 0;

impl Grant {
    /// For a call to a closed breaker that does not mind how long it takes.
    #[inline]
    const fn plain(stay: u32) -> Self {
        Self { claim: Claim::plain(stay), limits: Limits::NONE }
    }

    const fn watched(ticket: Ticket, limits: Limits) -> Self {
        Self { claim: Claim::watched(ticket), limits }
    }
}

/// For how long a breaker refuses that is open and whose wait is not over, and counts that it did;
/// `None` if the call must be admitted or the engine asked.
// Most calls to an open breaker end here.
#[inline(never)]
pub(crate) fn refuse_at_once(
    shared: &Shared,
    policy: &Policy,
    key: impl Fn() -> Option<String>,
) -> Option<Refusal> {
    let word = shared.word();
    if !word.refuses_for_a_time() {
        return None;
    }
    let (until, now) = (shared.open_until(), CallContext::current().now());
    if now >= until {
        return None;
    }
    policy.totals.count_rejection(false);
    if policy.events.is_listened_to() {
        tell_of_refusal(policy, key, now);
    }
    Some(Refusal(until.as_nanos() - now.as_nanos()))
}

// Apart, so that the event is not made ready for listeners who are not there.
#[cold]
fn tell_of_refusal(policy: &Policy, key: impl Fn() -> Option<String>, now: Moment) {
    tell(policy, key, now, Event::Rejected { shadow: false });
}

/// Asks a breaker to let a call through.
pub(crate) fn admit(
    shared: &Shared,
    policy: &Policy,
    key: impl Fn() -> Option<String>,
) -> Result<Grant, Refusal> {
    if let Some(refusal) = refuse_at_once(shared, policy, &key) {
        return Err(refusal);
    }
    consult(shared, policy, key)
}

/// Asks the engine, unless the state alone tells.
pub(crate) fn consult(
    shared: &Shared,
    policy: &Policy,
    key: impl Fn() -> Option<String>,
) -> Result<Grant, Refusal> {
    let word = shared.word();
    let mut now = None;
    let mut read = || *now.get_or_insert_with(|| CallContext::current().now());
    let admission = match word.state() {
        State::Closed if !word.is_timed() => return Ok(Grant::plain(word.stay())),
        State::Closed | State::ForcedClosed => {
            Admission::Admitted(Ticket { stay: word.stay(), probe: 0 })
        }
        State::ForcedOpen => Admission::Refused(None),
        State::Open | State::HalfOpen | State::Ramping => shared.admit(read(), &key),
    };
    match admission {
        Admission::Admitted(ticket) => {
            let limits = if word.is_timed() { shared.limits(read()) } else { Limits::NONE };
            Ok(Grant::watched(ticket, limits))
        }
        Admission::Refused(wait) => {
            let shadow = word.is_shadow();
            policy.totals.count_rejection(shadow);
            tell(policy, key, read(), Event::Rejected { shadow });
            if shadow {
                return Ok(Grant::watched(Ticket { stay: SHADOWED, probe: 0 }, Limits::NONE));
            }
            Err(wait.map_or(Refusal::UNKNOWN, |wait| Refusal(nanos(wait))))
        }
    }
}

impl<L: Lane> Permit<L> {
    #[inline]
    pub(crate) const fn new(lane: L, grant: Grant) -> Self {
        Self { lane: Some(lane), grant }
    }

    /// A permit from a closed breaker that does not mind how long the call takes.
    #[inline]
    pub(crate) const fn plain(lane: L, stay: u32) -> Self {
        Self::new(lane, Grant::plain(stay))
    }

    /// No permit: what a refused call has instead of one. Where the permit's limits are, it keeps
    /// for how long the call was refused, so that an admitted one need not carry that too.
    #[inline]
    pub(crate) const fn refused(refusal: Refusal) -> Self {
        let limits = Limits { slow_at: Moment::from_nanos(refusal.0), cancel_at: None };
        Self { lane: None, grant: Grant { claim: Claim::plain(SHADOWED), limits } }
    }

    /// What [`Permit::refused`] was made from.
    #[inline]
    pub(crate) const fn refusal(&self) -> Refusal {
        Refusal(self.grant.limits.slow_at.as_nanos())
    }

    #[inline]
    pub(crate) const fn is_running(&self) -> bool {
        self.lane.is_some()
    }

    /// The call succeeded.
    #[inline]
    pub fn success(mut self) {
        self.succeed();
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
        let Some(lane) = self.lane.take() else { return };
        match outcome {
            Outcome::Success => succeed(lane, self.grant.claim, self.grant.limits.slow_at),
            Outcome::Failure { .. } => fail(lane, self.grant.claim, self.grant.limits.slow_at),
            Outcome::Ignored => release(lane, self.grant.claim),
        }
    }

    /// Counts a success where the permit stands, unless something has been counted.
    #[inline(always)]
    pub(crate) fn succeed(&mut self) {
        if let Some(lane) = self.lane.take() {
            succeed(lane, self.grant.claim, self.grant.limits.slow_at);
        }
    }

    /// Counts a failure where the permit stands, unless something has been counted.
    #[inline(always)]
    pub(crate) fn fail(&mut self) {
        if let Some(lane) = self.lane.take() {
            fail(lane, self.grant.claim, self.grant.limits.slow_at);
        }
    }

    /// Leaves this permit settled, and returns one that is to be settled in its place.
    pub(crate) fn hand_over(&mut self) -> Self {
        Self { lane: self.lane.take(), grant: self.grant }
    }
}

// What follows takes by value, and one by one, what it needs of a permit: one that no function has
// the address of stays in registers until it is where it belongs.

/// Counts a success.
#[inline(always)]
fn succeed<L: Lane>(lane: L, claim: Claim, slow_at: Moment) {
    match lane.stripe().add_alone(claim) {
        Some(before) if !is_time_to_look(before) => {}
        Some(_) => look(lane),
        None => succeed_watched(lane, claim, slow_at),
    }
}

#[cold]
#[allow(clippy::needless_pass_by_value, reason = "see above")]
fn look<L: Lane>(lane: L) {
    lane.look();
}

/// Counts a success that may be a probe's, or slow, or late, or in another time step.
#[inline(never)]
#[allow(clippy::needless_pass_by_value, reason = "see above")]
fn succeed_watched<L: Lane>(lane: L, claim: Claim, slow_at: Moment) {
    if claim.stay() == SHADOWED {
        return;
    }
    let (shared, ticket, now) = (lane.shared(), claim.ticket(), clock::now());
    let slow = now >= slow_at;
    if ticket.probe != 0 || slow {
        let mark = Mark { failed: false, slow };
        shared.record(ticket, mark, now, || lane.key());
    } else if let Some(before) = shared.add_success(lane.stripe(), claim, now)
        && is_time_to_look(before)
    {
        look(lane);
    }
}

#[cold]
#[allow(clippy::needless_pass_by_value, reason = "see above")]
fn fail<L: Lane>(lane: L, claim: Claim, slow_at: Moment) {
    if claim.stay() == SHADOWED {
        return;
    }
    let now = clock::now();
    let mark = Mark { failed: true, slow: now >= slow_at };
    lane.shared().record(claim.ticket(), mark, now, || lane.key());
}

#[cold]
#[allow(clippy::needless_pass_by_value, reason = "see above")]
fn release<L: Lane>(lane: L, claim: Claim) {
    lane.shared().release(claim.ticket());
}

#[cold]
fn cancel<L: Lane>(lane: L, claim: Claim, slow_at: Moment, cancel_at: Option<NonZeroU64>) {
    match cancel_at {
        Some(limit) if clock::now().as_nanos() >= limit.get() => fail(lane, claim, slow_at),
        _ => release(lane, claim),
    }
}

impl<L: Lane> Drop for Permit<L> {
    #[inline(always)]
    fn drop(&mut self) {
        // Asked first, since taking would write.
        if self.lane.is_some()
            && let Some(lane) = self.lane.take()
        {
            let Grant { claim, limits } = self.grant;
            cancel(lane, claim, limits.slow_at, limits.cancel_at);
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
