//! A server with so many workers and one queue, in virtual time: a limit has to find its capacity.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::twin::sample;
use crate::limit::{Adaptive, Algorithm, Ended, Limiter};

const SECOND: u64 = 1_000_000;

/// Times are in microseconds.
struct Server {
    limiter: Limiter,
    now: u64,
    next_arrival: u64,
    /// When each worker has done what it was given.
    workers: BinaryHeap<Reverse<u64>>,
    /// When calls under way end, and when they began.
    under_way: BinaryHeap<Reverse<(u64, u64)>>,
    random: u64,
    service: u64,
    arrivals_apart: u64,
}

/// What a stretch of time came to.
#[derive(Debug)]
struct Seen {
    least: u32,
    most: u32,
    answered: u64,
    /// The mean latency.
    latency: u64,
}

impl Server {
    fn new(algorithm: Algorithm, workers: usize, service: u64, arrivals_apart: u64) -> Self {
        let settings = Adaptive::default().with_algorithm(algorithm).with_bounds(1, 1_000);
        Self {
            limiter: Limiter::new(settings, 20),
            now: SECOND,
            next_arrival: SECOND,
            workers: (0..workers).map(|_| Reverse(0)).collect(),
            under_way: BinaryHeap::new(),
            random: 1,
            service,
            arrivals_apart,
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
                Some(Reverse((done, _))) if *done <= self.next_arrival => {
                    let in_use = self.under_way.len() as u32;
                    let Some(Reverse((done, began))) = self.under_way.pop() else { continue };
                    self.now = done;
                    self.limiter.on_result(sample(began, done, in_use, Ended::Answered));
                    seen.answered += 1;
                    seen.latency += done - began;
                }
                _ => self.arrive(),
            }
            seen.least = seen.least.min(self.limiter.limit());
            seen.most = seen.most.max(self.limiter.limit());
        }
        seen.latency /= seen.answered.max(1);
        seen
    }

    fn arrive(&mut self) {
        self.now = self.next_arrival;
        let apart = -(1.0 - self.draw()).ln() * self.arrivals_apart as f64;
        self.next_arrival += 1 + apart as u64;
        if self.under_way.len() < self.limiter.limit() as usize {
            // Half constant and half exponential.
            let work = 0.5 - 0.5 * (1.0 - self.draw()).ln();
            let Some(Reverse(free)) = self.workers.pop() else { return };
            let done = free.max(self.now) + (work * self.service as f64) as u64;
            self.workers.push(Reverse(done));
            self.under_way.push(Reverse((done, self.now)));
        }
    }
}

#[test]
fn explore() {
    for algorithm in super::algorithms() {
        println!("{algorithm:?}");
        let mut server = Server::new(algorithm, 40, 10_000, 125);
        println!("start {:?}", server.run(5));
        for _ in 0..3 {
            println!("min {:?}", server.run(60));
        }
        server.set_workers(16);
        println!("16: {:?}", server.run(2));
        for _ in 0..3 {
            println!("16: {:?}", server.run(60));
        }
        server.set_workers(40);
        println!("40: {:?}", server.run(2));
        println!("40: {:?}", server.run(60));
        server.service = 50_000;
        for _ in 0..8 {
            println!("50ms: {:?}", server.run(10));
        }
        server.service = 5_000;
        for _ in 0..3 {
            println!("5ms: {:?}", server.run(10));
        }
    }
    panic!();
}
