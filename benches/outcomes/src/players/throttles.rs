//! Rejecting a share of the calls by how many of them are accepted further on.

use std::collections::VecDeque;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::stack::Gate;
use crate::model::{Class, Outcome};
use crate::player::Ended;
use crate::time::{Micros, SECOND};

/// By which formula calls are rejected.
#[derive(Clone, Copy)]
enum Formula {
    /// Google SRE, chapter 21: (requests - 2 accepts) / (requests + 1).
    Sre,
    /// Envoy's admission control: successes below 95 %, at most 80 % rejected.
    Envoy,
    /// failsafe-go's adaptive throttler: failures above 10 %, at most 90 % rejected.
    FailsafeGo,
}

/// Rejects at random, the more calls fail.
pub(crate) struct Throttle {
    formula: Formula,
    window: Micros,
    /// Second, calls, successes.
    steps: VecDeque<(Micros, f64, f64)>,
    calls: f64,
    successes: f64,
}

impl Throttle {
    const fn new(formula: Formula, seconds: Micros) -> Self {
        let window = seconds * SECOND;
        Self { formula, window, steps: VecDeque::new(), calls: 0.0, successes: 0.0 }
    }

    pub(crate) const fn sre() -> Self {
        Self::new(Formula::Sre, 120)
    }

    pub(crate) const fn envoy() -> Self {
        Self::new(Formula::Envoy, 120)
    }

    pub(crate) const fn failsafe_go() -> Self {
        Self::new(Formula::FailsafeGo, 60)
    }

    fn add(&mut self, now: Micros, calls: f64, successes: f64) {
        let second = now / SECOND * SECOND;
        match self.steps.back_mut() {
            Some((at, c, s)) if *at == second => {
                *c += calls;
                *s += successes;
            }
            _ => self.steps.push_back((second, calls, successes)),
        }
        self.calls += calls;
        self.successes += successes;
        while let Some(&(at, calls, successes)) = self.steps.front()
            && at + self.window <= now
        {
            self.steps.pop_front();
            self.calls -= calls;
            self.successes -= successes;
        }
    }

    fn rejected_share(&self) -> f64 {
        let (calls, successes) = (self.calls, self.successes);
        match self.formula {
            Formula::Sre => (calls - 2.0 * successes) / (calls + 1.0),
            Formula::Envoy if calls < 5.0 * self.window as f64 / SECOND as f64 => 0.0,
            Formula::Envoy => ((calls - successes / 0.95) / (calls + 1.0)).min(0.8),
            Formula::FailsafeGo => ((calls - successes / 0.9) / (calls + 1.0)).min(0.9),
        }
    }
}

impl Gate for Throttle {
    fn admits(&mut self, _: Class, now: Micros, rng: &mut Pcg64Mcg) -> bool {
        let rejects = rng.random::<f64>() < self.rejected_share();
        if rejects {
            // Google counts what it rejects as requests; the others count what was sent.
            self.add(now, if matches!(self.formula, Formula::Sre) { 1.0 } else { 0.0 }, 0.0);
        }
        !rejects
    }

    fn sent(&mut self, _: Class, now: Micros) {
        self.add(now, 1.0, 0.0);
    }

    fn ended(&mut self, end: &Ended, now: Micros) {
        match end.outcome {
            Outcome::Success => self.add(now, 0.0, 1.0),
            Outcome::Lost => self.add(now, -1.0, 0.0),
            _ => {}
        }
    }
}

/// The rate limiter of the AWS SDKs' adaptive mode: a rate that falls by 30 % when throttled and
/// grows back along a cubic curve. It refuses what would have to wait.
pub(crate) struct AwsRate {
    enabled: bool,
    rate: f64,
    tokens: f64,
    filled: Micros,
    measured: f64,
    sent: u32,
    bucket: Micros,
    last_max: f64,
    throttled_at: Micros,
}

impl AwsRate {
    const BETA: f64 = 0.7;
    const SCALE: f64 = 0.4;
    const SMOOTH: f64 = 0.8;

    pub(crate) const fn new() -> Self {
        Self {
            enabled: false,
            rate: f64::MAX,
            tokens: 0.0,
            filled: 0,
            measured: 0.0,
            sent: 0,
            bucket: 0,
            last_max: 0.0,
            throttled_at: 0,
        }
    }

    /// Measures the rate of sending in half seconds.
    fn measure(&mut self, now: Micros) {
        let bucket = now * 2 / SECOND;
        self.sent += 1;
        if bucket > self.bucket {
            let rate = f64::from(self.sent) * 2.0 / (bucket - self.bucket) as f64;
            self.measured = rate * Self::SMOOTH + self.measured * (1.0 - Self::SMOOTH);
            self.sent = 0;
            self.bucket = bucket;
        }
    }

    fn window(&self) -> f64 {
        (self.last_max * (1.0 - Self::BETA) / Self::SCALE).cbrt()
    }
}

impl Gate for AwsRate {
    fn admits(&mut self, _: Class, now: Micros, _: &mut Pcg64Mcg) -> bool {
        if !self.enabled {
            return true;
        }
        self.tokens += (now - self.filled) as f64 / SECOND as f64 * self.rate;
        self.tokens = self.tokens.min(self.rate.max(1.0));
        self.filled = now;
        let admits = self.tokens >= 1.0;
        if admits {
            self.tokens -= 1.0;
        }
        admits
    }

    fn ended(&mut self, end: &Ended, now: Micros) {
        if end.outcome == Outcome::Lost {
            return;
        }
        self.measure(now);
        let throttled = matches!(end.outcome, Outcome::Quota | Outcome::Busy);
        let rate = if throttled {
            let used = if self.enabled { self.measured.min(self.rate) } else { self.measured };
            self.last_max = used;
            self.throttled_at = now;
            self.filled = if self.enabled { self.filled } else { now };
            self.enabled = true;
            used * Self::BETA
        } else {
            let since = (now - self.throttled_at) as f64 / SECOND as f64;
            Self::SCALE * (since - self.window()).powi(3) + self.last_max
        };
        if self.enabled {
            self.rate = rate.min(2.0 * self.measured).max(0.5);
        }
    }
}
