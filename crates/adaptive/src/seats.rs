//! What a controller has said to calls that have not heard it yet.

use std::collections::HashMap;
use std::task::Waker;

use foldhash::fast::RandomState;
use salve_core::{Moment, Reason, clock};
use slotmap::DefaultKey;

use crate::call::{Act, AttemptId, CallId, Ended};
use crate::config::Config;
use crate::controller::Controller;

/// A controller and the seats of those who wait for its acts.
#[derive(Debug)]
pub(crate) struct Seats {
    pub(crate) controller: Controller,
    /// By the whole key: a call that the controller has ended may hear of it when its slot there has long gone to
    /// another.
    seats: HashMap<DefaultKey, Seat, RandomState>,
    pub(crate) config: Config,
    /// Whether it takes no new calls.
    pub(crate) closed: bool,
    /// Until when the ticker sleeps, if there is one.
    pub(crate) ticks_at: Option<Moment>,
}

/// What the controller has said to a call that has not heard it yet.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    pub(crate) waker: Option<Waker>,
    /// A call has two attempts at once at most.
    sends: [Option<AttemptId>; 2],
    end: Option<End>,
}

/// What becomes of a call that arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// `None` if the controller has nothing to do with it.
    pub(crate) call: Option<CallId>,
    pub(crate) said: Said,
    /// Whether the controller only says what it would do.
    pub(crate) shadow: bool,
}

impl Arrival {
    pub(crate) const fn refused(reason: Reason) -> Self {
        Self { call: None, said: Said::End(End::Refused(reason)), shadow: false }
    }
}

/// How the controller ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Refused(Reason),
    /// With its last failure.
    Failed,
}

/// What a call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Send(AttemptId),
    /// Make one attempt that the controller does not know of.
    Pass,
    End(End),
    /// It will be woken.
    Nothing,
}

impl Seats {
    pub(crate) fn new(controller: Controller, config: &Config) -> Self {
        Self {
            controller,
            seats: HashMap::with_capacity_and_hasher(places(config), RandomState::default()),
            config: config.clone(),
            closed: false,
            ticks_at: None,
        }
    }

    /// Follows new settings, with memory for as many seats as there may be calls.
    pub(crate) fn reconfigure(&mut self, config: Config) {
        self.seats.reserve(places(&config).saturating_sub(self.seats.len()));
        self.config = config;
    }

    /// The seat of a call, which gets one if it has none, and keeps it until it leaves.
    pub(crate) fn seat(&mut self, call: CallId) -> &mut Seat {
        self.seats.entry(call.0).or_default()
    }

    /// Puts an act into the seat it is for, and returns who is to be woken for it.
    pub(crate) fn put(&mut self, act: Act) -> Option<Waker> {
        if let Some(seat) = self.seats.get_mut(&act.call().0) {
            seat.put(act);
            return seat.waker.take();
        }
        // The call has ended, or goes on without a second attempt.
        if let Act::Send { attempt, .. } = act {
            self.controller.ended(attempt, Ended::Cancelled, clock::now());
        }
        None
    }

    pub(crate) fn say(&mut self, call: CallId) -> Said {
        let Some(seat) = self.seats.get_mut(&call.0) else { return Said::Nothing };
        match seat.sends.iter_mut().find_map(Option::take) {
            Some(attempt) => Said::Send(attempt),
            None => seat.end.map_or(Said::Nothing, Said::End),
        }
    }

    /// Gives the seat up, with attempts that nobody has heard of.
    pub(crate) fn leave(&mut self, call: CallId, now: Moment) {
        let Some(seat) = self.seats.remove(&call.0) else { return };
        for unheard in seat.sends.into_iter().flatten() {
            self.controller.ended(unheard, Ended::Cancelled, now);
        }
    }
}

/// One more than can be under way or wait: one that arrives.
const fn places(config: &Config) -> usize {
    (config.ceiling + config.queue) as usize + 1
}

impl Seat {
    fn put(&mut self, act: Act) {
        match act {
            Act::Send { attempt, .. } => {
                if let Some(free) = self.sends.iter_mut().find(|send| send.is_none()) {
                    *free = Some(attempt);
                }
            }
            Act::Refuse { reason, .. } => self.end = Some(End::Refused(reason)),
            Act::Fail { .. } => self.end = Some(End::Failed),
        }
    }
}
