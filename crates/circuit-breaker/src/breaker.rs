//! The engine: states, probes and the ramp, without a clock, a lock or a runtime.

use std::time::Duration;

use salve_core::Moment;

use crate::config::Config;
use crate::episode::{Episode, ProbeVerdict};
use crate::tally::{Mark, Tally, TripReason};

/// What a breaker does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum State {
    /// Admits every call and watches how they end.
    Closed,
    /// Refuses every call until its wait is over.
    Open,
    /// Lets a few probes through and refuses the rest.
    HalfOpen,
    /// Admits a growing share of the calls, and watches how they end.
    Ramping,
    /// Refuses every call until an operator says otherwise.
    ForcedOpen,
    /// Admits every call, and does not look at how they end, until an operator says otherwise.
    ForcedClosed,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) from: State,
    pub(crate) to: State,
    /// Why it opened, where it did.
    pub(crate) reason: Option<TripReason>,
    /// How long it will stay open, where it opened.
    pub(crate) wait: Option<Duration>,
}

/// One time that a breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// When it opened.
    pub at: Moment,
    /// Why.
    pub reason: TripReason,
    /// How long it was to stay open.
    pub wait: Duration,
}

/// What an admitted call brings back with its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The stay in which the call was admitted; results from an earlier one are ignored.
    pub(crate) stay: u32,
    /// The number of the probe, counted from 1; 0 for a call that is none.
    pub(crate) probe: u32,
}

/// The answer to a call that asks to be let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted(Ticket),
    /// With the time until it is worth asking again, where that is known.
    Refused(Option<Duration>),
}

/// The engine of one breaker. Time, randomness and settings are arguments of every step.
///
/// # Invariants
/// 1. The stay's number grows with each transition but the one from the end of a ramp to closed,
///    and no result from an earlier stay changes anything.
/// 2. While half-open, the probes that are out and those that have ended are together never more
///    than `probes`; a probe that is cancelled, ignored or overdue is no longer among them.
/// 3. Trips in a row are counted from the last time that it closed.
#[derive(Debug)]
pub(crate) struct Breaker {
    tally: Tally,
    /// What only a breaker needs that has once left its first state; most never do.
    episode: Option<Box<Episode>>,
    stay: u32,
    state: State,
}

impl Breaker {
    pub(crate) fn new(config: &Config) -> Self {
        Self { tally: Tally::new(config), episode: None, stay: 1, state: State::Closed }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) const fn stay(&self) -> u32 {
        self.stay
    }

    /// When it entered its state; `None` if it has never left its first one.
    pub(crate) fn since(&self) -> Option<Moment> {
        self.episode.as_ref().map(|episode| episode.since)
    }

    /// How many times it has opened since it last closed.
    pub(crate) fn trips_in_a_row(&self) -> u32 {
        self.episode.as_ref().map_or(0, |episode| episode.trips_in_a_row)
    }

    pub(crate) const fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn last_trips(&self) -> Vec<Trip> {
        self.episode.as_ref().map_or_else(Vec::new, |episode| episode.trips().collect())
    }

    /// When an open breaker will let the first probe through.
    pub(crate) fn open_until(&self) -> Moment {
        self.episode.as_ref().map_or(Moment::ZERO, |episode| episode.open_until)
    }

    /// Decides about a call.
    pub(crate) fn admit(
        &mut self,
        config: &Config,
        now: Moment,
    ) -> (Admission, Option<Transition>) {
        match self.state {
            State::Closed | State::ForcedClosed => (self.admitted(0), None),
            State::ForcedOpen => (Admission::Refused(None), None),
            State::Open if now < self.open_until() => {
                (Admission::Refused(Some(self.open_until().since(now))), None)
            }
            State::Open => {
                let transition = self.enter(State::HalfOpen, now);
                self.episode().start_probing();
                (self.admit_probe(config, now), Some(transition))
            }
            State::HalfOpen => (self.admit_probe(config, now), None),
            State::Ramping => self.admit_ramped(config, now),
        }
    }

    fn admitted(&self, probe: u32) -> Admission {
        Admission::Admitted(Ticket { stay: self.stay, probe })
    }

    fn admit_probe(&mut self, config: &Config, now: Moment) -> Admission {
        match self.episode().admit_probe(config, now) {
            Some(probe) => self.admitted(probe),
            // How soon a place becomes free depends on the probes that are out.
            None => Admission::Refused(None),
        }
    }

    fn admit_ramped(&mut self, config: &Config, now: Moment) -> (Admission, Option<Transition>) {
        match self.episode().admit_ramped(config, now) {
            Some(true) => (self.admitted(0), None),
            Some(false) => (Admission::Refused(None), None),
            None => {
                // The stay goes on: calls admitted on the ramp still count.
                let transition = self.transition(State::Closed);
                self.state = State::Closed;
                self.episode().close(now);
                (self.admitted(0), Some(transition))
            }
        }
    }

    /// Counts a run of fast successes of the current stay.
    pub(crate) fn record_successes(&mut self, count: u64) {
        if matches!(self.state, State::Closed | State::Ramping) {
            self.tally.record_successes(count);
        }
    }

    /// Moves the time window on.
    pub(crate) fn advance(&mut self, now: Moment) {
        self.tally.advance(now);
    }

    /// Counts the result of a call; one from an earlier stay changes nothing.
    pub(crate) fn record(
        &mut self,
        config: &Config,
        ticket: Ticket,
        mark: Mark,
        now: Moment,
        rng: &mut fastrand::Rng,
    ) -> Option<Transition> {
        if ticket.stay != self.stay {
            return None;
        }
        match self.state {
            State::Closed | State::Ramping => {
                let reason = self.tally.record(config, mark, now)?;
                Some(self.trip(config, reason, now, rng))
            }
            State::HalfOpen => {
                match self.episode().end_probe(config, ticket.probe, !mark.failed && !mark.slow) {
                    ProbeVerdict::Undecided => None,
                    ProbeVerdict::Close if config.ramp.is_some() => {
                        let transition = self.enter(State::Ramping, now);
                        self.tally.clear();
                        self.episode().start_ramp();
                        Some(transition)
                    }
                    ProbeVerdict::Close => Some(self.close(now)),
                    ProbeVerdict::Reopen(failed) => {
                        Some(self.trip(config, TripReason::FailedProbes(failed), now, rng))
                    }
                }
            }
            State::Open | State::ForcedOpen | State::ForcedClosed => None,
        }
    }

    /// Takes back the place of a call that ended without saying anything about the dependency.
    pub(crate) fn release(&mut self, ticket: Ticket) {
        if ticket.stay == self.stay && self.state == State::HalfOpen {
            self.episode().release_probe(ticket.probe);
        }
    }

    /// Opens it as if a rule had tripped; one that is open already stays as it is.
    pub(crate) fn open(
        &mut self,
        config: &Config,
        now: Moment,
        rng: &mut fastrand::Rng,
    ) -> Option<Transition> {
        (self.state != State::Open).then(|| self.trip(config, TripReason::Operator, now, rng))
    }

    /// Closes it with nothing counted; one that is closed already stays as it is.
    pub(crate) fn close_by_hand(&mut self, now: Moment) -> Option<Transition> {
        (self.state != State::Closed).then(|| self.close(now))
    }

    /// Keeps it open or closed, whatever happens, until it is opened, closed or reset.
    pub(crate) fn force(&mut self, state: State, now: Moment) -> Option<Transition> {
        (self.state != state).then(|| self.enter(state, now))
    }

    /// Closes it and forgets everything, whatever its state.
    pub(crate) fn reset(&mut self, now: Moment) -> Option<Transition> {
        let transition = self.close(now);
        self.episode().forget_trips();
        (transition.from != State::Closed).then_some(transition)
    }

    /// Follows new settings from the next call on; says whether the rate's window starts empty.
    pub(crate) fn reconfigure(&mut self, config: &Config) -> bool {
        self.tally.reconfigure(config)
    }

    fn close(&mut self, now: Moment) -> Transition {
        let transition = self.enter(State::Closed, now);
        self.tally.clear();
        self.episode().close(now);
        transition
    }

    fn trip(
        &mut self,
        config: &Config,
        reason: TripReason,
        now: Moment,
        rng: &mut fastrand::Rng,
    ) -> Transition {
        let transition = self.enter(State::Open, now);
        let wait = self.episode().note_trip(config, reason, now, rng);
        Transition { reason: Some(reason), wait: Some(wait), ..transition }
    }

    fn enter(&mut self, state: State, now: Moment) -> Transition {
        let transition = self.transition(state);
        self.state = state;
        self.episode().since = now;
        // Zero is never a stay, so that a ticket can be told from none.
        self.stay = self.stay.checked_add(1).unwrap_or(1);
        transition
    }

    const fn transition(&self, to: State) -> Transition {
        Transition { from: self.state, to, reason: None, wait: None }
    }

    fn episode(&mut self) -> &mut Episode {
        self.episode.get_or_insert_default()
    }
}
