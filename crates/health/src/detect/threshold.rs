//! A bound that must be reached for some time, and another that ends it.

use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, Moment};

use super::{Oddity, Side, Stream};
use crate::config::{DAY, ROOM};

/// The settings of a [`Threshold`].
///
/// ```
/// use salve_health::detect::{Threshold, ThresholdConfig};
///
/// assert!(Threshold::new(ThresholdConfig::above(95.0, 90.0)).is_ok());
/// let refused = Threshold::new(ThresholdConfig::below(7.0, 3.0)).unwrap_err();
/// assert_eq!(refused.to_string(), "health: `clear` is 3, but must be at least `bound`, 7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct ThresholdConfig {
    /// What is odd from here on, the bound included. Default 90.
    pub bound: f64,
    /// What is no longer odd beyond here, the value itself left out. Default 85.
    pub clear: f64,
    /// On which side of the bound values are odd: above or below. Default above.
    pub side: Side,
    /// How long every value must have been there. Default 60 s; at most 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub hold: Duration,
}

impl Default for ThresholdConfig {
    fn default() -> Self {
        Self::above(90.0, 85.0)
    }
}

impl ThresholdConfig {
    /// Odd at `bound` and above, until it is below `clear`.
    #[must_use]
    pub const fn above(bound: f64, clear: f64) -> Self {
        Self { bound, clear, side: Side::Above, hold: Duration::from_secs(60) }
    }

    /// Odd at `bound` and below, until it is above `clear`.
    #[must_use]
    pub const fn below(bound: f64, clear: f64) -> Self {
        Self { side: Side::Below, ..Self::above(bound, clear) }
    }

    /// Sets how long every value must have been at the bound.
    #[must_use]
    pub const fn with_hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let Self { bound, clear, side, hold } = *self;
        let bounds = Bounds::room(ROOM);
        bounds.that("bound", bound, bound.is_finite(), "a finite number")?;
        match side {
            Side::Above => {
                bounds.that("clear", clear, clear <= bound, format!("at most `bound`, {bound}"))?;
            }
            Side::Below => {
                bounds.that(
                    "clear",
                    clear,
                    clear >= bound,
                    format!("at least `bound`, {bound}"),
                )?;
            }
            Side::Both => bounds.that("side", "both", false, "above or below")?,
        }
        bounds.that("clear", clear, clear.is_finite(), "a finite number")?;
        bounds.duration("hold", hold, Duration::ZERO, DAY)
    }
}

/// Says that a value is beyond its bound, once it has been for some time, until it has cleared.
#[derive(Clone, Debug)]
pub struct Threshold {
    config: ThresholdConfig,
    /// Since when every value has been at the bound or beyond.
    since: Option<Moment>,
    is_raised: bool,
}

impl Threshold {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: ThresholdConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, since: None, is_raised: false })
    }
}

impl Stream for Threshold {
    fn see(&mut self, value: f64, at: Moment) -> Option<Oddity> {
        if !value.is_finite() {
            return None;
        }
        let ThresholdConfig { bound, clear, side, hold } = self.config;
        let sign = if side == Side::Below { -1.0 } else { 1.0 };
        if (value - bound) * sign >= 0.0 {
            let since = *self.since.get_or_insert(at);
            self.is_raised |= at.since(since) >= hold;
        } else {
            self.since = None;
            self.is_raised &= (value - clear) * sign >= 0.0;
        }
        self.is_raised.then_some(Oddity::Beyond { value, bound })
    }

    fn stalled(&mut self, _gap: Duration) {
        self.since = None;
    }
}
