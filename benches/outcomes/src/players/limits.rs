//! Limits on what is under way, which follow latency or loss.

use std::collections::VecDeque;

use rand::{Rng, RngExt};
use rand_pcg::Pcg64Mcg;

use super::stack::Gate;
use crate::model::{Class, Outcome};
use crate::player::Ended;
use crate::time::{MS, Micros, SECOND};

/// An algorithm that sets the limit.
pub(crate) trait Algorithm {
    fn limit(&self) -> f64;

    /// A sample: latency, attempts under way when it was sent, and whether it was dropped.
    fn sample(
        &mut self,
        took: Micros,
        under_way: u32,
        dropped: bool,
        now: Micros,
        rng: &mut dyn Rng,
    );
}

/// Admits while less is under way than the algorithm's limit.
pub(crate) struct Limit<A> {
    algorithm: A,
    under_way: [u32; 3],
    /// The share of each class that is kept for it, if any is.
    partitions: Option<[f64; 3]>,
    rng: Option<Pcg64Mcg>,
}

impl<A: Algorithm> Limit<A> {
    pub(crate) const fn new(algorithm: A) -> Self {
        Self { algorithm, under_way: [0; 3], partitions: None, rng: None }
    }

    /// Netflix's partitions: 50 % for what is critical, 40 % and 10 % for the rest, and whatever
    /// is free for all.
    pub(crate) const fn with_partitions(mut self) -> Self {
        self.partitions = Some([0.5, 0.4, 0.1]);
        self
    }
}

impl<A: Algorithm> Gate for Limit<A> {
    fn admits(&mut self, class: Class, _: Micros, rng: &mut Pcg64Mcg) -> bool {
        if self.rng.is_none() {
            self.rng = Some(rng.clone());
        }
        let limit = self.algorithm.limit();
        let all: u32 = self.under_way.iter().sum();
        if f64::from(all) < limit.floor() {
            return true;
        }
        self.partitions.is_some_and(|shares| {
            let own = (limit * shares[class as usize]).floor().max(1.0);
            f64::from(self.under_way[class as usize]) < own
        })
    }

    fn sent(&mut self, class: Class, _: Micros) {
        self.under_way[class as usize] += 1;
    }

    fn ended(&mut self, end: &Ended, now: Micros) {
        let all: u32 = self.under_way.iter().sum();
        self.under_way[end.class as usize] -= 1;
        let dropped = match end.outcome {
            Outcome::Success => false,
            Outcome::TimedOut | Outcome::Busy | Outcome::Quota => true,
            // Errors and what others have won say nothing about how full it is.
            Outcome::Error | Outcome::Refused | Outcome::NoPlace | Outcome::Lost => return,
        };
        if let Some(rng) = &mut self.rng {
            self.algorithm.sample(end.took, all, dropped, now, rng);
        }
    }
}

/// Netflix concurrency-limits: 1 more while the limit binds, a tenth less on a drop or above 5 s.
pub(crate) struct Aimd {
    limit: f64,
    least: f64,
}

impl Aimd {
    /// Netflix's own least limit is 20.
    pub(crate) const fn new(least: f64) -> Self {
        Self { limit: 20.0, least }
    }
}

impl Algorithm for Aimd {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn sample(&mut self, took: Micros, under_way: u32, dropped: bool, _: Micros, _: &mut dyn Rng) {
        if dropped || took > 5 * SECOND {
            self.limit *= 0.9;
        } else if f64::from(under_way) * 2.0 >= self.limit {
            self.limit += 1.0;
        }
        self.limit = self.limit.clamp(self.least, 200.0);
    }
}

/// Netflix concurrency-limits: a short latency against an average over 600 samples.
pub(crate) struct Gradient2 {
    limit: f64,
    least: f64,
    long: f64,
    samples: u32,
}

impl Gradient2 {
    pub(crate) const fn new(least: f64) -> Self {
        Self { limit: 20.0, least, long: 0.0, samples: 0 }
    }
}

impl Algorithm for Gradient2 {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn sample(&mut self, took: Micros, under_way: u32, _: bool, _: Micros, _: &mut dyn Rng) {
        let short = took as f64;
        self.samples += 1;
        if self.samples <= 10 {
            self.long += (short - self.long) / f64::from(self.samples);
        } else {
            self.long += (short - self.long) * 2.0 / 601.0;
        }
        if self.long / short > 2.0 {
            self.long *= 0.95;
        }
        if f64::from(under_way) < self.limit / 2.0 {
            return;
        }
        let gradient = (1.5 * self.long / short).clamp(0.5, 1.0);
        let next = self.limit * gradient + 4.0;
        self.limit = (self.limit * 0.8 + next * 0.2).clamp(self.least, 200.0);
    }
}

/// Netflix concurrency-limits: the queue that the latency without load lets one guess.
pub(crate) struct Vegas {
    limit: f64,
    unloaded: f64,
    samples: f64,
    probe_at: f64,
}

impl Vegas {
    pub(crate) const fn new() -> Self {
        Self { limit: 20.0, unloaded: 0.0, samples: 0.0, probe_at: 15.0 }
    }
}

impl Algorithm for Vegas {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn sample(
        &mut self,
        took: Micros,
        under_way: u32,
        dropped: bool,
        _: Micros,
        rng: &mut dyn Rng,
    ) {
        let took = took as f64;
        self.samples += 1.0;
        if self.samples >= self.probe_at * self.limit {
            self.samples = 0.0;
            self.probe_at = 30.0 * rng.random_range(0.5..1.0);
            self.unloaded = took;
            return;
        }
        if self.unloaded == 0.0 || took < self.unloaded {
            self.unloaded = took;
            return;
        }
        let log = self.limit.log10().max(1.0);
        if dropped {
            self.limit -= log;
        } else if f64::from(under_way) * 2.0 < self.limit {
            return;
        } else {
            let queue = (self.limit * (1.0 - self.unloaded / took)).ceil();
            if queue <= log {
                self.limit += 6.0 * log;
            } else if queue < 3.0 * log {
                self.limit += log;
            } else if queue > 6.0 * log {
                self.limit -= log;
            }
        }
        self.limit = self.limit.clamp(1.0, 1_000.0);
    }
}

/// Envoy's adaptive concurrency: the 90th percentile of 100 ms against the least latency, which
/// is measured anew each minute with three calls under way.
pub(crate) struct Envoy {
    limit: f64,
    least: f64,
    samples: Vec<Micros>,
    window_ends: Micros,
    measuring: bool,
    limit_before: f64,
    measure_at: Micros,
    at_minimum: u32,
    recent: VecDeque<Micros>,
}

impl Envoy {
    const MEASURED_WITH: f64 = 3.0;
    const REQUESTS: usize = 50;

    pub(crate) const fn new() -> Self {
        Self {
            limit: Self::MEASURED_WITH,
            least: 0.0,
            samples: Vec::new(),
            window_ends: 0,
            measuring: true,
            limit_before: Self::MEASURED_WITH,
            measure_at: 0,
            at_minimum: 0,
            recent: VecDeque::new(),
        }
    }

    fn quantile(samples: &mut [Micros]) -> f64 {
        samples.sort_unstable();
        samples.get(samples.len() * 9 / 10).copied().unwrap_or(0) as f64
    }

    fn measured(&mut self, now: Micros, rng: &mut dyn Rng) {
        let mut samples: Vec<Micros> = self.recent.drain(..).collect();
        self.least = Self::quantile(&mut samples);
        self.measuring = false;
        self.limit = self.limit_before.max(Self::MEASURED_WITH);
        let jitter: f64 = rng.random_range(1.0..1.15);
        self.measure_at = now + (60.0 * SECOND as f64 * jitter) as Micros;
        self.samples.clear();
        self.window_ends = now + 100 * MS;
    }
}

impl Algorithm for Envoy {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn sample(&mut self, took: Micros, _: u32, dropped: bool, now: Micros, rng: &mut dyn Rng) {
        if dropped && took == 0 {
            return;
        }
        if self.measuring {
            self.recent.push_back(took);
            if self.recent.len() >= Self::REQUESTS {
                self.measured(now, rng);
            }
            return;
        }
        self.samples.push(took);
        if now < self.window_ends {
            return;
        }
        self.window_ends = now + 100 * MS;
        let sample = Self::quantile(&mut self.samples);
        self.samples.clear();
        let gradient = (self.least * 1.25 / sample.max(1.0)).clamp(0.5, 2.0);
        let next = self.limit * gradient;
        self.limit = (next + next.sqrt()).clamp(Self::MEASURED_WITH, 1_000.0);
        self.at_minimum =
            if self.limit <= Self::MEASURED_WITH + 1.0 { self.at_minimum + 1 } else { 0 };
        if now >= self.measure_at || self.at_minimum >= 5 {
            self.measuring = true;
            self.at_minimum = 0;
            self.limit_before = self.limit;
            self.limit = Self::MEASURED_WITH;
        }
    }
}
