//! Additive increase, multiplicative decrease.

use std::time::Duration;

use salve_core::{Moment, Ratio, nanos};

use super::{Step, Why};

#[derive(Debug)]
pub(crate) struct Aimd {
    backoff: f64,
    slow: u64,
    /// When the limit last shrank.
    shrank: Option<Moment>,
}

impl Aimd {
    pub(crate) fn new(backoff: Ratio, slow: Duration) -> Self {
        Self { backoff: backoff.as_f64(), slow: nanos(slow), shrank: None }
    }

    /// A call that was answered after `latency`, or lost.
    #[inline]
    pub(crate) fn hear(
        &mut self,
        (began, now): (Moment, Moment),
        latency: Option<u64>,
        in_use: u32,
        limit: f64,
    ) -> Option<Step> {
        if latency.is_none_or(|latency| latency > self.slow) {
            if self.shrank.is_some_and(|shrank| began <= shrank) {
                return None;
            }
            self.shrank = Some(now);
            let why = if latency.is_none() { Why::Losses } else { Why::Latency };
            return Some(Step { to: (limit * self.backoff).min(limit - 1.0), why });
        }
        let fills = 2 * u64::from(in_use) >= limit as u64;
        fills.then(|| Step { to: limit + 1.0 / limit, why: Why::Demand })
    }
}
