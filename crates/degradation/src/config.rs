//! The settings of a degradation ladder, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check, Class, ConfigError, Enforcement, Name};

use crate::rule::Rule;

pub(crate) const ROOM: &str = "degradation";

/// The levels of service, the features that depend on them, and the rules that move between them.
///
/// ```
/// use salve_degradation::{Config, Feature, Rule};
///
/// let config = Config::new("shop")
///     .with_feature(Feature::new("recommendations").with_priority(20))
///     .with_feature(Feature::new("parallel-processing").with_capability("minimal", 40))
///     .with_rule(Rule::below("health_score", 50.0, "emergency").releases_at(70.0));
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in rejections and events. Default `degradation`.
    pub name: Name,
    /// The levels, the best first. Default full, reduced, minimal, emergency; 2 to 100.
    pub levels: Vec<Level>,
    /// What falls and comes back with the levels. Default none; at most 10,000.
    pub features: Vec<Feature>,
    /// What moves the ladder by itself. Default none; at most 1,000.
    pub rules: Vec<Rule>,
    /// How long nothing may ask for the present level before it climbs one rung. Default 60 s;
    /// 1 ms to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub calm: Duration,
    /// How often the rules are looked at. Of a longer gap three times this counts as calm: who
    /// has not looked does not know. Default 5 s; 1 ms to 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub interval: Duration,
    /// How long read-only mode lasts unless it is said otherwise. Default 1 h; 1 ms to 30 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub read_only_for: Duration,
    /// Whether features really fall and calls are really refused, or it is only counted and told.
    /// Default enforced.
    pub enforcement: Enforcement,
}

/// A level of service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Level {
    /// What it is called.
    pub name: Name,
    /// Features of a lower priority are off, unless they say otherwise. Default 0; at most 100,
    /// and never lower than at a better level.
    #[cfg_attr(feature = "serde", serde(default))]
    pub min_priority: u8,
    /// Calls of this class and lower ones are shed. Default none; never less than at a better
    /// level.
    #[cfg_attr(feature = "serde", serde(default, with = "salve_core::settings::optional"))]
    pub sheds: Option<Class>,
    /// Whether writes are refused. Default no; once yes, also at every worse level.
    #[cfg_attr(feature = "serde", serde(default))]
    pub read_only: bool,
}

/// Something that can be switched off, or down, while the rest goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Feature {
    /// What it is called.
    pub name: Name,
    /// How long it is kept: a level drops features below its `min_priority`. Default 50; at most
    /// 100, which no level drops.
    #[cfg_attr(feature = "serde", serde(default = "middle"))]
    pub priority: u8,
    /// How much of it is left from a level on, in percent, instead of what its priority says.
    /// Default none; better levels first, never more than at a better level.
    #[cfg_attr(feature = "serde", serde(default))]
    pub capability: Vec<Capability>,
}

/// How much of a feature is left from a level on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Capability {
    /// The name of the level.
    pub level: Name,
    /// 0 is off, 100 is all.
    pub percent: u8,
}

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// The priority of a feature that says nothing of it.
const MIDDLE: u8 = 50;

#[cfg(feature = "serde")]
const fn middle() -> u8 {
    MIDDLE
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            levels: Level::defaults(),
            features: Vec::new(),
            rules: Vec::new(),
            calm: Duration::from_secs(60),
            interval: Duration::from_secs(5),
            read_only_for: HOUR,
            enforcement: Enforcement::Enforce,
        }
    }
}

impl Config {
    /// The default settings under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets the levels, the best first.
    #[must_use]
    pub fn with_levels(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.levels = levels.into_iter().collect();
        self
    }

    /// Adds a feature.
    #[must_use]
    pub fn with_feature(mut self, feature: Feature) -> Self {
        self.features.push(feature);
        self
    }

    /// Adds a rule.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Sets how long nothing may ask for the present level before it climbs one rung.
    #[must_use]
    pub const fn with_calm(mut self, calm: Duration) -> Self {
        self.calm = calm;
        self
    }

    /// Sets how often the rules are looked at.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long read-only mode lasts unless it is said otherwise.
    #[must_use]
    pub const fn with_read_only_for(mut self, time: Duration) -> Self {
        self.read_only_for = time;
        self
    }

    /// Sets whether features really fall.
    #[must_use]
    pub const fn with_enforcement(mut self, enforcement: Enforcement) -> Self {
        self.enforcement = enforcement;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        check.range("levels", self.levels.len(), 2, 100)?;
        check.range("features", self.features.len(), 0, 10_000)?;
        check.range("rules", self.rules.len(), 0, 1_000)?;
        check.duration("calm", self.calm, MS, 24 * HOUR)?;
        check.duration("interval", self.interval, MS, HOUR)?;
        validate_read_only_for(self.read_only_for)?;
        unique(check, "levels.name", self.levels.iter().map(|level| &level.name))?;
        unique(check, "features.name", self.features.iter().map(|feature| &feature.name))?;
        for (better, level) in self.levels.iter().zip(self.levels.iter().skip(1)) {
            level.validate(check, better)?;
        }
        let best = &self.levels[0];
        check.range("levels.min_priority", best.min_priority, 0, 100)?;
        for feature in &self.features {
            feature.validate(check, self)?;
        }
        self.rules.iter().try_for_each(|rule| rule.validate(check, self))
    }

    /// The place of a level.
    pub(crate) fn level(&self, name: &Name) -> Option<usize> {
        self.levels.iter().position(|level| level.name == *name)
    }

    /// The place of a feature.
    pub(crate) fn feature(&self, name: &Name) -> Option<usize> {
        self.features.iter().position(|feature| feature.name == *name)
    }
}

pub(crate) fn validate_read_only_for(time: Duration) -> Result<(), ConfigError> {
    Check::room(ROOM).duration("read_only_for", time, MS, 30 * 24 * HOUR)
}

fn unique<'a>(
    check: Check,
    field: &'static str,
    names: impl Iterator<Item = &'a Name>,
) -> Result<(), ConfigError> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        check.that(field, name, seen.insert(name), "used once")?;
    }
    Ok(())
}

impl Level {
    /// A level at which nothing is switched off by itself.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), min_priority: 0, sheds: None, read_only: false }
    }

    /// Switches features of a lower priority off.
    #[must_use]
    pub const fn with_min_priority(mut self, priority: u8) -> Self {
        self.min_priority = priority;
        self
    }

    /// Sheds calls of `class` and lower ones.
    #[must_use]
    pub const fn with_sheds(mut self, class: Class) -> Self {
        self.sheds = Some(class);
        self
    }

    /// Refuses writes.
    #[must_use]
    pub const fn with_read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Full; reduced without features below 30 and sheddable calls; minimal without those below
    /// 60; emergency without those below 90 and without normal calls.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        vec![
            Self::new("full"),
            Self::new("reduced").with_min_priority(30).with_sheds(Class::Sheddable),
            Self::new("minimal").with_min_priority(60).with_sheds(Class::Sheddable),
            Self::new("emergency").with_min_priority(90).with_sheds(Class::Normal),
        ]
    }

    fn validate(&self, check: Check, better: &Self) -> Result<(), ConfigError> {
        check.range("levels.min_priority", self.min_priority, better.min_priority, 100)?;
        let sheds = self.sheds.map_or("none".to_owned(), |class| format!("{class:?}"));
        check.that(
            "levels.sheds",
            sheds,
            self.sheds >= better.sheds,
            "no less than at a better level",
        )?;
        let writes = self.read_only || !better.read_only;
        check.that(
            "levels.read_only",
            self.read_only,
            writes,
            "true where a better level is read-only",
        )
    }
}

impl Feature {
    /// A feature of middling priority.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), priority: MIDDLE, capability: Vec::new() }
    }

    /// Sets how long it is kept.
    #[must_use]
    pub const fn with_priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Says how much of it is left from `level` on, in percent.
    #[must_use]
    pub fn with_capability(mut self, level: impl Into<Name>, percent: u8) -> Self {
        self.capability.push(Capability { level: level.into(), percent });
        self
    }

    /// Switches it off from `level` on.
    #[must_use]
    pub fn falls_at(self, level: impl Into<Name>) -> Self {
        self.with_capability(level, 0)
    }

    fn validate(&self, check: Check, config: &Config) -> Result<(), ConfigError> {
        check.range("features.priority", self.priority, 0, 100)?;
        let (mut last, mut most) = (None, 100);
        for Capability { level, percent } in &self.capability {
            let place = config.level(level);
            check.that("features.capability.level", level, place.is_some(), "one of the levels")?;
            let worse = place > last;
            check.that("features.capability.level", level, worse, "worse than the one before")?;
            check.range("features.capability.percent", *percent, 0, most)?;
            (last, most) = (place, *percent);
        }
        Ok(())
    }
}
