//! Vegas: how many calls queue, by their latency.

use std::time::Duration;

use super::lowest::Lowest;
use super::round::Summary;
use super::{Step, Why};

#[derive(Debug)]
pub(crate) struct Vegas {
    pub(crate) lowest: Lowest,
}

impl Vegas {
    pub(crate) fn new(memory: Duration) -> Self {
        Self { lowest: Lowest::new(memory) }
    }

    pub(crate) fn step(&mut self, round: &Summary, limit: f64) -> Option<Step> {
        let lowest = round.mean.map(|mean| (self.lowest.add(round.now, mean), mean));
        let step = limit.log10().max(1.0);
        if round.lost > 0 {
            return Some(Step { to: limit - step, why: Why::Losses });
        }
        let (lowest, mean) = lowest?;
        let queued = limit * (1.0 - lowest / mean);
        if queued > 6.0 * step {
            return Some(Step { to: limit - step, why: Why::Latency });
        }
        let growth = match queued {
            queued if queued <= step => 6.0 * step,
            queued if queued < 3.0 * step => step,
            _ => return None,
        };
        round.fills(limit).then_some(Step { to: limit + growth, why: Why::Demand })
    }
}
