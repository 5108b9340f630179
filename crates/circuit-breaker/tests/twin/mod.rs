//! The slow obvious twin of a breaker: it keeps every result and works everything out anew.

use std::time::Duration;

use salve_circuit_breaker::{Command, Config, Counts, OnCancel, OpenWait, RampOver, State, Window};
use salve_core::Moment;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    stay: u64,
    probe: Option<u64>,
    /// From when on the call is slow, and from when on dropping it is a failure.
    slow_at: Option<Moment>,
    cancel_at: Option<Moment>,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    at: Moment,
    failed: bool,
    slow: bool,
}

#[derive(Debug)]
pub(crate) struct Twin {
    config: Config,
    pub(crate) state: State,
    pub(crate) since: Option<Moment>,
    pub(crate) trips: u32,
    stay: u64,
    until: Moment,
    /// Everything since the tally was last cleared.
    ended: Vec<Ended>,
    /// Where in `ended` the memory of the rate begins: a rule that was off remembers nothing.
    window_from: usize,
    /// From where on slowness was remembered.
    slow_from: usize,
    probes_out: Vec<(u64, Moment)>,
    probes_made: u64,
    probes_good: u32,
    probes_bad: u32,
    ramp_credit: u64,
    ramp_admitted: u32,
    /// The failures that the rule about failures within a time still remembers.
    remembered_failures: Vec<Moment>,
}

impl Twin {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Closed,
            since: None,
            trips: 0,
            stay: 0,
            until: Moment::ZERO,
            ended: Vec::new(),
            window_from: 0,
            slow_from: 0,
            probes_out: Vec::new(),
            probes_made: 0,
            probes_good: 0,
            probes_bad: 0,
            ramp_credit: 0,
            ramp_admitted: 0,
            remembered_failures: Vec::new(),
        }
    }

    pub(crate) fn ask(&mut self, now: Moment) -> Result<Ticket, Option<Duration>> {
        let state = self.state;
        match state {
            State::ForcedOpen => return Err(None),
            State::Open if now < self.until => return Err(Some(self.until.since(now))),
            State::Open => {
                self.enter(State::HalfOpen, now);
                self.probes_out.clear();
                (self.probes_good, self.probes_bad) = (0, 0);
            }
            State::Ramping if !self.admit_ramped(now) => return Err(None),
            _ => {}
        }
        let mut probe = None;
        if self.state == State::HalfOpen {
            self.probes_out.retain(|&(_, deadline)| now < deadline);
            let taken = self.probes_out.len() as u32 + self.probes_good + self.probes_bad;
            if taken >= self.config.probes {
                return Err(None);
            }
            self.probes_made += 1;
            probe = Some(self.probes_made);
            self.probes_out.push((self.probes_made, now.after(self.config.probe_deadline)));
        }
        let slow = self.config.rate.and_then(|rate| rate.slow);
        let cancel_at = match self.config.on_cancel {
            OnCancel::Neutral => None,
            OnCancel::FailureAfter(limit) => Some(now.after(limit)),
        };
        let slow_at = slow.map(|slow| now.after(slow.after));
        Ok(Ticket { stay: self.stay, probe, slow_at, cancel_at })
    }

    /// Whether a call is admitted; at the end of the ramp the twin closes.
    fn admit_ramped(&mut self, now: Moment) -> bool {
        let elapsed = now.since(self.since.unwrap());
        let progress = self.config.ramp.map(|ramp| match ramp.over {
            RampOver::Time(over) => (ramp.floor, elapsed.as_nanos(), over.as_nanos()),
            RampOver::Calls(calls) => {
                (ramp.floor, u128::from(self.ramp_admitted), u128::from(calls))
            }
        });
        match progress {
            Some((floor, done, all)) if done < all => {
                let floor = u128::from(floor.parts_per_million());
                self.ramp_credit += (floor + (1_000_000 - floor) * done / all) as u64;
                let admitted = self.ramp_credit >= 1_000_000;
                if admitted {
                    self.ramp_credit -= 1_000_000;
                    self.ramp_admitted += 1;
                }
                admitted
            }
            _ => {
                self.state = State::Closed;
                self.since = Some(now);
                self.trips = 0;
                true
            }
        }
    }

    pub(crate) fn end(&mut self, ticket: Ticket, failed: bool, now: Moment) {
        if ticket.stay != self.stay {
            return;
        }
        let slow = ticket.slow_at.is_some_and(|at| now >= at);
        match self.state {
            State::Closed | State::Ramping => {
                self.ended.push(Ended { at: now, failed, slow });
                if failed && self.config.failures_within.is_some() {
                    self.remembered_failures.push(now);
                }
                if self.must_trip(failed, slow, now) {
                    self.trip(now);
                }
            }
            State::HalfOpen => {
                let before = self.probes_out.len();
                self.probes_out.retain(|&(number, _)| Some(number) != ticket.probe);
                if self.probes_out.len() == before {
                    return;
                }
                if failed || slow {
                    self.probes_bad += 1;
                } else {
                    self.probes_good += 1;
                }
                let left = self.config.probes.saturating_sub(self.probes_good + self.probes_bad);
                if self.probes_good >= self.config.successes_to_close {
                    if self.config.ramp.is_some() {
                        self.enter(State::Ramping, now);
                        self.forget();
                        (self.ramp_credit, self.ramp_admitted) = (0, 0);
                    } else {
                        self.close(now);
                    }
                } else if self.probes_good + left < self.config.successes_to_close {
                    self.trip(now);
                }
            }
            State::Open | State::ForcedOpen | State::ForcedClosed => {}
            _ => unreachable!("the twin knows every state"),
        }
    }

    fn must_trip(&self, failed: bool, slow: bool, now: Moment) -> bool {
        let consecutive = self.config.consecutive_failures;
        let by_row = failed && consecutive.is_some_and(|most| self.consecutive() >= most);
        let within = self.config.failures_within;
        let by_time = failed && within.is_some_and(|rule| self.recent(now) >= rule.failures);
        let by_rate = self.config.rate.is_some_and(|rate| {
            let counts = self.window(now);
            let share = |part: u64| (part * 1_000_000, counts.calls);
            let reaches = |part: u64, ratio: salve_core::Ratio| {
                let (part, whole) = share(part);
                part >= u64::from(ratio.parts_per_million()) * whole
            };
            counts.calls >= u64::from(rate.minimum_calls)
                && (failed && rate.failures.is_some_and(|ratio| reaches(counts.failures, ratio))
                    || slow && rate.slow.is_some_and(|slow| reaches(counts.slow, slow.share)))
        });
        by_row || by_time || by_rate
    }

    pub(crate) fn consecutive(&self) -> u32 {
        self.ended.iter().rev().take_while(|ended| ended.failed).count() as u32
    }

    pub(crate) fn recent(&self, now: Moment) -> u32 {
        let Some(rule) = self.config.failures_within else { return 0 };
        let newest = self.remembered_failures.iter().rev().take(rule.failures as usize);
        newest.filter(|&&at| now.since(at) < rule.within).count() as u32
    }

    pub(crate) fn window(&self, now: Moment) -> Counts {
        let Some(rate) = self.config.rate else { return Counts::default() };
        let seen = &self.ended[self.window_from..];
        let step_of =
            |moment: Moment, span: Duration| moment.as_nanos() / (span.as_nanos() as u64 / 10);
        let inside: Vec<usize> = match rate.window {
            Window::Calls(calls) => {
                let skipped = seen.len().saturating_sub(calls as usize);
                (skipped..seen.len()).collect()
            }
            Window::Time(span) => (0..seen.len())
                .filter(|&place| step_of(seen[place].at, span) + 10 > step_of(now, span))
                .collect(),
        };
        let count = |test: &dyn Fn(usize, &Ended) -> bool| {
            inside.iter().filter(|&&place| test(place, &seen[place])).count() as u64
        };
        Counts {
            calls: inside.len() as u64,
            failures: count(&|_, ended| ended.failed),
            slow: count(&|place, ended| {
                // Bits for slowness are only kept while a rule asks for them.
                let kept = matches!(rate.window, Window::Time(_))
                    || rate.slow.is_some() && place + self.window_from >= self.slow_from;
                ended.slow && kept
            }),
        }
    }

    pub(crate) fn give_back(&mut self, ticket: Ticket) {
        if ticket.stay == self.stay {
            self.probes_out.retain(|&(number, _)| Some(number) != ticket.probe);
        }
    }

    pub(crate) fn cancel(&mut self, ticket: Ticket, now: Moment) {
        if ticket.cancel_at.is_some_and(|at| now >= at) {
            self.end(ticket, true, now);
        } else {
            self.give_back(ticket);
        }
    }

    pub(crate) fn steer(&mut self, command: Command, now: Moment) {
        match command {
            Command::Open if self.state != State::Open => self.trip(now),
            Command::Open => {}
            Command::Close if self.state != State::Closed => self.close(now),
            Command::Close => {}
            Command::Reset => self.close(now),
            Command::ForceOpen if self.state != State::ForcedOpen => {
                self.enter(State::ForcedOpen, now);
            }
            Command::ForceClosed if self.state != State::ForcedClosed => {
                self.enter(State::ForcedClosed, now);
            }
            Command::ForceOpen | Command::ForceClosed => {}
        }
    }

    pub(crate) fn reconfigure(&mut self, config: Config) {
        let before = std::mem::replace(&mut self.config, config);
        match (before.failures_within, self.config.failures_within) {
            // What one of the two memories was too small for is forgotten for good.
            (Some(was), Some(is)) => {
                let most = was.failures.min(is.failures) as usize;
                let surplus = self.remembered_failures.len().saturating_sub(most);
                self.remembered_failures.drain(..surplus);
            }
            _ => self.remembered_failures.clear(),
        }
        let kept = match (before.rate, self.config.rate) {
            (Some(was), Some(is)) => {
                if was.slow.is_some() != is.slow.is_some() {
                    self.slow_from = self.ended.len();
                }
                match (was.window, is.window) {
                    (Window::Calls(was), Window::Calls(is)) => {
                        let held = (self.ended.len() - self.window_from).min(was as usize);
                        self.window_from = self.ended.len() - held.min(is as usize);
                        true
                    }
                    (Window::Time(was), Window::Time(is)) => {
                        was.as_nanos() / 10 == is.as_nanos() / 10
                    }
                    _ => false,
                }
            }
            _ => false,
        };
        if !kept {
            self.window_from = self.ended.len();
            self.slow_from = self.ended.len();
        }
    }

    fn trip(&mut self, now: Moment) {
        self.trips += 1;
        let wait = match &self.config.open_wait {
            OpenWait::Constant(wait) => *wait,
            OpenWait::Computed(wait) => wait.after(self.trips),
            other => unreachable!("the walk does not use {other:?}"),
        };
        self.enter(State::Open, now);
        self.until = now.after(wait);
    }

    fn close(&mut self, now: Moment) {
        self.enter(State::Closed, now);
        self.forget();
        self.trips = 0;
    }

    fn enter(&mut self, state: State, now: Moment) {
        self.state = state;
        self.since = Some(now);
        self.stay += 1;
    }

    fn forget(&mut self) {
        self.ended.clear();
        self.remembered_failures.clear();
        (self.window_from, self.slow_from) = (0, 0);
    }
}
