//! The controller of one dependency: which calls start, wait, are tried again or refused.

use std::collections::VecDeque;
use std::time::Duration;

use salve_core::{Class, Moment, Reason};
use slab::Slab;

use crate::limit::Limit;
use crate::pace::Pace;
use crate::pulse::{Change, Probing, Pulse, Verdict};
use crate::routes::Routes;
use crate::suspicion::Suspicion;
use crate::work::Work;
use crate::worth::Worth;

/// A call, from its arrival to its end. Numbers are used again.
pub type CallId = usize;

/// What is known of a call that arrives.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// How much it matters.
    pub class: Class,
    /// A part of the dependency that may be dead on its own, such as a shard.
    pub scope: Option<u32>,
    /// When its caller stops to wait.
    pub deadline: Moment,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Success,
    /// The dependency failed.
    Failure,
    /// The dependency said that it has too much to do.
    TurnedAway,
    /// No answer came in time.
    TimedOut,
    /// Nothing was sent, for want of something on this side.
    NotSent,
    /// The caller went away, or another attempt won.
    Cancelled,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make an attempt of this call at this replica.
    Send {
        /// Whose attempt.
        call: CallId,
        /// Where.
        replica: u32,
    },
    /// Tell the caller that it is refused.
    Refuse {
        /// Whose call; it is over.
        call: CallId,
        /// Why.
        reason: Reason,
    },
    /// Hand the last failure to the caller.
    Fail {
        /// Whose call; it is over.
        call: CallId,
    },
}

/// The settings of a controller.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long callers usually wait: what is slow is measured against it.
    pub patience: Duration,
    /// Attempts of one call at most.
    pub max_attempts: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { patience: Duration::from_secs(1), max_attempts: 8 }
    }
}

#[derive(Clone, Debug)]
struct Call {
    ask: Ask,
    attempts: u32,
    last_replica: Option<u32>,
    place: Place,
    /// Until when it waits for a place.
    patient_until: Moment,
    is_congested: bool,
    epoch: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    UnderWay,
    /// For a place within the limit.
    InLine,
    /// For life.
    Parked,
}

/// The controller of one dependency. It decides, and performs nothing.
#[derive(Debug)]
pub struct Controller {
    settings: Settings,
    probing: Probing,
    calls: Slab<Call>,
    epoch: u64,
    /// By class, the least first.
    lines: [VecDeque<(CallId, u64)>; 3],
    parked: VecDeque<(CallId, u64)>,
    whole: Pulse,
    scopes: Vec<Pulse>,
    routes: Routes,
    limit: Limit,
    pace: Pace,
    worth: Worth,
    work: Work,
    under_way: u32,
    acts: VecDeque<Act>,
    rng: fastrand::Rng,
}

impl Controller {
    /// A controller that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings, replicas: usize, seed: u64) -> Self {
        let probing = Probing {
            shortest: settings.patience.mul_f64(0.03),
            longest: settings.patience.mul_f64(0.3),
        };
        let mut routes = Routes::default();
        routes.resize(replicas);
        Self {
            probing,
            calls: Slab::new(),
            epoch: 0,
            lines: Default::default(),
            parked: VecDeque::new(),
            whole: Pulse::default(),
            scopes: Vec::new(),
            routes,
            limit: Limit::new(settings.patience),
            pace: Pace::default(),
            worth: Worth::default(),
            work: Work::new(),
            under_way: 0,
            acts: VecDeque::new(),
            rng: fastrand::Rng::with_seed(seed),
            settings,
        }
    }

    /// What is to be done, in order.
    pub fn next_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// A call arrives.
    pub fn arrive(&mut self, ask: Ask, now: Moment) -> CallId {
        self.work.call();
        self.epoch += 1;
        let call = self.calls.insert(Call {
            ask,
            attempts: 0,
            last_replica: None,
            place: Place::InLine,
            patient_until: Moment::ZERO,
            is_congested: false,
            epoch: self.epoch,
        });
        if !self.worth.admits(ask.class, now, &mut self.rng) {
            self.refuse(call, Reason::Shed);
            return call;
        }
        let remaining = ask.deadline.since(now);
        let patience = remaining.mul_f64(patience(ask.class));
        self.calls[call].patient_until = now.after(patience);
        self.start(call, now);
        call
    }

    /// An attempt ended.
    pub fn ended(&mut self, call: CallId, replica: u32, took: Duration, how: Ended, now: Moment) {
        self.under_way = self.under_way.saturating_sub(1);
        let failed = match how {
            Ended::Success => Some(false),
            Ended::Failure | Ended::TimedOut => Some(true),
            Ended::TurnedAway | Ended::NotSent | Ended::Cancelled => None,
        };
        self.routes.ended(replica, took, failed, now);
        let scope = self.calls.get(call).and_then(|one| one.ask.scope);
        if let Some(failed) = failed {
            self.note_life(scope, failed, now);
        }
        match how {
            Ended::Success => {
                self.work.succeeded(took);
                self.pace.note(false, now);
                self.limit.sample(took, self.under_way + 1, now);
            }
            Ended::TurnedAway => {
                self.pace.note(true, now);
                self.work.failed(took);
            }
            Ended::TimedOut => self.limit.sample(took, self.under_way + 1, now),
            Ended::Failure => self.work.failed(took),
            Ended::NotSent | Ended::Cancelled => {}
        }
        match how {
            Ended::Success | Ended::Cancelled => self.remove(call),
            _ => self.again(call, how, now),
        }
        self.pump(now);
    }

    /// The caller of a call that is not under way has gone, or its deadline has passed.
    pub fn gone(&mut self, call: CallId, now: Moment) {
        if let Some(one) = self.calls.get(call) {
            if one.place == Place::InLine {
                self.worth.note(one.ask.class, true);
            }
            self.remove(call);
        }
        self.pump(now);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Moment) {
        self.limit.look(self.under_way, now);
        self.pump(now);
    }

    /// When [`tick`](Self::tick) is next of use.
    #[must_use]
    pub fn next_tick(&self, now: Moment) -> Option<Moment> {
        let waits = self.lines.iter().any(|line| !line.is_empty()) || !self.parked.is_empty();
        waits.then(|| now.after(Duration::from_millis(5)))
    }

    fn remove(&mut self, call: CallId) {
        self.calls.try_remove(call);
    }

    fn refuse(&mut self, call: CallId, reason: Reason) {
        self.remove(call);
        self.acts.push_back(Act::Refuse { call, reason });
    }

    fn note_life(&mut self, scope: Option<u32>, failed: bool, now: Moment) {
        let mut woke = self.whole.note(failed, Suspicion::CERTAIN, now) == Change::Woke;
        if let Some(scope) = scope {
            let place = scope as usize;
            if self.scopes.len() <= place {
                self.scopes.resize(place + 1, Pulse::default());
            }
            let dead = self.scopes.iter().filter(|pulse| pulse.is_dead()).count();
            let certainty = if dead >= 2 {
                Suspicion::CERTAIN_AMONG_THE_DEAD
            } else {
                Suspicion::CERTAIN
            };
            if self.scopes[place].note(failed, certainty, now) == Change::Woke {
                woke = true;
                for pulse in &mut self.scopes {
                    pulse.probe_now(now);
                }
            }
        }
        if woke {
            self.limit.restart();
            self.pace.restart();
        }
    }

    /// Whether what the call needs is alive.
    fn verdict(&mut self, scope: Option<u32>, now: Moment) -> Verdict {
        let verdict = self.whole.ask(&self.probing, now, &mut self.rng);
        if verdict != Verdict::Go {
            return verdict;
        }
        match scope.and_then(|scope| self.scopes.get_mut(scope as usize)) {
            Some(pulse) => pulse.ask(&self.probing, now, &mut self.rng),
            None => Verdict::Go,
        }
    }

    /// Starts an attempt, or lets the call wait.
    fn start(&mut self, call: CallId, now: Moment) {
        let Some(one) = self.calls.get(call) else { return };
        let (ask, epoch) = (one.ask, one.epoch);
        match self.verdict(ask.scope, now) {
            Verdict::Wait => {
                self.calls[call].place = Place::Parked;
                self.parked.push_back((call, epoch));
            }
            Verdict::Probe => self.send(call, now),
            Verdict::Go => {
                if self.limit.admits(self.under_way) && self.pace.admits(now) {
                    self.worth.note(ask.class, false);
                    self.send(call, now);
                } else if self.calls[call].patient_until <= now {
                    self.worth.note(ask.class, true);
                    self.refuse(call, Reason::Full);
                } else {
                    self.calls[call].place = Place::InLine;
                    self.lines[ask.class as usize].push_back((call, epoch));
                }
            }
        }
    }

    fn send(&mut self, call: CallId, now: Moment) {
        let one = &mut self.calls[call];
        let replica = self.routes.choose(one.last_replica, &self.probing, now, &mut self.rng);
        one.attempts += 1;
        one.last_replica = Some(replica);
        one.place = Place::UnderWay;
        self.routes.started(replica);
        self.under_way += 1;
        self.limit.started(self.under_way);
        self.acts.push_back(Act::Send { call, replica });
    }

    /// What comes after a failed attempt.
    fn again(&mut self, call: CallId, how: Ended, now: Moment) {
        let Some(one) = self.calls.get(call) else { return };
        let congested = matches!(how, Ended::TurnedAway | Ended::TimedOut);
        let free = how == Ended::NotSent;
        let may = one.attempts < self.settings.max_attempts && now < one.ask.deadline;
        if may && (free || self.work.pay(congested)) {
            self.start(call, now);
        } else {
            self.remove(call);
            self.acts.push_back(Act::Fail { call });
        }
    }

    /// Starts what waits and may start now.
    fn pump(&mut self, now: Moment) {
        for _ in 0..self.parked.len() {
            let Some((call, epoch)) = self.parked.pop_front() else { break };
            let Some(one) = self.calls.get(call) else { continue };
            if one.epoch != epoch || one.place != Place::Parked {
                continue;
            }
            // The first that has to wait stands for all, unless they have scopes of their own.
            let before = self.parked.len();
            self.start(call, now);
            if self.parked.len() > before && (self.whole.is_dead() || self.scopes.is_empty()) {
                break;
            }
        }
        for class in (0..3).rev() {
            while let Some(&(call, epoch)) = self.lines[class].front() {
                let Some(one) = self.calls.get(call).filter(|one| one.epoch == epoch && one.place == Place::InLine) else {
                    self.lines[class].pop_front();
                    continue;
                };
                let ask = one.ask;
                if one.patient_until <= now {
                    self.lines[class].pop_front();
                    self.worth.note(ask.class, true);
                    self.refuse(call, Reason::QueueTimeout);
                    continue;
                }
                if !self.limit.admits(self.under_way) || !self.pace.admits(now) {
                    break;
                }
                self.lines[class].pop_front();
                self.worth.note(ask.class, false);
                self.send(call, now);
            }
        }
    }
}

/// The share of its time that a call waits for a place.
const fn patience(class: Class) -> f64 {
    match class {
        Class::Critical => 0.3,
        Class::Normal => 0.1,
        _ => 0.0,
    }
}
