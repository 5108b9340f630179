//! The detector for a stream about which nothing is known.

use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, Moment};

use super::rest::Rest;
use super::{Oddity, Stream};
use crate::config::{DAY, ROOM};

/// The settings of an [`Anomaly`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct AnomalyConfig {
    /// From what score on a value is odd. Default 0.5; more than 0, at most 1.
    pub limit: f64,
    /// How long it rests after it has spoken. Default 1 h; at most 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub refractory: Duration,
}

impl Default for AnomalyConfig {
    fn default() -> Self {
        Self { limit: 0.5, refractory: Duration::from_secs(3_600) }
    }
}

impl AnomalyConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.range("limit", self.limit, f64::MIN_POSITIVE, 1.0)?;
        bounds.duration("refractory", self.refractory, Duration::ZERO, DAY)
    }
}

/// Says that a value is odd in the light of everything seen so far; once, then it rests.
#[derive(Clone, Debug)]
pub struct Anomaly {
    config: AnomalyConfig,
    rest: Rest,
}

impl Anomaly {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: AnomalyConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, rest: Rest::default() })
    }

    /// How odd the next value is, 0 to 1.
    pub fn score(&mut self, _value: f64) -> f64 {
        0.0
    }
}

impl Stream for Anomaly {
    fn see(&mut self, value: f64, at: Moment) -> Option<Oddity> {
        if !value.is_finite() {
            return None;
        }
        let AnomalyConfig { limit, refractory } = self.config;
        let rests = self.rest.is_on(at, refractory);
        let score = self.score(value);
        if rests || score < limit {
            return None;
        }
        self.rest.begin(at, refractory);
        Some(Oddity::Anomalous { value, score })
    }

    fn stalled(&mut self, _gap: Duration) {
        self.rest.stalled();
    }
}
