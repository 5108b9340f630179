//! The lowest of recent latencies, which forgets with time.

use std::time::Duration;

use salve_core::{Buckets, Moment};

/// The lowest latency of the last while, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Lowest {
    minima: Buckets<Minimum>,
}

#[derive(Clone, Copy, Debug)]
struct Minimum(f64);

impl Default for Minimum {
    fn default() -> Self {
        Self(f64::INFINITY)
    }
}

impl Lowest {
    pub(crate) fn new(memory: Duration) -> Self {
        Self { minima: Buckets::new(memory) }
    }

    /// Adds a latency, and returns the lowest that is remembered.
    pub(crate) fn add(&mut self, now: Moment, latency: f64) -> f64 {
        self.minima.advance(now);
        let current = self.minima.current();
        current.0 = current.0.min(latency);
        self.lowest()
    }

    /// Forgets all others.
    pub(crate) fn restart(&mut self, now: Moment, latency: f64) {
        self.minima.clear();
        self.add(now, latency);
    }

    fn lowest(&self) -> f64 {
        self.minima.iter().fold(f64::INFINITY, |lowest, minimum| lowest.min(minimum.0))
    }

    /// The lowest, unless nothing is remembered.
    pub(crate) fn get(&self) -> Option<f64> {
        Some(self.lowest()).filter(|lowest| lowest.is_finite())
    }
}
