//! Second copies of attempts that are late.

use std::collections::HashMap;

use salve_core::Budget;
use salve_hedge::Config;
use salve_hedge::engine::{Call, Engine, Fate};

use super::ours::{micros, moment};
use crate::model::{Outcome, Request, RequestId};
use crate::player::Ended;
use crate::time::Micros;

/// When a second copy of an attempt is sent.
pub(crate) trait Copying {
    /// An attempt is on its way that is no copy, after which the retries around it have so many
    /// left. Returns when a copy of it is due, if one is.
    fn began(&mut self, request: &Request, left: Option<u32>, now: Micros) -> Option<Micros>;

    /// A copy may be due: whether it is sent.
    fn sends(&mut self, _request: RequestId, _left: Option<u32>, _now: Micros) -> bool {
        true
    }

    /// An attempt ended, which was or was not a copy.
    fn ended(&mut self, end: &Ended, is_copy: bool, now: Micros);

    /// Nothing more is asked about a request.
    fn over(&mut self, _request: RequestId) {}
}

/// How others send copies: one, of what may be repeated, when it is late.
pub(crate) struct Hedge {
    latencies: Vec<Micros>,
    next: usize,
    delay: Option<Micros>,
}

impl Hedge {
    /// How many of the last latencies decide.
    const SAMPLES: usize = 200;

    /// After the time in which 95 of 100 answers came lately.
    pub(crate) const fn new() -> Self {
        Self { latencies: Vec::new(), next: 0, delay: None }
    }

    fn note(&mut self, took: Micros) {
        if self.latencies.len() < Self::SAMPLES {
            self.latencies.push(took);
        } else {
            self.latencies[self.next] = took;
        }
        self.next = (self.next + 1) % Self::SAMPLES;
        if self.next.is_multiple_of(20) && self.latencies.len() >= 20 {
            let mut sorted = self.latencies.clone();
            sorted.sort_unstable();
            self.delay = sorted.get(sorted.len() * 95 / 100).copied();
        }
    }
}

impl Copying for Hedge {
    fn began(&mut self, request: &Request, _: Option<u32>, now: Micros) -> Option<Micros> {
        self.delay.filter(|_| request.is_repeatable).map(|delay| now + delay)
    }

    fn ended(&mut self, end: &Ended, _: bool, _: Micros) {
        // What timed out would have taken longer still; left out, it would make calls look quick.
        if matches!(end.outcome, Outcome::Success | Outcome::TimedOut) {
            self.note(end.took);
        }
    }
}

/// What `salve-hedge` does by default: one copy, after the time in which 95 of 100 attempts are
/// answered, paid from a budget.
pub(crate) struct Shipped {
    engine: Engine,
    calls: HashMap<RequestId, Call>,
}

impl Shipped {
    pub(crate) fn new(budget: Budget) -> Self {
        let engine = Engine::new(&Config::default(), Some(budget));
        Self { engine: engine.expect("settings within bounds"), calls: HashMap::new() }
    }
}

impl Copying for Shipped {
    fn began(&mut self, request: &Request, left: Option<u32>, now: Micros) -> Option<Micros> {
        let deadline = moment(request.deadline);
        let call = self.engine.begin(request.is_repeatable, deadline, left, moment(now));
        let due = call.due().map(|due| micros(due) + 1);
        self.calls.insert(request.id, call);
        due
    }

    fn sends(&mut self, request: RequestId, left: Option<u32>, now: Micros) -> bool {
        let Some(call) = self.calls.get_mut(&request) else { return false };
        // What it was woken for may be an attempt that has failed since.
        let is_due = call.due().is_some_and(|due| due <= moment(now));
        is_due && self.engine.copy(call, left, moment(now))
    }

    fn ended(&mut self, end: &Ended, is_copy: bool, now: Micros) {
        let Some(call) = self.calls.get_mut(&end.request) else { return };
        if is_copy {
            if end.outcome == Outcome::Success {
                self.engine.copy_won(call);
            }
            return;
        }
        let fate = match end.outcome {
            Outcome::Success => Fate::Answered,
            Outcome::NoPlace => Fate::Unknown,
            Outcome::Error
            | Outcome::Refused
            | Outcome::Busy
            | Outcome::Quota
            | Outcome::TimedOut
            | Outcome::Lost => Fate::CutShort,
        };
        self.engine.ended(call, fate, moment(now));
    }

    fn over(&mut self, request: RequestId) {
        self.calls.remove(&request);
    }
}
