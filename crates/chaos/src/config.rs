//! The settings of a chaos point, and the one place where they are checked.

use std::collections::HashSet;
use std::time::Duration;

use salve_core::{Check, ConfigError, Enforcement, Name};

use crate::rule::Rule;

pub(crate) const ROOM: &str = "chaos";

/// What may happen at one point of a program, and how much of it at most. Nothing does until it is
/// armed.
///
/// ```
/// use std::time::Duration;
/// use salve_chaos::{Config, Fault, Rule};
///
/// let config = Config::new("payments")
///     .with_rule(Rule::new("slow", Fault::latency(Duration::from_secs(2))))
///     .with_most_per_second(5);
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in errors and events. Default `chaos`.
    pub name: Name,
    /// What is done while it is armed; the first rule that strikes a call has it. Default nothing;
    /// at most 1,000.
    pub rules: Vec<Rule>,
    /// What all draws follow from. Default 0.
    pub seed: u64,
    /// Which of several replicas this is: they share the seed, but not their draws. Default one
    /// that is drawn at random and told by the status.
    #[cfg_attr(feature = "serde", serde(with = "optional"))]
    pub instance: Option<Name>,
    /// How many calls are struck in any one second at most. Default 10; 1 to 100,000.
    pub most_per_second: u32,
    /// How many calls are struck in one arming at most. Default 1,000; at least 1.
    pub most_in_total: u64,
    /// How long it may be armed at most. Default 1 h; 1 ms to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub most_armed: Duration,
    /// Whether calls are really struck, or it is only counted and told. Default enforced.
    pub enforcement: Enforcement,
}

#[cfg(feature = "serde")]
use salve_core::settings::optional;

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            rules: Vec::new(),
            seed: 0,
            instance: None,
            most_per_second: 10,
            most_in_total: 1_000,
            most_armed: Duration::from_secs(3_600),
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

    /// Adds a rule.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Sets what all draws follow from.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets which of several replicas this is.
    #[must_use]
    pub fn with_instance(mut self, instance: impl Into<Name>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// Sets how many calls are struck in any one second at most.
    #[must_use]
    pub const fn with_most_per_second(mut self, most: u32) -> Self {
        self.most_per_second = most;
        self
    }

    /// Sets how many calls are struck in one arming at most.
    #[must_use]
    pub const fn with_most_in_total(mut self, most: u64) -> Self {
        self.most_in_total = most;
        self
    }

    /// Sets how long it may be armed at most.
    #[must_use]
    pub const fn with_most_armed(mut self, most: Duration) -> Self {
        self.most_armed = most;
        self
    }

    /// Sets whether calls are really struck.
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
        check.range("most_per_second", self.most_per_second, 1, 100_000)?;
        check.range("most_in_total", self.most_in_total, 1, u64::MAX)?;
        let (ms, day) = (Duration::from_millis(1), Duration::from_secs(24 * 60 * 60));
        check.duration("most_armed", self.most_armed, ms, day)?;
        validate_rules(&self.rules)
    }
}

pub(crate) fn validate_rules(rules: &[Rule]) -> Result<(), ConfigError> {
    let check = Check::room(ROOM);
    check.range("rules", rules.len(), 0, 1_000)?;
    let mut seen = HashSet::new();
    for rule in rules {
        check.that("rules.name", &rule.name, seen.insert(&rule.name), "used once")?;
        rule.validate()?;
    }
    Ok(())
}
