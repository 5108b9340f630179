//! Gradient2: recent latency against a long average.

use super::round::Summary;
use super::{Step, Why};

/// How many rounds the average spans.
const SPAN: f64 = 600.0;
/// The first rounds are averaged evenly.
const WARM_UP: u32 = 10;
/// How many calls may queue.
const QUEUE: f64 = 4.0;
const SMOOTHING: f64 = 0.2;

#[derive(Debug)]
pub(crate) struct Gradient2 {
    tolerance: f64,
    average: Option<f64>,
    rounds: u32,
}

impl Gradient2 {
    pub(crate) const fn new(tolerance: f64) -> Self {
        Self { tolerance, average: None, rounds: 0 }
    }

    pub(crate) const fn average(&self) -> Option<f64> {
        self.average
    }

    pub(crate) fn step(&mut self, round: &Summary, limit: f64) -> Option<Step> {
        let gradient = round.mean.map(|mean| self.gradient(mean));
        if round.loss().is_some() {
            let to = limit + SMOOTHING * (limit * 0.5 - limit);
            return Some(Step { to, why: Why::Losses });
        }
        let to = limit + SMOOTHING * (limit * gradient? + QUEUE - limit);
        if to < limit {
            return Some(Step { to, why: Why::Latency });
        }
        round.fills(limit).then_some(Step { to, why: Why::Demand })
    }

    fn gradient(&mut self, mean: f64) -> f64 {
        self.rounds = self.rounds.saturating_add(1);
        let average = match self.average {
            None => mean,
            Some(average) if self.rounds <= WARM_UP => {
                average + (mean - average) / f64::from(self.rounds)
            }
            Some(average) => average + (mean - average) * 2.0 / (SPAN + 1.0),
        };
        let gradient = (self.tolerance * average / mean).clamp(0.5, 1.0);
        // Long after a time of trouble it would let the limit grow beyond reason.
        let too_high = average > 2.0 * mean;
        self.average = Some(if too_high { average * 0.95 } else { average });
        gradient
    }
}
