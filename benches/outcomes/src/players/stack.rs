//! A conventional stack, put together from parts: what may pass, whom to call, how often to retry.

use std::collections::HashMap;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::budgets::Budget;
use super::copies::Copying;
use super::routing::Router;
use crate::model::{AttemptId, Class, Outcome, Request, RequestId};
use crate::player::{Desk, Ended, Player};
use crate::scenario::Scenario;
use crate::time::Micros;

/// Lets attempts pass, or not.
pub(crate) trait Gate {
    fn admits(&mut self, class: Class, now: Micros, rng: &mut Pcg64Mcg) -> bool;

    /// An attempt that every gate let pass is on its way.
    fn sent(&mut self, _class: Class, _now: Micros) {}

    fn ended(&mut self, end: &Ended, now: Micros);
}

/// Whether and when what failed is tried again.
pub(crate) trait Repeat {
    /// A request has come, and its first attempt begins.
    fn started(&mut self, request: &Request, now: Micros, rng: &mut Pcg64Mcg);

    /// A request was answered well with its attempt number `attempts`.
    fn succeeded(&mut self, request: RequestId, attempts: u32, now: Micros);

    /// An attempt failed.
    fn failed(&mut self, now: Micros);

    /// When another attempt begins after the last of `made`, if one does: before the deadline.
    fn again(
        &mut self,
        end: &Ended,
        made: u32,
        is_harmless: bool,
        now: Micros,
        rng: &mut Pcg64Mcg,
    ) -> Option<Micros>;

    /// The attempt begins that was waited for.
    fn attempted(&mut self, _request: RequestId, _now: Micros) {}

    /// How many attempts may follow, where that is counted.
    fn left(&self, _request: RequestId) -> Option<u32> {
        None
    }

    /// An attempt was made beside the present one.
    fn copied(&mut self, _request: RequestId) {}

    /// Nothing more is asked about a request.
    fn over(&mut self, _request: RequestId) {}
}

/// How failures are retried by others.
pub(crate) struct Retries {
    /// The first attempt included.
    pub(crate) attempts: u32,
    /// The wait before the first retry at most; it doubles, up to `longest`, and is drawn from
    /// zero on.
    pub(crate) base: Micros,
    pub(crate) longest: Micros,
    pub(crate) budget: Box<dyn Budget>,
}

impl Repeat for Retries {
    fn started(&mut self, _: &Request, now: Micros, _: &mut Pcg64Mcg) {
        self.budget.started(now);
    }

    fn succeeded(&mut self, _: RequestId, attempts: u32, now: Micros) {
        self.budget.succeeded(attempts, now);
    }

    fn failed(&mut self, now: Micros) {
        self.budget.failed(now);
    }

    fn again(
        &mut self,
        end: &Ended,
        made: u32,
        is_harmless: bool,
        now: Micros,
        rng: &mut Pcg64Mcg,
    ) -> Option<Micros> {
        if !is_harmless || made >= self.attempts {
            return None;
        }
        if !self.budget.withdraw(end.outcome == Outcome::TimedOut, now) {
            return None;
        }
        let longest = self.base << (made - 1).min(20);
        let wait = rng.random_range(0..=longest.min(self.longest));
        Some(now + wait).filter(|&at| at < end.deadline)
    }
}

/// The policy of one client.
pub(crate) struct Stack {
    gates: Vec<Box<dyn Gate>>,
    retries: Option<Box<dyn Repeat>>,
    copies: Option<Box<dyn Copying>>,
    router: Box<dyn Router>,
    limit: Option<Micros>,
    /// Whether it also repeats what may not be repeated.
    is_blind: bool,
    calls: HashMap<RequestId, Call>,
}

#[derive(Debug, Default)]
struct Call {
    made: u32,
    under_way: u32,
    /// Whether a retry is waited for.
    waits: bool,
    hedged: bool,
    /// The latest attempt that is no copy.
    original: Option<AttemptId>,
    last: Option<u32>,
}

/// The lowest bit of a token says what a client was woken for.
const FOR_RETRY: u64 = 0;
const FOR_COPY: u64 = 1;

impl Stack {
    /// One attempt, round robin, with the attempt limit of conventional stacks.
    pub(crate) fn new(scenario: &Scenario, router: Box<dyn Router>) -> Self {
        Self {
            gates: Vec::new(),
            retries: None,
            copies: None,
            router,
            limit: Some(scenario.attempt_timeout),
            is_blind: false,
            calls: HashMap::new(),
        }
    }

    pub(crate) fn gate(mut self, gate: impl Gate + 'static) -> Self {
        self.gates.push(Box::new(gate));
        self
    }

    pub(crate) fn retries(mut self, retries: impl Repeat + 'static) -> Self {
        self.retries = Some(Box::new(retries));
        self
    }

    pub(crate) fn copies(mut self, copies: impl Copying + 'static) -> Self {
        self.copies = Some(Box::new(copies));
        self
    }

    /// Attempts live as long as their request.
    pub(crate) fn without_limit(mut self) -> Self {
        self.limit = None;
        self
    }

    pub(crate) const fn blindly(mut self) -> Self {
        self.is_blind = true;
        self
    }

    pub(crate) fn limit(mut self, limit: Micros) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Makes an attempt that is no copy, unless a gate refuses it.
    fn attempt(&mut self, request: RequestId, desk: &mut Desk<'_>) -> bool {
        let Some(original) = self.send(request, desk) else { return false };
        if let Some(call) = self.calls.get_mut(&request) {
            (call.original, call.hedged) = (Some(original), false);
        }
        let left = self.retries.as_ref().and_then(|retries| retries.left(request));
        let (now, copies) = (desk.now(), self.copies.as_mut());
        if let Some(at) = copies.and_then(|it| it.began(desk.request(request), left, now)) {
            desk.wake_at(at, (u64::from(request) << 1) | FOR_COPY);
        }
        true
    }

    /// Sends a copy of the attempt that is under way, if one is due.
    fn copy(&mut self, request: RequestId, desk: &mut Desk<'_>) {
        let left = self.retries.as_ref().and_then(|retries| retries.left(request));
        let (Some(call), Some(copies)) = (self.calls.get_mut(&request), &mut self.copies) else {
            return;
        };
        if call.hedged || call.under_way != 1 || !copies.sends(request, left, desk.now()) {
            return;
        }
        call.hedged = true;
        if let Some(retries) = &mut self.retries {
            retries.copied(request);
        }
        self.send(request, desk);
    }

    /// Sends an attempt, unless a gate refuses it.
    fn send(&mut self, request: RequestId, desk: &mut Desk<'_>) -> Option<AttemptId> {
        let (now, class) = (desk.now(), desk.request(request).class);
        if !self.gates.iter_mut().all(|gate| gate.admits(class, now, desk.rng)) {
            return None;
        }
        for gate in &mut self.gates {
            gate.sent(class, now);
        }
        let call = self.calls.get_mut(&request)?;
        let dependency = desk.request(request).dependency;
        let addresses = desk.addresses();
        let address = self.router.choose(dependency, addresses, call.last, now, desk.rng);
        call.made += 1;
        call.under_way += 1;
        call.last = Some(address);
        Some(desk.send(request, address, self.limit))
    }

    /// Whether another attempt does no harm, after one that ended like this.
    fn may_repeat(&self, request: RequestId, outcome: Outcome, desk: &Desk<'_>) -> bool {
        let was_done = !matches!(
            outcome,
            Outcome::Refused | Outcome::Busy | Outcome::Quota | Outcome::NoPlace
        );
        self.is_blind || !was_done || desk.request(request).is_repeatable
    }

    /// When a retry of a failed call may begin, if one may.
    fn retry_at(&mut self, end: &Ended, desk: &mut Desk<'_>) -> Option<Micros> {
        let is_harmless = self.may_repeat(end.request, end.outcome, desk);
        let retries = self.retries.as_mut()?;
        let call = self.calls.get(&end.request)?;
        if call.waits || call.under_way > 0 {
            return None;
        }
        retries.again(end, call.made, is_harmless, desk.now(), desk.rng)
    }

    fn forget(&mut self, request: RequestId) {
        self.calls.remove(&request);
        if let Some(retries) = &mut self.retries {
            retries.over(request);
        }
        if let Some(copies) = &mut self.copies {
            copies.over(request);
        }
    }
}

impl Player for Stack {
    fn asked(&mut self, request: &Request, desk: &mut Desk<'_>) {
        if let Some(retries) = &mut self.retries {
            retries.started(request, desk.now(), desk.rng);
        }
        self.calls.insert(request.id, Call::default());
        if !self.attempt(request.id, desk) {
            self.forget(request.id);
            desk.reject(request.id);
        }
    }

    fn ended(&mut self, end: &Ended, desk: &mut Desk<'_>) {
        let now = desk.now();
        for gate in &mut self.gates {
            gate.ended(end, now);
        }
        self.router.ended(end, now);
        if let Some(copies) = &mut self.copies {
            let call = self.calls.get(&end.request);
            let original = call.and_then(|call| call.original);
            copies.ended(end, original != Some(end.attempt), now);
        }
        let Some(call) = self.calls.get_mut(&end.request) else { return };
        call.under_way -= 1;
        match end.outcome {
            Outcome::Success => {
                if let Some(retries) = &mut self.retries {
                    retries.succeeded(end.request, call.made, now);
                }
                if call.under_way == 0 {
                    self.forget(end.request);
                }
            }
            Outcome::Lost => {
                if call.under_way == 0 {
                    self.forget(end.request);
                }
            }
            _ => {
                if let Some(retries) = &mut self.retries {
                    retries.failed(now);
                }
                if now >= end.deadline {
                    return;
                }
                if let Some(at) = self.retry_at(end, desk) {
                    if let Some(call) = self.calls.get_mut(&end.request) {
                        call.waits = true;
                    }
                    desk.wake_at(at, (u64::from(end.request) << 1) | FOR_RETRY);
                } else if self.calls.get(&end.request).is_some_and(|c| c.under_way == 0 && !c.waits)
                {
                    self.forget(end.request);
                    desk.fail(end.request);
                }
            }
        }
    }

    fn woken(&mut self, token: u64, desk: &mut Desk<'_>) {
        let request = (token >> 1) as RequestId;
        if token & 1 == FOR_COPY {
            return self.copy(request, desk);
        }
        let Some(call) = self.calls.get_mut(&request) else { return };
        call.waits = false;
        if let Some(retries) = &mut self.retries {
            retries.attempted(request, desk.now());
        }
        if !self.attempt(request, desk) {
            self.forget(request);
            desk.reject(request);
        }
    }

    fn expired(&mut self, request: RequestId, _: &mut Desk<'_>) {
        self.forget(request);
    }
}
