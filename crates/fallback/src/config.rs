//! The settings of a chain of alternatives.

use salve_core::{Check, ConfigError, Enforcement, Name};

pub(crate) const ROOM: &str = "fallback";

/// How many alternatives one chain may have.
pub(crate) const MOST_ALTERNATIVES: usize = 64;

/// What a chain does with calls that failed.
///
/// ```
/// use salve_fallback::{Config, Returned};
///
/// let config = Config::new("stock").with_returned(Returned::Last).with_catch_panics(true);
/// assert!(config.cascade);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in events and readings. Default `fallback`.
    pub name: Name,
    /// Whether the next alternative is tried when one has failed. Default yes; otherwise only the
    /// first that can be tried is.
    pub cascade: bool,
    /// What the caller gets when no alternative has answered. Default what the call itself came to.
    pub returned: Returned,
    /// Whether a panic of the service, or of an alternative, is a failure like any other. Default
    /// no: it goes on to the caller.
    pub catch_panics: bool,
    /// Whether alternatives are tried, or only counted. Default enforced: they are tried.
    pub enforcement: Enforcement,
}

/// What the caller gets when no alternative has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Returned {
    /// What the call itself came to: its error, the response that was judged a failure, or its
    /// panic.
    #[default]
    Original,
    /// What the last alternative that was tried came to; if none could be, what the call did.
    Last,
}

impl Config {
    /// The default settings under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets who it is in events and readings.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Name>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets whether the next alternative is tried when one has failed.
    #[must_use]
    pub const fn with_cascade(mut self, cascade: bool) -> Self {
        self.cascade = cascade;
        self
    }

    /// Sets what the caller gets when no alternative has answered.
    #[must_use]
    pub const fn with_returned(mut self, returned: Returned) -> Self {
        self.returned = returned;
        self
    }

    /// Sets whether panics are failures like any other.
    #[must_use]
    pub const fn with_catch_panics(mut self, catch: bool) -> Self {
        self.catch_panics = catch;
        self
    }

    /// Sets whether alternatives are tried, or only counted.
    #[must_use]
    pub const fn with_enforcement(mut self, enforcement: Enforcement) -> Self {
        self.enforcement = enforcement;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            cascade: true,
            returned: Returned::Original,
            catch_panics: false,
            enforcement: Enforcement::Enforce,
        }
    }
}

/// Checks the names of a chain's alternatives: there are some, and each is there once.
///
/// # Errors
/// Says how many there are, or which name is there twice.
pub(crate) fn check_names(names: &[&Name]) -> Result<(), ConfigError> {
    let check = Check::room(ROOM);
    check.range("alternatives", names.len(), 1, MOST_ALTERNATIVES)?;
    for (at, name) in names.iter().enumerate() {
        let is_new = !names[..at].contains(name);
        check.that("alternatives", format_args!("`{name}` twice"), is_new, "of distinct names")?;
    }
    Ok(())
}
