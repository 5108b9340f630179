//! The settings of single flight, and the one place where they are checked.

use salve_core::{Check, ConfigError, Enforcement, Name};

pub(crate) const ROOM: &str = "single-flight";

/// How many keys may be in flight, and whether calls wait for each other at all.
///
/// ```
/// use salve_fallback::single_flight::Config;
///
/// assert!(Config::new("stock").with_max_keys(0).validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in events and readings. Default `single-flight`.
    pub name: Name,
    /// How many keys are in flight at most; calls of further keys are made as if the layer were
    /// not there. From 1024 on the keys are spread over 16 parts of the same size, each with its
    /// share of the bound. Default 10,000; 1 to a billion.
    pub max_keys: usize,
    /// Whether calls wait for each other, or are only counted. Default enforced: they wait.
    pub enforcement: Enforcement,
}

impl Config {
    /// The default settings under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets how many keys are in flight at most.
    #[must_use]
    pub const fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Sets whether calls wait for each other, or are only counted.
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
        Check::room(ROOM).range("max_keys", self.max_keys, 1, 1_000_000_000)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { name: Name::literal(ROOM), max_keys: 10_000, enforcement: Enforcement::Enforce }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_names_field_value_and_bound() {
        let refused = Config::default().with_max_keys(0).validate().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "single-flight: `max_keys` is 0, but must be between 1 and 1000000000"
        );
        assert_eq!(Config::default().validate(), Ok(()));
    }
}
