//! A rule: which reading, beyond which threshold and for how long, asks for which level.

use std::time::Duration;

use salve_core::{Check, ConfigError, Moment, Name};

use crate::config::Config;

/// Asks for a level while a reading is bad.
///
/// ```
/// use salve_degradation::Rule;
///
/// let rule = Rule::at_least("utilization", 0.95, "reduced").of("inventory/bulkhead");
/// assert_eq!(rule.threshold, 0.95);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Rule {
    /// The name of the reading, such as `health_score`.
    pub reading: Name,
    /// The sensor that it is read from. Default any: one bad value is enough.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::optional"))]
    pub sensor: Option<Name>,
    /// How the reading is compared with the threshold.
    pub condition: Condition,
    /// What it is compared with. A number.
    pub threshold: f64,
    /// Up to where it holds on once it has begun, so that a value that wavers about the threshold
    /// does not switch to and fro. Default the threshold; on its good side.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::optional"))]
    pub release: Option<f64>,
    /// How long the condition must hold before it counts. Default zero; at most 24 h.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::duration"))]
    pub after: Duration,
    /// The level that it asks for.
    pub level: Name,
    /// The features that it asks for it. Default all there is: the ladder itself.
    #[cfg_attr(feature = "serde", serde(default))]
    pub features: Vec<Name>,
}

/// How a reading is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Condition {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Condition {
    /// Whether `value` is bad. What is not a number is neither bad nor good.
    #[must_use]
    pub fn is_met(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Below => value < threshold,
            Self::AtMost => value <= threshold,
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
        }
    }

    /// The worse of two values.
    pub(crate) fn worse(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Below | Self::AtMost => one.min(other),
            Self::Above | Self::AtLeast => one.max(other),
        }
    }

    fn is_on_good_side(self, release: f64, threshold: f64) -> bool {
        match self {
            Self::Below | Self::AtMost => release >= threshold,
            Self::Above | Self::AtLeast => release <= threshold,
        }
    }
}

impl Rule {
    /// Asks for `level` while the reading meets the condition.
    #[must_use]
    pub fn new(
        reading: impl Into<Name>,
        condition: Condition,
        threshold: f64,
        level: impl Into<Name>,
    ) -> Self {
        Self {
            reading: reading.into(),
            sensor: None,
            condition,
            threshold,
            release: None,
            after: Duration::ZERO,
            level: level.into(),
            features: Vec::new(),
        }
    }

    /// Asks for `level` while the reading is below `threshold`.
    #[must_use]
    pub fn below(reading: impl Into<Name>, threshold: f64, level: impl Into<Name>) -> Self {
        Self::new(reading, Condition::Below, threshold, level)
    }

    /// Asks for `level` while the reading is `threshold` or more.
    #[must_use]
    pub fn at_least(reading: impl Into<Name>, threshold: f64, level: impl Into<Name>) -> Self {
        Self::new(reading, Condition::AtLeast, threshold, level)
    }

    /// Looks at this sensor alone.
    #[must_use]
    pub fn of(mut self, sensor: impl Into<Name>) -> Self {
        self.sensor = Some(sensor.into());
        self
    }

    /// Holds on, once it has begun, until the reading is as good as this.
    #[must_use]
    pub const fn releases_at(mut self, release: f64) -> Self {
        self.release = Some(release);
        self
    }

    /// Counts once the condition has held for this long.
    #[must_use]
    pub const fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }

    /// Moves this feature alone, like others that are named in the same way.
    #[must_use]
    pub fn affects(mut self, feature: impl Into<Name>) -> Self {
        self.features.push(feature.into());
        self
    }

    /// Whether this is the reading that it looks at.
    pub(crate) fn reads(&self, sensor: &Name, reading: &str) -> bool {
        self.reading == reading && self.sensor.as_ref().is_none_or(|own| own == sensor)
    }

    pub(crate) fn validate(&self, check: Check, config: &Config) -> Result<(), ConfigError> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let finite = self.threshold.is_finite();
        check.that("rules.threshold", self.threshold, finite, "a finite number")?;
        if let Some(release) = self.release {
            let good =
                release.is_finite() && self.condition.is_on_good_side(release, self.threshold);
            check.that("rules.release", release, good, "on the good side of the threshold")?;
        }
        check.duration("rules.after", self.after, Duration::ZERO, DAY)?;
        let level = config.level(&self.level);
        check.that("rules.level", &self.level, level.is_some(), "one of the levels")?;
        check.that("rules.level", &self.level, level > Some(0), "worse than the best level")?;
        for feature in &self.features {
            let known = config.feature(feature).is_some();
            check.that("rules.features", feature, known, "one of the features")?;
        }
        Ok(())
    }
}

/// What a rule remembers from look to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    /// Since when the condition has held without a break.
    since: Option<Moment>,
    asks: bool,
    /// Whether an operator has recovered by force: it asks for nothing until it has let go once.
    waived: bool,
    /// Whether the last look found no value.
    unknown: bool,
}

impl Watch {
    /// Takes a new value. Without one it stays as it is: what is unknown neither begins nor ends
    /// anything.
    pub(crate) fn look(&mut self, rule: &Rule, now: Moment, value: Option<f64>) {
        let value = value.filter(|value| !value.is_nan());
        self.unknown = value.is_none();
        let Some(value) = value else { return };
        let met = rule.condition.is_met(value, rule.threshold);
        let held = rule.release.is_some_and(|release| {
            // As good as the release lets go, even where the threshold itself does not count.
            rule.condition.is_met(value, release) && value != release
        });
        if met {
            let since = *self.since.get_or_insert(now);
            self.asks |= now.since(since) >= rule.after;
        } else {
            self.since = None;
            self.asks &= held;
            self.waived &= held;
        }
    }

    /// Whether it asks for its level.
    pub(crate) const fn asks(&self) -> bool {
        self.asks && !self.waived
    }

    pub(crate) const fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// Asks for nothing until it has let go.
    pub(crate) const fn waive(&mut self) {
        self.waived |= self.asks || self.since.is_some();
    }
}
