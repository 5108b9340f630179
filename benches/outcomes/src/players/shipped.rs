//! The engines that salve's patterns ship, in the places of those of others.

use std::collections::HashMap;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use salve_bulkhead::engine::{Ended as How, Limiter, Sample};
use salve_bulkhead::{Adaptive, Algorithm};
use salve_circuit_breaker::Config;
use salve_circuit_breaker::engine::{Engine, Ticket};
use salve_core::{Budget, FailureKind, RetryAdvice};
use salve_retry::Config as RetryConfig;
use salve_retry::engine::{Call, Engine as RetryEngine};

use super::copies;
use super::known::{assembled, plain};
use super::ladders::Ladder;
use super::ours::moment;
use super::stack::{Gate, Repeat};
use crate::model::{Class, Outcome, Request, RequestId};
use crate::player::{Ended, Entry, Make};
use crate::scenario::Scenario;
use crate::time::Micros;

pub(super) const fn salve_class(class: Class) -> salve_core::Class {
    match class {
        Class::Critical => salve_core::Class::Critical,
        Class::Normal => salve_core::Class::Normal,
        Class::Sheddable => salve_core::Class::Sheddable,
    }
}

/// Admits while less is under way than a bulkhead's limit.
struct Limit {
    limiter: Limiter,
    under_way: u32,
}

impl Limit {
    fn new(algorithm: Algorithm) -> Self {
        let settings = Adaptive::default().with_algorithm(algorithm);
        let limiter = Limiter::checked(settings, 20).expect("settings within bounds");
        Self { limiter, under_way: 0 }
    }
}

impl Gate for Limit {
    fn admits(&mut self, _: Class, _: Micros, _: &mut Pcg64Mcg) -> bool {
        self.under_way < self.limiter.limit()
    }

    fn sent(&mut self, _: Class, _: Micros) {
        self.under_way += 1;
    }

    fn ended(&mut self, end: &Ended, now: Micros) {
        let in_use = self.under_way;
        self.under_way -= 1;
        let ended = match end.outcome {
            Outcome::Success => How::Answered,
            Outcome::TimedOut | Outcome::Busy | Outcome::Quota => How::Lost,
            Outcome::Error | Outcome::Refused => How::Failed,
            Outcome::Lost => How::Unfinished,
            Outcome::NoPlace => return,
        };
        let (began, now) = (moment(end.sent), moment(now));
        self.limiter.on_result(Sample { began, now, in_use, ended });
    }
}

/// The circuit breaker.
struct Breaker {
    config: Config,
    engine: Option<Engine>,
    /// For a call that has not been sent yet.
    granted: Option<Ticket>,
    /// By the moment of sending.
    tickets: HashMap<Micros, Vec<Ticket>>,
}

impl Breaker {
    fn new(config: Config) -> Self {
        Self { config, engine: None, granted: None, tickets: HashMap::new() }
    }
}

impl Gate for Breaker {
    fn admits(&mut self, _: Class, now: Micros, rng: &mut Pcg64Mcg) -> bool {
        let engine = self.engine.get_or_insert_with(|| {
            Engine::new(&self.config, rng.random()).expect("settings within bounds")
        });
        // Another gate has refused the last one.
        if let Some(unused) = self.granted.take() {
            engine.release(unused);
        }
        self.granted = engine.admit(moment(now));
        self.granted.is_some()
    }

    fn sent(&mut self, _: Class, now: Micros) {
        self.tickets.entry(now).or_default().extend(self.granted.take());
    }

    fn ended(&mut self, end: &Ended, now: Micros) {
        let Some(engine) = &mut self.engine else { return };
        let Some(tickets) = self.tickets.get_mut(&end.sent) else { return };
        let ticket = tickets.pop();
        if tickets.is_empty() {
            self.tickets.remove(&end.sent);
        }
        let Some(ticket) = ticket else { return };
        match end.outcome {
            Outcome::Lost | Outcome::NoPlace => engine.release(ticket),
            outcome => engine.record(ticket, outcome != Outcome::Success, false, moment(now)),
        }
    }
}

/// What `salve-retry` does by default: three attempts, with full jitter from 100 ms on, paid from a
/// budget of 20 % of the calls and 10 retries a second.
#[derive(Default)]
struct Shipped {
    budget: Budget,
    engine: Option<RetryEngine>,
    calls: HashMap<RequestId, Call>,
}

impl Shipped {
    /// Retries that pay from a budget that others may pay from, too.
    fn with(budget: Budget) -> Self {
        Self { budget, ..Self::default() }
    }
}

impl Repeat for Shipped {
    fn started(&mut self, request: &Request, now: Micros, rng: &mut Pcg64Mcg) {
        let engine = self.engine.get_or_insert_with(|| {
            let (config, budget) = (RetryConfig::default(), Some(self.budget.clone()));
            RetryEngine::new(&config, budget, rng.random()).expect("settings within bounds")
        });
        self.calls.insert(request.id, engine.begin(moment(request.deadline), moment(now)));
    }

    fn succeeded(&mut self, request: RequestId, _: u32, _: Micros) {
        if let (Some(engine), Some(call)) = (&mut self.engine, self.calls.get(&request)) {
            engine.succeeded(*call);
        }
    }

    // Each failure is told where it is asked what comes next.
    fn failed(&mut self, _: Micros) {}

    fn again(
        &mut self,
        end: &Ended,
        _: u32,
        is_harmless: bool,
        now: Micros,
        _: &mut Pcg64Mcg,
    ) -> Option<Micros> {
        let (engine, call) = (self.engine.as_mut()?, self.calls.get_mut(&end.request)?);
        let kind = match end.outcome {
            Outcome::TimedOut => FailureKind::Timeout,
            Outcome::Refused => FailureKind::Unreachable,
            Outcome::Busy | Outcome::Quota | Outcome::NoPlace => FailureKind::Overload,
            Outcome::Success | Outcome::Error | Outcome::Lost => FailureKind::Error,
        };
        let outcome = salve_core::Outcome::Failure { retry: RetryAdvice::Yes, kind };
        let wait = engine.failed(call, outcome, is_harmless, moment(now))?;
        Some(now + wait.as_micros() as Micros)
    }

    fn attempted(&mut self, request: RequestId, now: Micros) {
        if let (Some(engine), Some(call)) = (&mut self.engine, self.calls.get_mut(&request)) {
            engine.attempted(call, moment(now));
        }
    }

    fn left(&self, request: RequestId) -> Option<u32> {
        self.calls.get(&request).map(Call::attempts_left)
    }

    fn copied(&mut self, request: RequestId) {
        if let Some(call) = self.calls.get_mut(&request) {
            call.used_within(1);
        }
    }

    fn over(&mut self, request: RequestId) {
        self.calls.remove(&request);
    }
}

const fn entry(name: &'static str, make: fn(&Scenario) -> Box<dyn crate::player::Player>) -> Entry {
    Entry { name, source: "crates/bulkhead", make: Make::Each(make) }
}

/// Breaker, retries and hedges by their defaults, and each of the algorithms in the best stack that
/// can be assembled around a limit, the default one also under a degradation ladder.
pub(crate) const SHIPPED: &[Entry] = &[
    Entry {
        name: "salve retry, budget",
        source: "crates/retry, crates/core",
        make: Make::Each(|s| Box::new(plain(s).retries(Shipped::default()).without_limit())),
    },
    Entry {
        name: "salve retry, budget, breaker",
        source: "crates/retry, crates/core, crates/circuit-breaker",
        make: Make::Each(|s| {
            let stack = plain(s).retries(Shipped::default()).without_limit();
            Box::new(stack.gate(Breaker::new(Config::default())))
        }),
    },
    Entry {
        name: "salve retry, budget, quick breaker",
        source: "the same by `Config::quick`, as in `salve::stack`",
        make: Make::Each(|s| {
            let stack = plain(s).retries(Shipped::default()).without_limit();
            Box::new(stack.gate(Breaker::new(Config::quick("breaker"))))
        }),
    },
    Entry {
        name: "salve hedge",
        source: "crates/hedge, crates/core",
        make: Make::Each(|s| {
            Box::new(plain(s).copies(copies::Shipped::new(Budget::default())).without_limit())
        }),
    },
    Entry {
        name: "salve retry, budget, hedge",
        source: "crates/retry, crates/hedge, crates/core: one budget for both",
        make: Make::Each(|s| {
            let budget = Budget::default();
            let stack = plain(s).retries(Shipped::with(budget.clone()));
            Box::new(stack.copies(copies::Shipped::new(budget)).without_limit())
        }),
    },
    Entry {
        name: "A + salve Gradient2 + ladder",
        source: "crates/bulkhead, crates/degradation",
        make: Make::Each(|s| assembled(s, Ladder::around(Limit::new(Algorithm::gradient2())))),
    },
    entry("A + salve Baseline", |s| assembled(s, Limit::new(Algorithm::baseline()))),
    entry("A + salve AIMD", |s| assembled(s, Limit::new(Algorithm::aimd()))),
    entry("A + salve Vegas", |s| assembled(s, Limit::new(Algorithm::vegas()))),
    entry("A + salve Gradient2", |s| assembled(s, Limit::new(Algorithm::gradient2()))),
];
