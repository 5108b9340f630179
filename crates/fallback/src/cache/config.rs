//! The settings of a cache, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check, ConfigError, Enforcement, Name};

pub(crate) const ROOM: &str = "cache";

const MS: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const MOST_ENTRIES: u64 = 1_000_000_000;

/// How long answers are kept, and when they are served.
///
/// ```
/// use salve_fallback::cache::Config;
/// use std::time::Duration;
///
/// let config = Config::queries("stock").with_serve_fresh(true);
/// assert_eq!(config.fresh, Duration::from_secs(300));
/// assert!(config.with_servable(Duration::from_secs(299)).validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in events and readings. Default `cache`.
    pub name: Name,
    /// The age at which an answer is no longer fresh. Default 5 minutes; 1 ms to 365 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub fresh: Duration,
    /// The age at which an answer is no longer served at all. Default 1 hour; from `fresh` to
    /// 365 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub servable: Duration,
    /// How long the source is not asked once it was unreachable, where there is an answer to
    /// serve. Default 30 s; 1 ms to 1 h, or none.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub verdict: Option<Duration>,
    /// Whom a verdict of unreachability is about. Default the source as a whole.
    pub scope: Scope,
    /// Whether the source is not asked while the answer is fresh. Default no: it always is, and
    /// what is kept stands in only for a failure.
    pub serve_fresh: bool,
    /// Whether one caller at a time asks for a key that has an answer, while others get that
    /// meanwhile. Default no.
    pub revalidate: bool,
    /// How many answers are kept at most; the least recently used go first. The bound is enforced
    /// in rounds, between which a few hundred more may be there. Default 10,000; 1 to a billion.
    pub max_entries: u64,
    /// Whether a panic of the service is a failure like any other. Default no.
    pub catch_panics: bool,
    /// Whether kept answers are served, or only counted. Default enforced: they are served.
    pub enforcement: Enforcement,
}

/// Whom a verdict of unreachability is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Scope {
    /// Every key: the service reaches one source.
    #[default]
    Source,
    /// Only the key whose call failed: the service reaches a source per key.
    Key,
}

impl Config {
    /// The default settings under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// For answers to queries: fresh for 5 minutes and served for an hour, as by default.
    #[must_use]
    pub fn queries(name: impl Into<Name>) -> Self {
        Self::new(name)
    }

    /// For lists that change seldom: fresh for an hour and served for a day.
    #[must_use]
    pub fn lists(name: impl Into<Name>) -> Self {
        Self { fresh: HOUR, servable: 24 * HOUR, ..Self::new(name) }
    }

    /// Sets the age at which an answer is no longer fresh.
    #[must_use]
    pub const fn with_fresh(mut self, fresh: Duration) -> Self {
        self.fresh = fresh;
        self
    }

    /// Sets the age at which an answer is no longer served at all.
    #[must_use]
    pub const fn with_servable(mut self, servable: Duration) -> Self {
        self.servable = servable;
        self
    }

    /// Sets how long a source that was unreachable is not asked.
    #[must_use]
    pub const fn with_verdict(mut self, verdict: Option<Duration>) -> Self {
        self.verdict = verdict;
        self
    }

    /// Sets whom a verdict is about.
    #[must_use]
    pub const fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets whether the source is not asked while the answer is fresh.
    #[must_use]
    pub const fn with_serve_fresh(mut self, serve: bool) -> Self {
        self.serve_fresh = serve;
        self
    }

    /// Sets whether one caller asks while others get what is kept.
    #[must_use]
    pub const fn with_revalidate(mut self, revalidate: bool) -> Self {
        self.revalidate = revalidate;
        self
    }

    /// Sets how many answers are kept at most.
    #[must_use]
    pub const fn with_max_entries(mut self, entries: u64) -> Self {
        self.max_entries = entries;
        self
    }

    /// Sets whether a panic is a failure like any other.
    #[must_use]
    pub const fn with_catch_panics(mut self, catch: bool) -> Self {
        self.catch_panics = catch;
        self
    }

    /// Sets whether kept answers are served, or only counted.
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
        check.duration("fresh", self.fresh, MS, LONGEST)?;
        check.duration("servable", self.servable, self.fresh, LONGEST)?;
        if let Some(verdict) = self.verdict {
            check.duration("verdict", verdict, MS, HOUR)?;
        }
        check.range("max_entries", self.max_entries, 1, MOST_ENTRIES)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            fresh: 5 * MINUTE,
            servable: HOUR,
            verdict: Some(Duration::from_secs(30)),
            scope: Scope::Source,
            serve_fresh: false,
            revalidate: false,
            max_entries: 10_000,
            catch_panics: false,
            enforcement: Enforcement::Enforce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_field_value_and_bound() {
        let default = Config::default;
        for (config, said) in [
            (
                default().with_fresh(Duration::ZERO),
                "cache: `fresh` is 0ns, but must be between 1ms and 31536000s",
            ),
            (
                default().with_servable(MINUTE),
                "cache: `servable` is 60s, but must be between 300s and 31536000s",
            ),
            (
                default().with_verdict(Some(2 * HOUR)),
                "cache: `verdict` is 7200s, but must be between 1ms and 3600s",
            ),
            (
                default().with_max_entries(0),
                "cache: `max_entries` is 0, but must be between 1 and 1000000000",
            ),
        ] {
            assert_eq!(config.validate().unwrap_err().to_string(), said);
        }
        assert_eq!(default().with_verdict(None).validate(), Ok(()));
        assert_eq!(Config::lists("vps").validate(), Ok(()));
    }

    #[test]
    fn queries_are_fresh_for_five_minutes_and_lists_for_an_hour() {
        let seconds = |config: Config| [config.fresh, config.servable].map(|it| it.as_secs());
        assert_eq!(seconds(Config::queries("stock")), [300, 3_600]);
        assert_eq!(seconds(Config::lists("vps")), [3_600, 86_400]);
    }
}
