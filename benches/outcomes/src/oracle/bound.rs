//! What nobody can beat: a scheduler that knows every arrival and the whole fault before it
//! happens, and shares out pooled capacity as if it were a fluid.
//!
//! Requests are unit jobs with a release and a deadline, so those that can be served in time form
//! a matroid: with `most(k)` the most of the `k` weightiest classes that can be, the greatest
//! weight is the sum of `(weight(k) - weight(k + 1)) * most(k)`. Earliest deadline first reaches
//! each `most(k)`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::{Class, Request};
use crate::scenario::{Liveness, Scenario, Service};
use crate::time::{MS, Micros, SECOND};

/// The most that can be reached among the requests that count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bound {
    /// Answered in time, by class.
    pub(crate) served: [f64; 3],
    /// Attempts that this takes at least, since some fail by chance.
    pub(crate) attempts: f64,
}

impl Bound {
    /// `requests` are those that would come if each were answered at once.
    pub(crate) fn of(scenario: &Scenario, requests: &[Request]) -> Self {
        let counted: Vec<&Request> =
            requests.iter().filter(|request| scenario.is_measured(request.arrives)).collect();
        let most = |classes: usize| -> f64 {
            let of_classes = |request: &&&Request| (request.class as usize) < classes;
            let chances = counted.iter().filter(of_classes).map(|it| chance(scenario, it)).sum();
            let served: f64 = (0..scenario.dependencies)
                .map(|dependency| {
                    let jobs = counted.iter().copied().filter(|request| {
                        request.dependency == dependency && (request.class as usize) < classes
                    });
                    most_served(scenario, dependency, jobs)
                })
                .sum();
            served.min(chances)
        };
        let most = [most(1), most(2), most(3)];
        let served = [most[0], most[1] - most[0], most[2] - most[1]];
        // What reaches a front in one attempt may take several further on.
        let before = if scenario.beyond.front { 1.0 } else { 0.0 };
        let tries: f64 = counted.iter().map(|request| before + tries(scenario, request)).sum();
        Self { served, attempts: most[2] * tries / counted.len().max(1) as f64 }
    }

    pub(crate) fn count(&self) -> f64 {
        self.served.iter().sum()
    }

    pub(crate) fn weight(&self) -> f64 {
        Class::ALL.iter().map(|class| class.weight() * self.served[*class as usize]).sum()
    }
}

/// The share of attempts that fail by chance when a request arrives.
fn failing(scenario: &Scenario, request: &Request) -> f64 {
    scenario.errors(request.arrives) + scenario.lost(request.arrives)
}

/// Attempts that an answer takes on average.
fn tries(scenario: &Scenario, request: &Request) -> f64 {
    if request.is_repeatable { 1.0 / (1.0 - failing(scenario, request)) } else { 1.0 }
}

/// How likely a request can be answered at all: what may not be repeated has one chance, unless it
/// can wait until the fault is over.
fn chance(scenario: &Scenario, request: &Request) -> f64 {
    let has_one = !request.is_repeatable && request.deadline < scenario.clears;
    if has_one { 1.0 - failing(scenario, request) } else { 1.0 }
}

/// When a request can first be served.
fn release(scenario: &Scenario, request: &Request) -> Micros {
    let dead = scenario.is_shard_dead(request.shard, request.arrives);
    if dead { scenario.clears } else { request.arrives }
}

fn most_served<'a>(
    scenario: &Scenario,
    dependency: u32,
    jobs: impl Iterator<Item = &'a Request>,
) -> f64 {
    let mut jobs: Vec<(Micros, Micros)> =
        jobs.map(|request| (release(scenario, request), request.deadline)).collect();
    jobs.sort_unstable();
    let mut fluid = Fluid::new(scenario, dependency);
    let (mut next, mut served) = (0, 0_u32);
    let mut waiting: BinaryHeap<Reverse<Micros>> = BinaryHeap::new();
    for now in (scenario.from..scenario.ends).step_by(MS as usize) {
        while let Some(&(released, deadline)) = jobs.get(next)
            && released <= now
        {
            waiting.push(Reverse(deadline));
            next += 1;
        }
        while waiting.peek().is_some_and(|&Reverse(deadline)| now + 2 * MS > deadline) {
            waiting.pop();
        }
        fluid.flow(now);
        while fluid.credit >= 1.0 && waiting.pop().is_some() {
            fluid.serve();
            served += 1;
        }
        // What nobody needed is gone.
        fluid.credit = fluid.credit.min(1.0);
    }
    f64::from(served)
}

/// The capacity of one dependency.
struct Fluid<'a> {
    scenario: &'a Scenario,
    dependency: u32,
    credit: f64,
    /// The share of requests that find their answer in the cache.
    share: f64,
}

impl<'a> Fluid<'a> {
    const fn new(scenario: &'a Scenario, dependency: u32) -> Self {
        // A cache that is flushed is empty when counting begins.
        Self { scenario, dependency, credit: 0.0, share: 0.0 }
    }

    fn mean(&self) -> f64 {
        match self.scenario.service {
            Service::Cache { hit, miss, .. } => self.share * hit + (1.0 - self.share) * miss,
            _ => self.scenario.service.mean(),
        }
    }

    /// Earns what one millisecond brings.
    fn flow(&mut self, now: Micros) {
        let first = self.dependency * self.scenario.replicas;
        let speed: f64 = (first..first + self.scenario.replicas)
            .filter(|&replica| !self.scenario.is_beyond_time(replica, now))
            .map(|replica| self.scenario.replica(replica, now))
            .filter(|state| state.liveness == Liveness::Serves)
            .map(|state| f64::from(state.workers) / state.slow)
            .sum();
        let earned = speed / self.mean();
        let allowed = self.scenario.quota(now).map(|rate| rate * MS as f64 / SECOND as f64);
        self.credit += allowed.map_or(earned, |allowed| earned.min(allowed));
    }

    fn serve(&mut self) {
        self.credit -= 1.0;
        if let Service::Cache { share, warmth, .. } = self.scenario.service {
            let misses = 1.0 - self.share;
            let rest = (share - self.share) / (1.0 - self.share);
            self.share += misses * rest * share / warmth;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::arrivals;
    use crate::scenario::all;

    /// What can be reached in each scenario as a share of what is asked, reckoned by hand: a
    /// backlog as old as the deadline builds up before anything is lost, and is lost or served
    /// when the fault ends.
    #[test]
    fn shares_are_what_can_be_reckoned_by_hand() {
        let share = |id: &str| {
            let scenario = all().into_iter().find(|scenario| scenario.id == id).unwrap();
            let requests = arrivals(&scenario, 3);
            let offered = requests.iter().filter(|r| scenario.is_measured(r.arrives)).count();
            Bound::of(&scenario, &requests).count() / offered as f64
        };
        for (id, expected) in [
            ("S01", 1.0),
            ("S03", 1.0),
            // 6 of 10 shards for 20 of 35 s, but for the last second.
            ("S04", 1.0 - 0.6 * 19.0 / 35.0),
            // 800 a second are lost once the backlog is a second old, which takes 3 s.
            ("S05", 1.0 - 800.0 * 17.0 / 84_000.0),
            ("S07", 1.0 - 2.0 / 18.0),
            ("S09", 1.0 - 19.0 / 35.0),
            ("S10", 1.0 - 0.5 * 19.0 / 35.0),
            ("S12", 1.0),
            ("S13", 1.0 - 10.0 / 42.0),
            ("S18", 1.0 - 900.0 * 17.33 / 84_000.0),
        ] {
            let reached = share(id);
            assert!((reached - expected).abs() < 0.012, "{id}: {reached} instead of {expected}");
        }
    }
}
