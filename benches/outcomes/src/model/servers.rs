//! What happens at the replicas: they refuse, queue, work, pause and crash.

use rand::RngExt;

use super::event::{Answer, Event};
use super::replica::QUEUE;
use super::request::{Attempt, AttemptId, RequestId};
use super::world::World;
use crate::scenario::{Fault, Liveness, Service};
use crate::time::{MS, Micros};

/// A fast error takes so long.
const ERROR_TAKES: Micros = MS;

impl World {
    /// An attempt is there. A node of the front makes a request of it, which it returns.
    pub(super) fn reach(&mut self, attempt: AttemptId) -> Option<RequestId> {
        let replica = self.attempts[attempt as usize].replica;
        let node = self.node(replica);
        if node.is_none() {
            self.take_in(attempt, replica);
        }
        Some(self.hand_on(attempt, node?))
    }

    fn take_in(&mut self, attempt: AttemptId, replica: u32) {
        let Attempt { request, .. } = self.attempts[attempt as usize];
        let now = self.now;
        if let Some(rate) = self.scenario.quota(now)
            && !self.quota.admits(rate, now)
        {
            return self.answer(attempt, 0, Answer::Quota);
        }
        match self.scenario.replica(replica, now).liveness {
            Liveness::Refuses => return self.answer(attempt, 0, Answer::Refused),
            Liveness::Silent => return,
            Liveness::Fails => return self.answer(attempt, ERROR_TAKES, Answer::Error),
            Liveness::Serves | Liveness::Paused => {}
        }
        let errors = self.scenario.errors(now);
        let shard = self.request(request).shard;
        let fails = errors > 0.0 && self.errors.random_bool(errors);
        if fails || self.scenario.is_shard_dead(shard, now) {
            return self.answer(attempt, ERROR_TAKES, Answer::Error);
        }
        let beyond = self.scenario.beyond;
        let home = &mut self.replicas[replica as usize];
        if home.has_room(beyond.queue.unwrap_or(QUEUE)) {
            home.queue.push_back(attempt);
        } else if beyond.refusal > 0.0 {
            home.turning_away.push_back(attempt);
        } else {
            return self.answer(attempt, 0, Answer::Busy);
        }
        self.work_on(replica);
    }

    /// Sends the answer that leaves `after` from now.
    pub(super) fn answer(&mut self, attempt: AttemptId, after: Micros, answer: Answer) {
        let way = self.wire.way();
        self.agenda.add(self.now + after + way, Event::Answered(attempt, answer));
    }

    /// Gives idle workers of `replica` what waits.
    fn work_on(&mut self, replica: u32) {
        let state = self.scenario.replica(replica, self.now);
        if state.liveness != Liveness::Serves {
            return;
        }
        let workers = state.workers as usize;
        self.turn_away(replica, workers);
        while self.replicas[replica as usize].working.len() < workers
            && let Some(next) = self.replicas[replica as usize].queue.pop_front()
        {
            if self.is_too_late(next) {
                self.answer(next, 0, Answer::Error);
                continue;
            }
            let home = &mut self.replicas[replica as usize];
            let attempt = &mut self.attempts[next as usize];
            attempt.is_hit = self.cache.rng.random::<f64>() < self.cache.share;
            let is_long = self.requests[attempt.request as usize].is_long;
            let crowd = 1.0 + self.scenario.contention * home.queue.len() as f64;
            let took = self.work.draw(is_long, attempt.is_hit) * state.slow * crowd * MS as f64;
            let took = took as u32;
            home.working.push(next);
            let worked = Event::Worked { attempt: next, life: home.life, took };
            self.agenda.add(self.now + Micros::from(took), worked);
        }
    }

    /// Has idle workers turn away what found no room.
    fn turn_away(&mut self, replica: u32, workers: usize) {
        let took = (self.scenario.beyond.refusal * MS as f64) as u32;
        let home = &mut self.replicas[replica as usize];
        while home.working.len() < workers
            && let Some(next) = home.turning_away.pop_front()
        {
            self.attempts[next as usize].is_turned_away = true;
            home.working.push(next);
            let worked = Event::Worked { attempt: next, life: home.life, took };
            self.agenda.add(self.now + Micros::from(took), worked);
        }
    }

    /// Whether an attempt's replica looks at the time, and holds it to be past the deadline.
    fn is_too_late(&self, attempt: AttemptId) -> bool {
        let Attempt { request, replica, .. } = self.attempts[attempt as usize];
        let deadline = self.request(request).deadline;
        let clock = self.scenario.clock(replica, self.now);
        clock.is_some_and(|ahead| self.now.saturating_add_signed(ahead) > deadline)
    }

    /// The work of an attempt would be done, had its replica worked all the time.
    pub(super) fn worked(&mut self, attempt: AttemptId, life: u32, took: u32) {
        let Attempt { request, replica, is_awaited, is_hit, is_turned_away, .. } =
            self.attempts[attempt as usize];
        if self.replicas[replica as usize].life != life {
            return;
        }
        if self.scenario.replica(replica, self.now).liveness == Liveness::Paused {
            let (since, until) = self.pause(replica);
            let event = Event::Worked { attempt, life, took };
            return self.agenda.add(until + (self.now - since), event);
        }
        self.replicas[replica as usize].finish(attempt);
        self.done.all += Micros::from(took);
        let answer = if is_turned_away { Answer::Busy } else { self.carried_out(request) };
        let is_awaited = is_awaited && self.fates[self.root(request) as usize].is_open();
        if is_awaited && answer == Answer::Success {
            self.warm(is_hit);
        } else {
            self.done.wasted += Micros::from(took);
        }
        self.answer(attempt, 0, answer);
        self.work_on(replica);
    }

    /// The work for `request` is done; whether its answer is lost.
    fn carried_out(&mut self, request: RequestId) -> Answer {
        let root = self.root(request);
        self.fates[root as usize].effects += 1;
        let lost = self.scenario.lost(self.now);
        if lost > 0.0 && self.errors.random_bool(lost) { Answer::Error } else { Answer::Success }
    }

    /// From when until when `replica` is paused, which it is now.
    fn pause(&self, replica: u32) -> (Micros, Micros) {
        let is_paused =
            |at: Micros| self.scenario.replica(replica, at).liveness == Liveness::Paused;
        let place = self.changes.partition_point(|&change| change <= self.now);
        let starts = self.changes[..place].iter().rev();
        let since = starts.copied().take_while(|&at| is_paused(at)).last().unwrap_or(self.now);
        let until = self.changes[place..].iter().copied().find(|&at| !is_paused(at));
        (since, until.unwrap_or(self.scenario.clears))
    }

    /// Work whose answer is waited for fills the cache.
    fn warm(&mut self, is_hit: bool) {
        if let Service::Cache { share, warmth, .. } = self.scenario.service
            && !is_hit
            && self.cache.share < share
        {
            let rest = (share - self.cache.share) / (1.0 - self.cache.share);
            self.cache.share += rest * share / warmth;
        }
    }

    /// Replicas come or go.
    pub(super) fn changed(&mut self) {
        if self.scenario.fault == Fault::Flush && self.now == self.scenario.from {
            self.cache.share = 0.0;
        }
        for replica in 0..self.scenario.all_replicas() {
            match self.scenario.replica(replica, self.now).liveness {
                Liveness::Refuses => {
                    for lost in self.replicas[replica as usize].crash() {
                        self.answer(lost, 0, Answer::Refused);
                    }
                }
                Liveness::Silent => {
                    self.replicas[replica as usize].crash();
                }
                Liveness::Serves => self.work_on(replica),
                Liveness::Paused | Liveness::Fails => {}
            }
        }
    }
}
