//! The controller of one dependency: which calls start, wait, are tried again or refused.

use std::collections::VecDeque;
use std::time::Duration;

use salve_core::{Class, Moment, Reason};
use slab::Slab;

use crate::limit::Limit;
use crate::overtime::Overtime;
use crate::pace::Pace;
use crate::pulse::{Change, Probing, Pulse, Verdict};
use crate::routes::Routes;
use crate::suspicion::Suspicion;
use crate::work::Work;
use crate::worth::Worth;

/// A call, from its arrival to its end. Numbers are used again.
pub type CallId = usize;

/// An attempt, from its sending to its end. Numbers are used again.
pub type AttemptId = usize;

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
        /// Which.
        attempt: AttemptId,
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
    epoch: u64,
    /// How many of its attempts are under way.
    under_way: u32,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    call: CallId,
    /// Of the call, whose number may have gone to another.
    epoch: u64,
    serial: u64,
    replica: u32,
    scope: Option<u32>,
    sent: Moment,
    is_stuck: bool,
    /// Whether it was sent beside one that is overdue.
    is_second: bool,
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
    overtime: Overtime,
    attempts: Slab<Attempt>,
    /// Attempts in the order of sending, until they are overdue.
    sent: VecDeque<(AttemptId, u64)>,
    serial: u64,
    under_way: u32,
    /// Of those, how many are overdue.
    stuck: u32,
    acts: VecDeque<Act>,
    rng: fastrand::Rng,
}

impl Controller {
    /// A controller that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings, replicas: usize, seed: u64) -> Self {
        let probing = Probing {
            shortest: settings.patience.mul_f64(0.02),
            longest: settings.patience,
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
            overtime: Overtime::new(),
            attempts: Slab::new(),
            sent: VecDeque::new(),
            serial: 0,
            under_way: 0,
            stuck: 0,
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
            epoch: self.epoch,
            under_way: 0,
        });
        if !self.worth.admits(ask.class, now, &mut self.rng) {
            self.refuse(call, Reason::Shed);
            return call;
        }
        let remaining = ask.deadline.since(now);
        let patience = remaining.mul_f64(patience(ask.class));
        self.calls[call].patient_until = now.after(patience);
        self.whole.want();
        if let Some(pulse) = ask.scope.and_then(|scope| self.scopes.get_mut(scope as usize)) {
            pulse.want();
        }
        self.start(call, now);
        call
    }

    /// An attempt ended.
    pub fn ended(&mut self, attempt: AttemptId, how: Ended, now: Moment) {
        let Some(ended) = self.attempts.try_remove(attempt) else { return };
        let took = now.since(ended.sent);
        let under_way = self.counted();
        self.under_way -= 1;
        self.stuck -= u32::from(ended.is_stuck);
        let failed = match how {
            Ended::Success => Some(false),
            Ended::Failure | Ended::TimedOut => Some(true),
            Ended::TurnedAway | Ended::NotSent | Ended::Cancelled => None,
        };
        self.routes.ended(ended.replica, took, failed, how == Ended::TurnedAway, now);
        if let Some(failed) = failed {
            self.note_life(ended.scope, failed, now);
        }
        if ended.is_second {
            self.overtime.second_ended(how == Ended::Success);
            if how == Ended::Success {
                self.work.give_back();
            }
        }
        // One that was overdue has been counted as slow when it was.
        if matches!(how, Ended::Success | Ended::TimedOut) && !ended.is_stuck {
            self.limit.sample(took, under_way, now, &mut self.rng);
        }
        match how {
            Ended::Success => {
                self.work.succeeded(took);
                self.overtime.sample(took);
                self.pace.note(false, now);
            }
            Ended::TurnedAway => {
                self.pace.note(true, now);
                self.work.failed(took);
            }
            Ended::TimedOut => {}
            Ended::Failure => self.work.failed(took),
            Ended::NotSent | Ended::Cancelled => {}
        }
        if let Some(call) = self.calls.get_mut(ended.call).filter(|call| call.epoch == ended.epoch) {
            call.under_way -= 1;
            if how == Ended::Success {
                self.remove(ended.call);
            } else if call.under_way == 0 {
                if how == Ended::Cancelled {
                    self.remove(ended.call);
                } else {
                    self.again(ended.call, how, now);
                }
            }
        }
        self.pump(now);
    }

    /// How many attempts count against the limit. Those that are stuck do not while the others
    /// are quick: they hold no worker that quick ones could have.
    fn counted(&self) -> u32 {
        if self.limit.is_quick() { self.under_way - self.stuck } else { self.under_way }
    }

    /// Finds the attempts that have become overdue, and sends others beside them where that pays.
    fn look_for_stuck(&mut self, now: Moment) {
        let Some(overdue) = self.overtime.overdue(self.limit.target()) else { return };
        while let Some(&(id, serial)) = self.sent.front() {
            let Some(attempt) = self.attempts.get_mut(id).filter(|one| one.serial == serial) else {
                self.sent.pop_front();
                continue;
            };
            if now.since(attempt.sent) < overdue {
                return;
            }
            attempt.is_stuck = true;
            self.stuck += 1;
            self.sent.pop_front();
            let Attempt { call, epoch, replica, sent, .. } = *attempt;
            let counted = self.counted();
            self.limit.sample(now.since(sent), counted, now, &mut self.rng);
            self.routes.overdue(replica, now.since(sent));
            let alone = self.calls.get(call).is_some_and(|c| c.epoch == epoch && c.under_way == 1);
            if alone
                && self.limit.is_quick()
                && self.worth.is_calm()
                && !self.pace.is_bound()
                && !self.whole.is_dead()
                && self.limit.admits(self.counted())
                && self.overtime.is_worth_it(&mut self.rng)
                && self.calls[call].attempts < self.settings.max_attempts
                && self.work.pay(false)
            {
                self.send(call, true, now);
            }
        }
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

    /// For a look inside.
    #[doc(hidden)]
    #[must_use]
    pub fn state(&self) -> String {
        format!("under way {} stuck {} limit {:.1} quick {} {:?} {:?} {:?} lines {:?} {:?} {:?}", self.under_way, self.stuck, self.limit.get(), self.limit.is_quick(), self.overtime, self.work, self.worth, self.lines.each_ref().map(VecDeque::len), self.pace, self.routes)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Moment) {
        let counted = self.counted();
        self.limit.look(counted, now, &mut self.rng);
        self.look_for_stuck(now);
        self.pump(now);
    }

    /// When [`tick`](Self::tick) is next of use.
    #[must_use]
    pub fn next_tick(&self, now: Moment) -> Option<Moment> {
        let waits = self.lines.iter().any(|line| !line.is_empty()) || !self.parked.is_empty();
        let soon = waits.then(|| now.after(Duration::from_millis(5)));
        let oldest = self.sent.front().and_then(|(id, _)| self.attempts.get(*id));
        let overdue = oldest.zip(self.overtime.overdue(self.limit.target())).map(|(one, after)| one.sent.after(after));
        match (soon, overdue) {
            (Some(soon), Some(overdue)) => Some(soon.min(overdue.max(now))),
            (soon, overdue) => soon.or(overdue.map(|overdue| overdue.max(now))),
        }
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
            Verdict::Probe => self.send(call, false, now),
            Verdict::Go => {
                if self.is_next(ask.class)
                    && self.limit.admits(self.counted())
                    && self.pace.admits(now)
                {
                    self.worth.note(ask.class, false);
                    self.send(call, false, now);
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

    /// Whether nobody of the class or a higher one waits.
    fn is_next(&self, class: Class) -> bool {
        self.lines[class as usize..].iter().all(VecDeque::is_empty)
    }

    fn send(&mut self, call: CallId, is_second: bool, now: Moment) {
        let one = &mut self.calls[call];
        let replica = self.routes.choose(one.last_replica, &self.probing, now, &mut self.rng);
        one.attempts += 1;
        one.under_way += 1;
        one.last_replica = Some(replica);
        one.place = Place::UnderWay;
        let (epoch, scope) = (one.epoch, one.ask.scope);
        self.routes.started(replica);
        self.under_way += 1;
        self.limit.started(self.under_way - self.stuck);
        self.serial += 1;
        let serial = self.serial;
        let (is_stuck, sent) = (false, now);
        let attempt =
            Attempt { call, epoch, serial, replica, scope, sent, is_stuck, is_second };
        let attempt = self.attempts.insert(attempt);
        self.sent.push_back((attempt, serial));
        self.acts.push_back(Act::Send { call, attempt, replica });
    }

    /// What comes after a failed attempt.
    fn again(&mut self, call: CallId, how: Ended, now: Moment) {
        let Some(one) = self.calls.get(call) else { return };
        let congested = match how {
            Ended::TurnedAway => !self.pace.is_elsewhere(),
            other => other == Ended::TimedOut,
        };
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
            let deadline = one.ask.deadline;
            // The first that has to wait stands for all, unless they have scopes of their own.
            let before = self.parked.len();
            // Who has waited for life waits for a place as well.
            self.calls[call].patient_until = deadline;
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
                if !self.limit.admits(self.counted()) || !self.pace.admits(now) {
                    break;
                }
                self.lines[class].pop_front();
                self.worth.note(ask.class, false);
                self.send(call, false, now);
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
