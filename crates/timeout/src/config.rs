//! The settings of a timeout, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check, ConfigError, Enforcement, Name};

pub(crate) const ROOM: &str = "timeout";

/// The settings of a timeout: a limit for each attempt, one for the whole call, or both.
///
/// ```
/// use salve_timeout::{Config, preset};
/// use std::time::Duration;
///
/// let config = Config::of_attempt("inventory", preset::HTTP).with_total(Duration::from_secs(20));
/// assert!(config.validate().is_ok());
/// assert!(Config::of_attempt("inventory", Duration::ZERO).validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in rejections and events. Default `timeout`.
    pub name: Name,
    /// How long what passes this layer once may take. Default none; 1 ms to 30 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub attempt: Option<Duration>,
    /// How long the whole call may take. It is counted from when an outer layer says that the
    /// call began, or else from here, and inner layers are told. Default 30 s; 1 ms to 30 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub total: Option<Duration>,
    /// Whether it ends calls or only says that it would have. Default enforced.
    pub enforcement: Enforcement,
}

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            attempt: None,
            total: Some(Duration::from_secs(30)),
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

    /// Only a limit for each attempt.
    #[must_use]
    pub fn of_attempt(name: impl Into<Name>, limit: Duration) -> Self {
        Self { attempt: Some(limit), total: None, ..Self::new(name) }
    }

    /// Only a limit for the whole call.
    #[must_use]
    pub fn of_total(name: impl Into<Name>, limit: Duration) -> Self {
        Self { total: Some(limit), ..Self::new(name) }
    }

    /// Sets how long what passes this layer once may take.
    #[must_use]
    pub const fn with_attempt(mut self, limit: Duration) -> Self {
        self.attempt = Some(limit);
        self
    }

    /// Sets how long the whole call may take.
    #[must_use]
    pub const fn with_total(mut self, limit: Duration) -> Self {
        self.total = Some(limit);
        self
    }

    /// Sets whether calls are ended or only counted.
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
        if let Some(limit) = self.attempt {
            check.duration("attempt", limit, SHORTEST, LONGEST)?;
        }
        if let Some(limit) = self.total {
            check.duration("total", limit, SHORTEST, LONGEST)?;
        }
        let limited = self.attempt.is_some() || self.total.is_some();
        check.that("attempt", "none", limited, "set where `total` is not")
    }
}
