//! salve's own: a round's median latency against a baseline that forgets.

use std::time::Duration;

use salve_core::Moment;

use super::lowest::Lowest;
use super::round::Summary;
use super::{Step, Why};

/// A round within so many times the baseline has measured it anew.
const RENEWS: f64 = 1.1;
/// A drained round runs at this share of the limit that Little's law finds just enough, so that
/// what has queued is worked off.
const DRAINED: f64 = 0.9;

/// Latency that stays above this share of its highest while the limit shrinks from a half to a
/// quarter does not come from the calls that the limit admits. Less would do for one client, but
/// not where many share a server and shrink at different times.
const STEADY: f64 = 0.7;

/// # Invariants
/// 1. The baseline is the lowest median of the rounds within `memory`.
/// 2. If half of `memory` has gone by without a round near it, while the limit is in use, one round
///    is drained; the limit is then what it was.
/// 3. The baseline is forgotten before its time if a limit that shrank to a quarter, in rounds one
///    after another, has not moved latency.
#[derive(Debug)]
pub(crate) struct Baseline {
    tolerance: f64,
    memory: Duration,
    pub(crate) lowest: Lowest,
    /// When a round last came near the baseline.
    renewed: Option<Moment>,
    /// The limit to go back to after a drained round.
    drained_from: Option<f64>,
    /// The limit before it began to shrink for latency's sake; the lowest and the highest median
    /// of the rounds at half of that and below.
    shrinking: Option<(f64, f64, f64)>,
}

impl Baseline {
    pub(crate) fn new(tolerance: f64, memory: Duration) -> Self {
        let lowest = Lowest::new(memory);
        Self { tolerance, memory, lowest, renewed: None, drained_from: None, shrinking: None }
    }

    pub(crate) fn step(&mut self, round: &Summary, limit: f64) -> Option<Step> {
        let drained_from = self.drained_from.take();
        let measured = round.median.map(|median| (self.lowest.add(round.now, median), median));
        if let Some(share) = round.loss() {
            return Some(Step { to: limit * (1.0 - share.clamp(0.1, 0.5)), why: Why::Losses });
        }
        let (baseline, median) = measured?;
        if drained_from.is_some() || median <= RENEWS * baseline {
            self.renewed = Some(round.now);
        }
        if let Some(to) = drained_from {
            return Some(Step { to: to.max(limit), why: Why::Drained });
        }
        if self.is_stale(round) && round.fills(limit) {
            self.drained_from = Some(limit);
            let just_enough = DRAINED * limit * baseline / median;
            return Some(Step { to: just_enough.max(limit / 2.0), why: Why::Drains });
        }
        let kept = limit * (self.tolerance * baseline / median).clamp(0.5, 1.0);
        let to = kept + kept.sqrt();
        if to < limit {
            if self.is_in_vain(limit, median) {
                self.shrinking = None;
                self.lowest.restart(round.now, median);
                return None;
            }
            return Some(Step { to, why: Why::Latency });
        }
        self.shrinking = None;
        round.fills(limit).then_some(Step { to, why: Why::Demand })
    }

    /// Whether a limit that shrinks has not moved latency.
    fn is_in_vain(&mut self, limit: f64, median: f64) -> bool {
        let (from, low, high) = self.shrinking.unwrap_or((limit, f64::INFINITY, 0.0));
        let halved = limit <= from / 2.0;
        let (low, high) = if halved { (low.min(median), high.max(median)) } else { (low, high) };
        self.shrinking = Some((from, low, high));
        limit <= from / 4.0 && low >= STEADY * high
    }

    fn is_stale(&self, round: &Summary) -> bool {
        self.renewed.is_none_or(|renewed| round.now.since(renewed) >= self.memory / 2)
    }

    /// A limit that was set from outside is not undone.
    pub(crate) fn forget_limits(&mut self) {
        self.drained_from = None;
        self.shrinking = None;
    }
}
