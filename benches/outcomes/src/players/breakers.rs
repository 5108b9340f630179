//! Circuit breakers as others ship them.

use std::collections::VecDeque;

use rand_pcg::Pcg64Mcg;

use super::stack::Gate;
use crate::model::{Class, Outcome};
use crate::player::Ended;
use crate::time::{Micros, SECOND};

/// When results open a breaker.
pub(crate) enum Rule {
    /// So many failures without a success between them.
    InARow(u32),
    /// A share of failures among the last calls, once there are as many.
    OfLast { calls: usize, share: f64 },
    /// A share of failures within a time, once there are enough calls.
    Within { time: Micros, at_least: usize, share: f64 },
}

/// Opens by its rule, refuses for a time, and closes again once probes have succeeded.
pub(crate) struct Breaker {
    rule: Rule,
    open_for: Micros,
    probes: u32,
    /// Of the probes, the share of failures from which it opens again.
    reopen: f64,
    state: State,
    results: VecDeque<(Micros, bool)>,
    failures: usize,
    in_a_row: u32,
}

enum State {
    Closed,
    Open { until: Micros },
    HalfOpen { since: Micros, sent: u32, succeeded: u32, failed: u32 },
}

impl Breaker {
    const fn new(rule: Rule, open_for: Micros, probes: u32, reopen: f64) -> Self {
        Self {
            rule,
            open_for,
            probes,
            reopen,
            state: State::Closed,
            results: VecDeque::new(),
            failures: 0,
            in_a_row: 0,
        }
    }

    /// Five failures in a row open it for 5 s; one probe decides.
    pub(crate) const fn consecutive() -> Self {
        Self::new(Rule::InARow(5), 5 * SECOND, 1, 1.0)
    }

    /// resilience4j: half of the last 100 calls, open for 60 s, ten probes.
    pub(crate) const fn resilience4j() -> Self {
        Self::new(Rule::OfLast { calls: 100, share: 0.5 }, 60 * SECOND, 10, 0.5)
    }

    /// Polly 8: a tenth of at least 100 calls within 30 s, open for 5 s, one probe.
    pub(crate) const fn polly() -> Self {
        let rule = Rule::Within { time: 30 * SECOND, at_least: 100, share: 0.1 };
        Self::new(rule, 5 * SECOND, 1, 1.0)
    }

    /// Hystrix: half of at least 20 calls within 10 s, open for 5 s, one probe.
    pub(crate) const fn hystrix() -> Self {
        let rule = Rule::Within { time: 10 * SECOND, at_least: 20, share: 0.5 };
        Self::new(rule, 5 * SECOND, 1, 1.0)
    }

    fn note(&mut self, failed: bool, now: Micros) {
        self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
        self.results.push_back((now, failed));
        self.failures += usize::from(failed);
        let is_old = |(at, _): &(Micros, bool), len: usize| match self.rule {
            Rule::InARow(_) => true,
            Rule::OfLast { calls, .. } => len > calls,
            Rule::Within { time, .. } => at + time <= now,
        };
        while self.results.front().is_some_and(|oldest| is_old(oldest, self.results.len())) {
            if let Some((_, true)) = self.results.pop_front() {
                self.failures -= 1;
            }
        }
    }

    fn trips(&self) -> bool {
        let share = self.failures as f64 / self.results.len().max(1) as f64;
        match self.rule {
            Rule::InARow(count) => self.in_a_row >= count,
            Rule::OfLast { calls, share: limit } => self.results.len() >= calls && share >= limit,
            Rule::Within { at_least, share: limit, .. } => {
                self.results.len() >= at_least && share >= limit
            }
        }
    }

    fn open(&mut self, now: Micros) {
        self.state = State::Open { until: now + self.open_for };
        self.results.clear();
        self.failures = 0;
        self.in_a_row = 0;
    }
}

impl Gate for Breaker {
    fn admits(&mut self, _: Class, now: Micros, _: &mut Pcg64Mcg) -> bool {
        if let State::Open { until } = self.state
            && now >= until
        {
            self.state = State::HalfOpen { since: now, sent: 0, succeeded: 0, failed: 0 };
        }
        match self.state {
            State::Closed => true,
            State::Open { .. } => false,
            State::HalfOpen { sent, .. } => sent < self.probes,
        }
    }

    fn sent(&mut self, _: Class, _: Micros) {
        if let State::HalfOpen { sent, .. } = &mut self.state {
            *sent += 1;
        }
    }

    fn ended(&mut self, end: &Ended, now: Micros) {
        let failed = match end.outcome {
            Outcome::Success => false,
            Outcome::Lost => return,
            _ => true,
        };
        match &mut self.state {
            State::Closed => {
                self.note(failed, now);
                if self.trips() {
                    self.open(now);
                }
            }
            State::Open { .. } => {}
            State::HalfOpen { since, succeeded, failed: bad, .. } if end.sent >= *since => {
                *(if failed { &mut *bad } else { &mut *succeeded }) += 1;
                let (bad, all) = (*bad, *bad + *succeeded);
                if f64::from(bad) >= self.reopen * f64::from(self.probes) {
                    self.open(now);
                } else if all >= self.probes {
                    self.state = State::Closed;
                }
            }
            State::HalfOpen { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_trip_at_their_numbers() {
        let failures = |mut breaker: Breaker| {
            (1..).find(|_| {
                breaker.note(true, 0);
                breaker.trips()
            })
        };
        assert_eq!(failures(Breaker::consecutive()), Some(5));
        assert_eq!(failures(Breaker::resilience4j()), Some(100));
        assert_eq!(failures(Breaker::polly()), Some(100));
        assert_eq!(failures(Breaker::hystrix()), Some(20));
    }
}
