//! The one error for settings that are out of bounds.

use std::fmt;
use std::time::Duration;

/// A setting that was refused: which field, what it was, and what it must be.
///
/// ```
/// use salve_core::ConfigError;
///
/// let error = ConfigError::new("circuit-breaker", "probes", 0, "at least 1");
/// assert_eq!(error.to_string(), "circuit-breaker: `probes` is 0, but must be at least 1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    room: &'static str,
    field: &'static str,
    value: String,
    bound: String,
}

impl ConfigError {
    /// Says that `field` of `room` holds `value`, which breaks `bound`.
    #[must_use]
    pub fn new(
        room: &'static str,
        field: &'static str,
        value: impl fmt::Display,
        bound: impl fmt::Display,
    ) -> Self {
        Self { room, field, value: value.to_string(), bound: bound.to_string() }
    }

    /// The room whose setting it is, such as `circuit-breaker`.
    #[must_use]
    pub fn room(&self) -> &'static str {
        self.room
    }

    /// The name of the field as it is spelled in the room's `Config`.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The refused value as text.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What the value must be.
    #[must_use]
    pub fn bound(&self) -> &str {
        &self.bound
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { room, field, value, bound } = self;
        write!(f, "{room}: `{field}` is {value}, but must be {bound}")
    }
}

impl std::error::Error for ConfigError {}

/// Checks the settings of one room, each check naming its field.
#[derive(Debug, Clone, Copy)]
pub struct Check(&'static str);

impl Check {
    /// Checks for the room of this name.
    #[must_use]
    pub const fn room(name: &'static str) -> Self {
        Self(name)
    }

    /// Requires `low <= value <= high`.
    ///
    /// # Errors
    /// Names the field, the value and both bounds.
    pub fn range<T: PartialOrd + Copy + fmt::Display>(
        self,
        field: &'static str,
        value: T,
        low: T,
        high: T,
    ) -> Result<(), ConfigError> {
        if low <= value && value <= high {
            return Ok(());
        }
        Err(ConfigError::new(self.0, field, value, format_args!("between {low} and {high}")))
    }

    /// Requires `low <= value <= high` of a length of time.
    ///
    /// # Errors
    /// Names the field, the value and both bounds.
    pub fn duration(
        self,
        field: &'static str,
        value: Duration,
        low: Duration,
        high: Duration,
    ) -> Result<(), ConfigError> {
        if low <= value && value <= high {
            return Ok(());
        }
        let bound = format_args!("between {low:?} and {high:?}").to_string();
        Err(ConfigError::new(self.0, field, format_args!("{value:?}"), bound))
    }

    /// Requires `holds`; `bound` says what was required of `value`.
    ///
    /// # Errors
    /// Names the field, the value and the bound.
    pub fn that(
        self,
        field: &'static str,
        value: impl fmt::Display,
        holds: bool,
        bound: impl fmt::Display,
    ) -> Result<(), ConfigError> {
        if holds { Ok(()) } else { Err(ConfigError::new(self.0, field, value, bound)) }
    }
}
