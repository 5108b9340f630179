//! A player that decides as the layer does, at the moments at which a layer's timers fire, and keeps a trace of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use salve_adaptive::{Act, Ask, AttemptId, CallId, Controller, Ended as How};
use salve_core::{Class as SalveClass, Moment};

use super::{Asked, Decision, Input, PATIENCE, TRACES, Trace, config, name};
use crate::model::{AttemptId as SimAttempt, Class, Outcome, Request, RequestId};
use crate::player::{Desk, Ended, Player};
use crate::time::{MS, Micros};

/// A call that has not ended for its caller.
struct Open {
    request: RequestId,
    /// Attempts under way, and as their nth they were sent.
    sent: Vec<(AttemptId, usize)>,
    all_sent: usize,
    /// What the controller has said that the call has not heard yet.
    unheard: VecDeque<AttemptId>,
    end: Option<Decision>,
    has_failed: bool,
    has_seat: bool,
}

pub(super) struct Recorder {
    nth: usize,
    controller: Controller,
    open: HashMap<CallId, Open>,
    calls: HashMap<RequestId, CallId>,
    wire: HashMap<SimAttempt, (CallId, AttemptId)>,
    arrivals: BTreeMap<u64, Request>,
    answers: BTreeMap<u64, Vec<(SimAttempt, How)>>,
    deadlines: BTreeMap<u64, RequestId>,
    /// When the controller wants to be ticked, and when the timer for that fires.
    ticks: Option<(Moment, u64)>,
    ticks_now: bool,
    woken: VecDeque<CallId>,
    planned: BTreeSet<u64>,
    now: u64,
    trace: Trace,
}

/// Any moment that is far from the beginning of time.
const BASE: u64 = 1_000_000;

const fn moment(ms: u64) -> Moment {
    Moment::from_nanos((BASE + ms) * 1_000_000)
}

const fn up(at: Micros) -> u64 {
    at.div_ceil(MS)
}

impl Recorder {
    pub(super) fn new(nth: usize) -> Self {
        let seed = nth as u64 + 1;
        let lots = fastrand::Rng::with_seed(seed).u64(..);
        Self {
            nth,
            controller: Controller::new(&config(), lots).expect("settings within bounds"),
            open: HashMap::new(),
            calls: HashMap::new(),
            wire: HashMap::new(),
            arrivals: BTreeMap::new(),
            answers: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            ticks: None,
            ticks_now: false,
            woken: VecDeque::new(),
            planned: BTreeSet::new(),
            now: 0,
            trace: Trace { seed, ..Trace::default() },
        }
    }

    fn plan(&mut self, ms: u64, desk: &mut Desk<'_>) {
        if self.planned.insert(ms) {
            desk.wake_at(ms * MS, 0);
        }
    }

    fn decide(&mut self, request: RequestId, decision: Decision) {
        self.trace.decisions.push((self.now, request, decision));
    }

    /// All that happens at this millisecond, in the order in which a runtime lets it happen: who is
    /// out of time, the tick, then what comes from outside.
    fn happen(&mut self, desk: &mut Desk<'_>) {
        let now = self.now;
        if let Some(request) = self.deadlines.remove(&now)
            && let Some(&call) = self.calls.get(&request)
        {
            // As each time that it is polled.
            self.keep_time();
            self.decide(request, Decision::Refused("deadline"));
            desk.reject(request);
            self.close(call, How::TimedOut);
        }
        self.poll_woken(desk);
        if self.ticks.is_some_and(|(_, fires)| fires <= now) {
            self.tick();
        }
        self.quiesce(desk);
        for (sim, how) in self.answers.remove(&now).unwrap_or_default() {
            self.answer(sim, how, desk);
            self.quiesce(desk);
        }
        if let Some(request) = self.arrivals.remove(&now) {
            self.arrive(&request, desk);
            self.quiesce(desk);
        }
        if let Some((_, fires)) = self.ticks {
            self.plan(fires, desk);
        }
    }

    fn quiesce(&mut self, desk: &mut Desk<'_>) {
        loop {
            self.poll_woken(desk);
            if !std::mem::take(&mut self.ticks_now) {
                return;
            }
            self.tick();
        }
    }

    fn poll_woken(&mut self, desk: &mut Desk<'_>) {
        while let Some(call) = self.woken.pop_front() {
            self.poll(call, desk);
        }
    }

    fn tick(&mut self) {
        let now = moment(self.now);
        self.controller.tick(now);
        let next = self.controller.next_tick(now);
        let fires = |at: Moment| at.max(moment(self.now + 1)).as_nanos().div_ceil(1_000_000) - BASE;
        self.ticks = next.map(|next| (next, fires(next)));
        self.settle();
    }

    /// As the layer does whenever a call goes on waiting.
    fn keep_time(&mut self) {
        let Some(next) = self.controller.next_tick(moment(self.now)) else { return };
        match self.ticks {
            Some((at, _)) if at <= next => {}
            Some(_) | None => {
                self.ticks = Some((next, u64::MAX));
                self.ticks_now = true;
            }
        }
    }

    /// Puts what the controller says where the calls will hear it.
    fn settle(&mut self) {
        while let Some(act) = self.controller.next_act() {
            self.put(act);
        }
    }

    fn put(&mut self, act: Act) {
        let call = act.call();
        match self.open.get_mut(&call).filter(|open| open.has_seat) {
            Some(open) => {
                match act {
                    Act::Send { attempt, .. } => open.unheard.push_back(attempt),
                    Act::Refuse { reason, .. } => {
                        open.end = Some(Decision::Refused(name(reason)));
                    }
                    Act::Fail { .. } => open.end = Some(Decision::Failed),
                }
                self.woken.push_back(call);
            }
            None => {
                if let Act::Send { attempt, .. } = act {
                    self.controller.ended(attempt, How::Cancelled, moment(self.now));
                }
            }
        }
    }

    fn arrive(&mut self, request: &Request, desk: &mut Desk<'_>) {
        let class = match request.class {
            Class::Critical => SalveClass::Critical,
            Class::Normal => SalveClass::Normal,
            Class::Sheddable => SalveClass::Sheddable,
        };
        let asked = Asked { request: request.id, class, scope: u64::from(request.shard) };
        self.trace.inputs.push((self.now, Input::Arrival(asked)));
        let deadline = self.now + PATIENCE;
        let scope = Some(asked.scope);
        let ask = Ask { class, scope, deadline: moment(deadline), repeatable: true };
        let call = self.controller.arrive(ask, moment(self.now));
        let mut open = Open {
            request: request.id,
            sent: Vec::new(),
            all_sent: 0,
            unheard: VecDeque::new(),
            end: None,
            has_failed: false,
            has_seat: false,
        };
        let act = self.controller.next_act();
        self.calls.insert(request.id, call);
        self.deadlines.insert(deadline, request.id);
        self.plan(deadline, desk);
        match act {
            Some(Act::Send { call: own, attempt, .. }) if own == call => {
                open.unheard.push_back(attempt);
                self.open.insert(call, open);
            }
            act => {
                open.has_seat = true;
                self.open.insert(call, open);
                if let Some(act) = act {
                    self.put(act);
                    self.settle();
                }
            }
        }
        self.poll(call, desk);
    }

    /// The call hears what there is for it; if it goes on waiting, time is kept for it.
    fn poll(&mut self, call: CallId, desk: &mut Desk<'_>) {
        while let Some(open) = self.open.get_mut(&call) {
            let request = open.request;
            if let Some(attempt) = open.unheard.pop_front() {
                open.sent.push((attempt, open.all_sent));
                open.all_sent += 1;
                self.decide(request, Decision::Sent);
                self.wire.insert(desk.send(request, 0, None), (call, attempt));
                continue;
            }
            open.has_seat = true;
            if let Some(end) = open.end {
                // Somebody was asked before: that failure says more.
                let end = if open.has_failed { Decision::Failed } else { end };
                self.decide(request, end);
                desk.fail(request);
                self.close(call, How::Cancelled);
                return;
            }
            self.keep_time();
            return;
        }
    }

    fn answer(&mut self, sim: SimAttempt, how: How, desk: &mut Desk<'_>) {
        let Some((call, attempt)) = self.wire.remove(&sim) else { return };
        let Some(open) = self.open.get_mut(&call) else { return };
        let Some(place) = open.sent.iter().position(|sent| sent.0 == attempt) else { return };
        let (_, nth) = open.sent.remove(place);
        let request = open.request;
        self.trace.inputs.push((self.now, Input::Answer { request, nth, how }));
        let now = moment(self.now);
        if how == How::Success {
            self.controller.ended(attempt, how, now);
            let others = !open.sent.is_empty();
            let unheard = std::mem::take(&mut open.unheard);
            open.has_seat = false;
            unheard.into_iter().for_each(|one| self.controller.ended(one, How::Cancelled, now));
            self.settle();
            self.decide(request, Decision::Answered);
            if others {
                self.close(call, How::Cancelled);
            }
            self.open.remove(&call);
            self.calls.remove(&request);
            return;
        }
        open.has_failed = true;
        open.has_seat = true;
        self.controller.ended(attempt, how, now);
        self.settle();
        self.poll(call, desk);
    }

    /// The call is over for its caller.
    fn close(&mut self, call: CallId, how: How) {
        let now = moment(self.now);
        self.controller.gone(call, now);
        if let Some(open) = self.open.remove(&call) {
            self.calls.remove(&open.request);
            open.sent.iter().for_each(|sent| self.controller.ended(sent.0, how, now));
            open.unheard.iter().for_each(|one| self.controller.ended(*one, How::Cancelled, now));
        }
        self.settle();
    }
}

impl Player for Recorder {
    fn asked(&mut self, request: &Request, desk: &mut Desk<'_>) {
        // No two in one millisecond: timers that fire together have no order.
        let mut at = up(desk.now());
        while self.arrivals.contains_key(&at) || self.deadlines.contains_key(&(at + PATIENCE)) {
            at += 1;
        }
        self.arrivals.insert(at, *request);
        self.plan(at, desk);
    }

    fn ended(&mut self, end: &Ended, desk: &mut Desk<'_>) {
        let how = match end.outcome {
            Outcome::Success => How::Success,
            Outcome::Error | Outcome::Refused => How::Failure,
            Outcome::Busy | Outcome::Quota => How::TurnedAway,
            // A deadline, and an attempt that was given up: both are known here already.
            Outcome::TimedOut | Outcome::Lost | Outcome::NoPlace => return,
        };
        let at = up(desk.now() + 1);
        self.answers.entry(at).or_default().push((end.attempt, how));
        self.plan(at, desk);
    }

    fn woken(&mut self, _: u64, desk: &mut Desk<'_>) {
        self.now = desk.now() / MS;
        self.happen(desk);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let trace = std::mem::take(&mut self.trace);
        TRACES.with_borrow_mut(|traces| traces[self.nth] = trace);
    }
}
