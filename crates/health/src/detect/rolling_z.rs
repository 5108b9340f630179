//! How far a value lies from the recent ones, in their standard deviations.

use std::collections::VecDeque;
use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, Moment, Ratio};

use super::rest::Rest;
use super::spread::Summary;
use super::{Oddity, Side, Stream};
use crate::config::{DAY, ROOM};

/// The settings of a [`RollingZ`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct RollingZConfig {
    /// How many values are remembered, 8 bytes each. Default 1,000; 8 to 100,000.
    pub window: usize,
    /// How many values there must be before one is judged. Default 100; 2 to the window.
    pub warm_up: usize,
    /// How many deviations are odd. Default 5; more than 0.
    pub limit: f64,
    /// A deviation is taken to be at least this share of the range of the values, so that a calm
    /// stretch does not make trifles odd. Default 4 %; 0 switches it off.
    pub scale_floor: Ratio,
    /// A deviation is taken to be at least this, in the value's own unit. Default 0.
    pub least_scale: f64,
    /// Which side is odd. Default both.
    pub side: Side,
    /// How long it rests after it has spoken. Default 1 h; at most 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub refractory: Duration,
}

impl Default for RollingZConfig {
    fn default() -> Self {
        Self {
            window: 1_000,
            warm_up: 100,
            limit: 5.0,
            scale_floor: Ratio::percent::<4>(),
            least_scale: 0.0,
            side: Side::Both,
            refractory: Duration::from_secs(3_600),
        }
    }
}

impl RollingZConfig {
    /// Sets how many values are remembered, and how many there must be at first.
    #[must_use]
    pub const fn with_window(mut self, window: usize, warm_up: usize) -> Self {
        (self.window, self.warm_up) = (window, warm_up);
        self
    }

    /// Sets how many deviations are odd, and on which side.
    #[must_use]
    pub const fn with_limit(mut self, limit: f64, side: Side) -> Self {
        (self.limit, self.side) = (limit, side);
        self
    }

    /// Sets how small a deviation may get: as a share of the range, and in the value's own unit.
    #[must_use]
    pub const fn with_floor(mut self, share: Ratio, least: f64) -> Self {
        (self.scale_floor, self.least_scale) = (share, least);
        self
    }

    /// Sets how long it rests after it has spoken.
    #[must_use]
    pub const fn with_refractory(mut self, refractory: Duration) -> Self {
        self.refractory = refractory;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.range("window", self.window, 8, 100_000)?;
        bounds.range("warm_up", self.warm_up, 2, self.window)?;
        bounds.range("limit", self.limit, f64::MIN_POSITIVE, 1e9)?;
        bounds.range("least_scale", self.least_scale, 0.0, f64::MAX)?;
        bounds.duration("refractory", self.refractory, Duration::ZERO, DAY)
    }
}

/// Says that a value lies far from the recent ones; once, then it rests.
///
/// Values seen while it rests are learnt from like any other.
#[derive(Clone, Debug)]
pub struct RollingZ {
    config: RollingZConfig,
    values: VecDeque<f64>,
    rest: Rest,
}

impl RollingZ {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: RollingZConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { values: VecDeque::with_capacity(config.window), config, rest: Rest::default() })
    }

    /// What is usual, and how many deviations from it `value` is.
    fn deviations(&mut self, value: f64) -> Option<(f64, f64)> {
        if self.values.len() < self.config.warm_up {
            return None;
        }
        let usual = Summary::of(self.values.make_contiguous());
        let range = usual.high.max(value) - usual.low.min(value);
        let floor = (self.config.scale_floor.as_f64() * range).max(self.config.least_scale);
        let scale = usual.deviation.max(floor);
        (scale > 0.0).then(|| (usual.mean, (value - usual.mean) / scale))
    }
}

impl Stream for RollingZ {
    fn see(&mut self, value: f64, at: Moment) -> Option<Oddity> {
        if !value.is_finite() {
            return None;
        }
        let RollingZConfig { window, limit, side, refractory, .. } = self.config;
        let rests = self.rest.is_on(at, refractory);
        let judged = self.deviations(value);
        if self.values.len() == window {
            self.values.pop_front();
        }
        self.values.push_back(value);
        let (expected, deviations) = judged?;
        if rests || deviations.abs() < limit || !side.has(deviations) {
            return None;
        }
        self.rest.begin(at, refractory);
        Some(Oddity::Far { value, expected, deviations })
    }

    fn stalled(&mut self, _gap: Duration) {
        self.rest.stalled();
    }
}
