//! A server with so many workers and one queue, in virtual time: a limit has to find its capacity.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::twin::sample;
use crate::limit::{Adaptive, Algorithm, Ended, Limiter};

const SECOND: u64 = 1_000_000;

/// Times are in microseconds.
struct Server {
    /// One for each client, and how many calls it has under way.
    clients: Vec<(Limiter, u32)>,
    now: u64,
    next_arrival: u64,
    /// When each worker has done what it was given.
    workers: BinaryHeap<Reverse<u64>>,
    /// When calls under way end, when they began, and whose they are.
    under_way: BinaryHeap<Reverse<(u64, u64, usize)>>,
    random: u64,
    service: u64,
    arrivals_apart: u64,
}

/// What a stretch of time came to.
#[derive(Debug)]
struct Seen {
    /// The limits of all clients together.
    least: u32,
    most: u32,
    answered: u64,
    /// The mean latency.
    latency: u64,
}

impl Server {
    /// 40 workers of 10 ms take 4,000 calls a second; twice as many come.
    fn new(algorithm: Algorithm, clients: usize) -> Self {
        let settings = Adaptive::default().with_algorithm(algorithm).with_bounds(1, 1_000);
        Self {
            clients: (0..clients).map(|_| (Limiter::new(settings, 20), 0)).collect(),
            now: SECOND,
            next_arrival: SECOND,
            workers: (0..40).map(|_| Reverse(0)).collect(),
            under_way: BinaryHeap::new(),
            random: 1,
            service: 10_000,
            arrivals_apart: 125,
        }
    }

    /// From 0 to 1, by a linear congruential generator.
    fn draw(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn set_workers(&mut self, workers: usize) {
        while self.workers.len() > workers {
            self.workers.pop();
        }
        while self.workers.len() < workers {
            self.workers.push(Reverse(self.now));
        }
    }

    fn run(&mut self, seconds: u64) -> Seen {
        let end = self.now + seconds * SECOND;
        let mut seen = Seen { least: u32::MAX, most: 0, answered: 0, latency: 0 };
        while self.now < end {
            match self.under_way.peek() {
                Some(Reverse((done, ..))) if *done <= self.next_arrival => {
                    let Some(Reverse((done, began, client))) = self.under_way.pop() else { break };
                    self.now = done;
                    let (limiter, in_use) = &mut self.clients[client];
                    limiter.on_result(sample(began, done, *in_use, Ended::Answered));
                    *in_use -= 1;
                    seen.answered += 1;
                    seen.latency += done - began;
                }
                _ => self.arrive(),
            }
            let limit = self.clients.iter().map(|(limiter, _)| limiter.limit()).sum();
            seen.least = seen.least.min(limit);
            seen.most = seen.most.max(limit);
        }
        seen.latency /= seen.answered.max(1);
        seen
    }

    fn arrive(&mut self) {
        self.now = self.next_arrival;
        let apart = -(1.0 - self.draw()).ln() * self.arrivals_apart as f64;
        self.next_arrival += 1 + apart as u64;
        let client = (self.draw() * self.clients.len() as f64) as usize;
        let (limiter, in_use) = &mut self.clients[client];
        if *in_use < limiter.limit() {
            *in_use += 1;
            // Half constant and half exponential.
            let work = 0.5 - 0.5 * (1.0 - self.draw()).ln();
            let free = self.workers.pop().map_or(self.now, |Reverse(free)| free);
            let done = free.max(self.now) + (work * self.service as f64) as u64;
            self.workers.push(Reverse(done));
            self.under_way.push(Reverse((done, self.now, client)));
        }
    }
}

/// How many calls of `ms` milliseconds so many workers answer in so many seconds.
fn capacity(workers: u64, ms: u64, seconds: u64) -> u64 {
    workers * 1_000 / ms * seconds
}

#[track_caller]
fn assert_within(seen: &Seen, limits: std::ops::Range<u32>, answered: u64, latency: u64) {
    assert!(limits.start <= seen.least && seen.most < limits.end, "{seen:?}");
    assert!(seen.answered >= answered && seen.latency <= latency, "{seen:?}, not {answered}");
}

#[test]
fn it_finds_the_capacity_and_stays_there() {
    let mut server = Server::new(Algorithm::baseline(), 1);
    let seen = server.run(5);
    assert_within(&seen, 20..80, capacity(40, 10, 5) * 95 / 100, 16_000);
    // Ten times as long as it remembers: no queue of its own becomes the baseline.
    for _ in 0..5 {
        let seen = server.run(60);
        assert_within(&seen, 25..90, capacity(40, 10, 60) * 99 / 100, 17_000);
    }
}

#[test]
fn it_follows_a_capacity_that_falls_and_rises() {
    let mut server = Server::new(Algorithm::baseline(), 1);
    server.run(30);
    server.set_workers(16);
    server.run(1);
    let seen = server.run(20);
    assert_within(&seen, 10..40, capacity(16, 10, 20) * 97 / 100, 20_000);
    server.set_workers(40);
    let seen = server.run(2);
    assert!(seen.answered >= capacity(40, 10, 2) * 90 / 100, "{seen:?}");
    let seen = server.run(60);
    assert_within(&seen, 25..90, capacity(40, 10, 60) * 99 / 100, 17_000);
}

#[test]
fn it_accepts_a_latency_that_is_higher_for_good_and_one_that_is_lower() {
    let mut server = Server::new(Algorithm::baseline(), 1);
    server.run(30);
    server.service = 50_000;
    let seen = server.run(10);
    assert!(seen.answered >= capacity(40, 50, 10) * 90 / 100, "{seen:?}");
    let seen = server.run(60);
    assert_within(&seen, 20..100, capacity(40, 50, 60) * 97 / 100, 90_000);
    server.service = 5_000;
    server.run(2);
    // What comes is now just what it can take.
    let seen = server.run(60);
    assert!(seen.answered >= capacity(40, 5, 60) * 97 / 100 && seen.latency < 10_000, "{seen:?}");
}

/// Each of ten clients sees a tenth of the calls and moves a tenth of the queue: it grows longer
/// than with one, but stays a small part of what it is without limits that move.
#[test]
fn many_clients_of_one_server_keep_it_busy_and_its_queue_bounded() {
    let mut server = Server::new(Algorithm::baseline(), 10);
    for _ in 0..3 {
        let seen = server.run(60);
        assert_within(&seen, 40..1_000, capacity(40, 10, 60) * 99 / 100, 150_000);
    }
    server.set_workers(16);
    server.run(2);
    let seen = server.run(20);
    assert_within(&seen, 16..600, capacity(16, 10, 20) * 97 / 100, 250_000);
}

#[test]
fn the_known_limits_keep_the_server_busy() {
    for algorithm in super::algorithms() {
        let mut server = Server::new(algorithm, 1);
        server.run(5);
        let seen = server.run(60);
        assert!(seen.answered >= capacity(40, 10, 60) * 99 / 100, "{algorithm:?}: {seen:?}");
        server.set_workers(16);
        server.run(2);
        let seen = server.run(20);
        assert!(seen.answered >= capacity(16, 10, 20) * 97 / 100, "{algorithm:?}: {seen:?}");
    }
}
