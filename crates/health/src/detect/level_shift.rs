//! A level that changes and stays changed.

use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, Moment};

use super::spread::Moments;
use super::{Oddity, Stream};
use crate::config::ROOM;

/// The settings of a [`LevelShift`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct LevelShiftConfig {
    /// How many values make a level before a shift from it is looked for. Default 100; 8 to 10,000.
    pub warm_up: usize,
    /// How far a value must lie from the level to count, in deviations: half the shift that is to
    /// be found. Default 0.5; more than 0, less than 4.
    pub slack: f64,
    /// What the excess has to add up to, in deviations. Default 8; more than 0.
    pub limit: f64,
    /// A deviation is taken to be at least this, in the value's own unit. Default 0.
    pub least_scale: f64,
}

impl Default for LevelShiftConfig {
    fn default() -> Self {
        Self { warm_up: 100, slack: 0.5, limit: 8.0, least_scale: 0.0 }
    }
}

impl LevelShiftConfig {
    /// Sets how many values make a level.
    #[must_use]
    pub const fn with_warm_up(mut self, values: usize) -> Self {
        self.warm_up = values;
        self
    }

    /// Sets what counts as excess, and what it has to add up to, in deviations.
    #[must_use]
    pub const fn with_limit(mut self, slack: f64, limit: f64) -> Self {
        (self.slack, self.limit) = (slack, limit);
        self
    }

    /// Sets how small a deviation may get, in the value's own unit.
    #[must_use]
    pub const fn with_least_scale(mut self, least: f64) -> Self {
        self.least_scale = least;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.range("warm_up", self.warm_up, 8, 10_000)?;
        let fits = self.slack > 0.0 && self.slack < FARTHEST;
        bounds.that("slack", self.slack, fits, "more than 0, less than 4")?;
        bounds.range("limit", self.limit, f64::MIN_POSITIVE, 1e9)?;
        bounds.range("least_scale", self.least_scale, 0.0, f64::MAX)
    }
}

/// So many deviations a value counts at most: one outlier is no shift.
const FARTHEST: f64 = 4.0;
/// So many values a level remembers.
const MEMORY: f64 = 1_000.0;

/// One side's sum of excess, and what it was made from.
#[derive(Clone, Copy, Debug, Default)]
struct Excess {
    sum: f64,
    values: Moments,
}

impl Excess {
    /// Adds a value that lies `deviations` towards this side.
    fn add(&mut self, value: f64, deviations: f64, slack: f64) {
        self.sum = (self.sum + deviations.clamp(-FARTHEST, FARTHEST) - slack).max(0.0);
        if self.sum == 0.0 {
            self.values = Moments::default();
        } else {
            self.values.add(value, f64::INFINITY);
        }
    }
}

/// Says once that the level has changed, by two cumulative sums (Page 1954); then the new level
/// is learnt from the start.
///
/// The level goes on learning from a thousand values, so that it follows what is slow; what lies
/// farther than four deviations is learnt as four.
/// With `slack` 0.5 and `limit` 8 a shift of one deviation is found after about 17 values.
#[derive(Clone, Debug)]
pub struct LevelShift {
    config: LevelShiftConfig,
    level: Moments,
    up: Excess,
    down: Excess,
}

impl LevelShift {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: LevelShiftConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let (up, down) = (Excess::default(), Excess::default());
        Ok(Self { config, level: Moments::default(), up, down })
    }
}

impl Stream for LevelShift {
    fn see(&mut self, value: f64, _at: Moment) -> Option<Oddity> {
        if !value.is_finite() {
            return None;
        }
        let LevelShiftConfig { warm_up, slack, limit, least_scale } = self.config;
        if self.level.count < warm_up as f64 {
            self.level.add(value, MEMORY);
            return None;
        }
        let from = self.level.mean;
        let scale = self.level.variance().sqrt().max(least_scale);
        let deviations = match (scale > 0.0, value - from) {
            (true, difference) => difference / scale,
            // Of a level that was never anything else, whatever differs is as far as may be.
            (false, difference) => difference.clamp(-1.0, 1.0) * f64::from(difference != 0.0) * 1e9,
        };
        self.up.add(value, deviations, slack);
        self.down.add(value, -deviations, slack);
        for excess in [self.up, self.down] {
            if excess.sum >= limit {
                let to = excess.values.mean;
                (self.up, self.down) = (Excess::default(), Excess::default());
                self.level = excess.values;
                return Some(Oddity::Shifted { from, to });
            }
        }
        let farthest = if scale > 0.0 { FARTHEST * scale } else { f64::INFINITY };
        self.level.add(value.clamp(from - farthest, from + farthest), MEMORY);
        None
    }

    /// Its sums count values, not time.
    fn stalled(&mut self, _gap: Duration) {}
}
