//! Means, deviations and medians that detectors share.

/// Count, mean and sum of squared differences of values one by one (Welford 1962).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) mean: f64,
    squares: f64,
}

impl Moments {
    /// Adds a value; beyond `memory` values the oldest fade, each by one part in `memory`.
    pub(super) fn add(&mut self, value: f64, memory: f64) {
        if self.count >= memory {
            self.squares *= 1.0 - 1.0 / memory;
        }
        self.count = (self.count + 1.0).min(memory);
        let difference = value - self.mean;
        self.mean += difference / self.count;
        self.squares += difference * (value - self.mean);
    }

    pub(super) fn variance(&self) -> f64 {
        if self.count > 0.0 { (self.squares / self.count).max(0.0) } else { 0.0 }
    }
}

/// Mean and standard deviation of all, the smallest and the largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) mean: f64,
    pub(super) deviation: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Summary {
    /// In two passes, so that no error adds up. Of nothing it is all zero.
    pub(super) fn of(values: &[f64]) -> Self {
        let Some(&first) = values.first() else {
            return Self { mean: 0.0, deviation: 0.0, low: 0.0, high: 0.0 };
        };
        let count = values.len() as f64;
        let mean = values.iter().map(|value| value / count).sum::<f64>();
        let squares = values.iter().map(|value| (value - mean) * (value - mean) / count);
        let deviation = squares.sum::<f64>().sqrt();
        let low = values.iter().fold(first, |low, value| low.min(*value));
        let high = values.iter().fold(first, |high, value| high.max(*value));
        Self { mean, deviation, low, high }
    }
}

/// The median; of an even number the mean of the two in the middle. `None` of nothing.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let is_even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if !is_even {
        return Some(upper);
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(lower / 2.0 + upper / 2.0)
}

/// The value that a share of all lies below, by the nearest rank. `None` of nothing.
pub(super) fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let rank = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1));
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable_by(rank - 1, f64::total_cmp).1)
}
