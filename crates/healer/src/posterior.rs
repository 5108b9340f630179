//! What is known of an action's chance of success: a Beta distribution that forgets, in whole
//! millionths, so that a replay gives the very same.

use salve_core::{ConfigError, Ratio};
use serde::{Deserialize, Serialize};

const MILLION: u64 = 1_000_000;

/// What is thought of an action before anything is known: an expected rate, and how many tries
/// that is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// The expected share of successes.
    pub rate: Ratio,
    /// As how many tries it counts; 0 to 10, besides one success and one failure that always do.
    pub weight: u32,
}

/// The heaviest prior; a heavier one would not be corrected by what happens.
pub(crate) const MAX_WEIGHT: u32 = 10;

impl Default for Prior {
    fn default() -> Self {
        Self { rate: Ratio::percent::<50>(), weight: 0 }
    }
}

impl Prior {
    /// An expected rate that counts as so many tries.
    #[must_use]
    pub const fn new(rate: Ratio, weight: u32) -> Self {
        Self { rate, weight }
    }

    pub(crate) fn validate(&self, room: &'static str) -> Result<(), ConfigError> {
        salve_core::Check::room(room).range("weight", self.weight, 0, MAX_WEIGHT)
    }

    const fn alpha(&self) -> u64 {
        MILLION + self.weight as u64 * self.rate.parts_per_million() as u64
    }

    const fn beta(&self) -> u64 {
        MILLION + self.weight as u64 * (MILLION - self.rate.parts_per_million() as u64)
    }
}

/// What has been seen of an action, the older the less it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Successes that still count, in millionths.
    successes: u64,
    /// Failures that still count, in millionths.
    failures: u64,
}

impl Seen {
    /// Keeps this share of what was seen, rounded down.
    pub(crate) const fn fade(&mut self, keep: Ratio) {
        self.successes = keep.of(self.successes);
        self.failures = keep.of(self.failures);
    }

    pub(crate) const fn add(&mut self, success: bool) {
        let counter = if success { &mut self.successes } else { &mut self.failures };
        *counter = counter.saturating_add(MILLION);
    }

    /// The mean of the distribution, in parts per million.
    #[must_use]
    pub const fn mean(&self, prior: &Prior) -> u32 {
        let (alpha, beta) = self.shape(prior);
        (alpha as u128 * MILLION as u128 / (alpha as u128 + beta as u128)) as u32
    }

    /// Draws a chance of success (Thompson 1933), in parts per million.
    pub fn draw(&self, prior: &Prior, rng: &mut fastrand::Rng) -> u32 {
        let (alpha, beta) = self.shape(prior);
        let million = MILLION as f64;
        let (up, down) = (gamma(alpha as f64 / million, rng), gamma(beta as f64 / million, rng));
        let share = up / (up + down);
        // Two draws of exactly zero say nothing.
        if share.is_finite() { (share * million) as u32 } else { self.mean(prior) }
    }

    /// Both parameters are at least a million: one success and one failure always count.
    const fn shape(&self, prior: &Prior) -> (u64, u64) {
        (self.successes.saturating_add(prior.alpha()), self.failures.saturating_add(prior.beta()))
    }
}

/// A draw from a gamma distribution of this shape, at least 1 (Marsaglia and Tsang 2000).
fn gamma(shape: f64, rng: &mut fastrand::Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && open_unit(rng).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// A draw from the standard normal distribution (Box and Muller 1958).
fn normal(rng: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * open_unit(rng).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

/// From above 0 up to 1, so that it has a logarithm.
fn open_unit(rng: &mut fastrand::Rng) -> f64 {
    1.0 - rng.f64()
}
