//! The state of the model: what is on its way, who works on what, and what became of it.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::arrivals::arrivals;
use super::event::{Agenda, Answer, Event};
use super::fate::Fate;
use super::random::{Purpose, Wire, Work, stream};
use super::replica::{Replica, WorkDone};
use super::request::{Attempt, AttemptId, Outcome, Request, RequestId};
use super::users::User;
use crate::player::Ended;
use crate::scenario::{Scenario, Service};
use crate::time::{Micros, SECOND};

/// The state of the model. See [`play`](super::play) for who moves it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) now: Micros,
    pub(super) agenda: Agenda,
    /// Those that come whatever becomes of others, then those that others bring about.
    pub(super) requests: Vec<Request>,
    /// How many there are of the former.
    open: usize,
    pub(super) users: Vec<User>,
    pub(super) fates: Vec<Fate>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) replicas: Vec<Replica>,
    pub(super) changes: Vec<Micros>,
    /// Attempts that each client has under way.
    pools: Vec<u32>,
    pub(super) wire: Wire,
    pub(super) work: Work,
    pub(super) errors: Pcg64Mcg,
    pub(super) cache: Cache,
    balance: Pcg64Mcg,
    pub(super) quota: Quota,
    pub(super) sent_to_dead: Vec<Micros>,
    pub(super) done: WorkDone,
}

#[derive(Debug)]
pub(super) struct Cache {
    pub(super) rng: Pcg64Mcg,
    /// The share of requests that find their answer.
    pub(super) share: f64,
}

/// A bucket that holds what 50 ms bring.
#[derive(Debug, Default)]
pub(super) struct Quota {
    tokens: f64,
    filled: Micros,
}

impl Quota {
    pub(super) fn admits(&mut self, rate: f64, now: Micros) -> bool {
        let depth = rate * 0.05;
        self.tokens += (now - self.filled) as f64 / SECOND as f64 * rate;
        self.tokens = self.tokens.min(depth);
        self.filled = now;
        let admits = self.tokens >= 1.0;
        if admits {
            self.tokens -= 1.0;
        }
        admits
    }
}

impl World {
    pub(crate) fn new(scenario: &Scenario, seed: u64) -> Self {
        let is_open = scenario.beyond.users.is_none();
        let requests = if is_open { arrivals(scenario, seed) } else { Vec::new() };
        let share = match scenario.service {
            Service::Cache { share, .. } => share,
            _ => 1.0,
        };
        let changes = scenario.changes();
        let mut agenda = Agenda::default();
        for &change in &changes {
            agenda.add(change, Event::Changed);
        }
        let mut world = Self {
            now: 0,
            agenda,
            fates: vec![Fate::default(); requests.len()],
            open: requests.len(),
            requests,
            users: Vec::new(),
            attempts: Vec::new(),
            replicas: (0..scenario.all_replicas()).map(|_| Replica::default()).collect(),
            changes,
            pools: vec![0; scenario.callers() as usize],
            wire: Wire::new(seed),
            work: Work::new(seed, scenario.service),
            errors: stream(seed, Purpose::Errors),
            cache: Cache { rng: stream(seed, Purpose::Cache), share },
            balance: stream(seed, Purpose::Balance),
            quota: Quota::default(),
            sent_to_dead: Vec::new(),
            done: WorkDone::default(),
            scenario: scenario.clone(),
        };
        world.invite_users(seed);
        world
    }

    /// The requests that come whatever becomes of others.
    pub(crate) fn open(&self) -> &[Request] {
        &self.requests[..self.open]
    }

    pub(crate) fn request(&self, request: RequestId) -> &Request {
        &self.requests[request as usize]
    }

    pub(crate) fn next_event(&self) -> Option<Micros> {
        self.agenda.next_time()
    }

    pub(super) fn take_event(&mut self) -> Option<Event> {
        self.agenda.next().map(|(_, event)| event)
    }

    pub(crate) fn wake(&mut self, client: u32, at: Micros, token: u64) {
        self.agenda.add(at.max(self.now), Event::Woken { client, token });
    }

    /// Sends an attempt to `address`; without one, to any replica.
    pub(crate) fn send(
        &mut self,
        request: RequestId,
        address: Option<u32>,
        limit: Option<Micros>,
    ) -> AttemptId {
        let Request { client, shard, dependency, deadline, .. } = *self.request(request);
        let replicas = self.scenario.replicas;
        let of_dependency = address.unwrap_or_else(|| self.balance.random_range(0..replicas));
        let address = address.unwrap_or(0);
        let calls_front = self.calls_front(client);
        let first = if calls_front { self.scenario.all_replicas() } else { dependency * replicas };
        let replica = first + of_dependency;
        let attempt = self.attempts.len() as AttemptId;
        let pool = &mut self.pools[client as usize];
        let is_placed = self.scenario.pool.is_none_or(|places| *pool < places);
        self.attempts.push(Attempt {
            request,
            replica,
            address,
            sent: self.now,
            is_awaited: true,
            is_placed,
            is_hit: true,
            is_turned_away: false,
        });
        let fate = &mut self.fates[request as usize];
        fate.awaited.push(attempt);
        if !is_placed {
            self.agenda.add(self.now, Event::Answered(attempt, Answer::NoPlace));
            return attempt;
        }
        *pool += 1;
        let root = self.root(request);
        self.fates[root as usize].attempts += 1;
        if !calls_front && self.is_dead(replica, shard) {
            self.sent_to_dead.push(self.now);
        }
        let way = self.wire.way();
        self.agenda.add(self.now + way, Event::Reached(attempt));
        if let Some(ends) = limit.map(|limit| self.now + limit)
            && ends < deadline
        {
            self.agenda.add(ends, Event::TimedOut(attempt));
        }
        attempt
    }

    fn is_dead(&self, replica: u32, shard: u32) -> bool {
        let (now, scenario) = (self.now, &self.scenario);
        scenario.replica(replica, now).is_dead()
            || scenario.is_shard_dead(shard, now)
            || scenario.is_beyond_time(replica, now)
    }

    /// An answer has come to the client; `true` if it is waited for.
    pub(super) fn answered(&mut self, attempt: AttemptId, outcome: Outcome) -> (Ended, bool) {
        self.leave_pool(attempt);
        let ended = self.ended(attempt, outcome);
        let awaited = self.stop_waiting(attempt);
        if awaited && outcome == Outcome::Success {
            self.fates[ended.request as usize].answered = Some(self.now);
            self.over(ended.request);
        }
        (ended, awaited)
    }

    /// The attempt's time is over; `None` if nobody waits for it.
    pub(super) fn time_out(&mut self, attempt: AttemptId) -> Option<Ended> {
        if !self.stop_waiting(attempt) {
            return None;
        }
        self.leave_pool(attempt);
        Some(self.ended(attempt, Outcome::TimedOut))
    }

    /// The attempts that a success makes superfluous.
    pub(super) fn lost_by(&mut self, ended: &Ended) -> Vec<Ended> {
        if ended.outcome != Outcome::Success {
            return Vec::new();
        }
        self.stop_all(ended.request, Outcome::Lost)
    }

    /// The request's time is over; `None` if it had ended before.
    pub(super) fn expire(&mut self, request: RequestId) -> Option<Vec<Ended>> {
        if !self.fates[request as usize].is_open() {
            return None;
        }
        self.fates[request as usize].failed = Some(self.now);
        self.over(request);
        Some(self.stop_all(request, Outcome::TimedOut))
    }

    pub(crate) fn give_up(&mut self, request: RequestId, rejected: bool) {
        let fate = &mut self.fates[request as usize];
        if fate.is_open() {
            fate.failed = Some(self.now);
            fate.rejected = rejected;
            self.stop_all(request, Outcome::Lost);
            self.over(request);
        }
    }

    fn stop_all(&mut self, request: RequestId, outcome: Outcome) -> Vec<Ended> {
        let awaited = std::mem::take(&mut self.fates[request as usize].awaited);
        awaited
            .into_iter()
            .map(|attempt| {
                self.attempts[attempt as usize].is_awaited = false;
                self.leave_pool(attempt);
                self.ended(attempt, outcome)
            })
            .collect()
    }

    /// Whether it was waited for.
    fn stop_waiting(&mut self, attempt: AttemptId) -> bool {
        let one = &mut self.attempts[attempt as usize];
        let awaited = std::mem::replace(&mut one.is_awaited, false);
        if awaited {
            self.fates[one.request as usize].awaited.retain(|&other| other != attempt);
        }
        awaited
    }

    fn leave_pool(&mut self, attempt: AttemptId) {
        let one = &mut self.attempts[attempt as usize];
        if std::mem::replace(&mut one.is_placed, false) {
            let client = self.requests[one.request as usize].client;
            self.pools[client as usize] -= 1;
        }
    }

    fn ended(&self, attempt: AttemptId, outcome: Outcome) -> Ended {
        let Attempt { request, address, sent, .. } = self.attempts[attempt as usize];
        let Request { class, dependency, deadline, .. } = *self.request(request);
        Ended {
            attempt,
            request,
            class,
            dependency,
            address,
            sent,
            took: self.now - sent,
            deadline,
            outcome,
        }
    }
}
