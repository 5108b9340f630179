//! The settings of retries, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check, ConfigError, Enforcement, Name};

use crate::backoff::{Backoff, LONGEST};

pub(crate) const ROOM: &str = "retry";

/// When calls are attempted again, and when they are given up.
///
/// ```
/// use salve_retry::{Backoff, Config};
/// use std::time::Duration;
///
/// let config = Config::new("inventory")
///     .with_max_attempts(5)
///     .with_backoff(Backoff::exponential(Duration::from_millis(50), 2.0))
///     .with_total_deadline(Duration::from_secs(10));
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in rejections and events. Default `retry`.
    pub name: Name,
    /// How many attempts there are in all, the first among them. Default 3; 1 or more.
    pub max_attempts: u32,
    /// How long to wait before each retry. Default 100 ms, doubling to 30 s, with full jitter.
    pub backoff: Backoff,
    /// When the whole call must have ended, counted from its first poll: waiting, readiness and
    /// every attempt. Default none; 1 ms to 30 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub total_deadline: Option<Duration>,
    /// How long one attempt may take, readiness included. Default none; 1 ms to 30 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub attempt_timeout: Option<Duration>,
    /// The longest wait that the dependency may ask for; the call is given up if it asks for
    /// more. Default 300 s; at most 30 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub max_retry_after: Duration,
    /// Whether a request that is not known to be repeatable is attempted again when a rejection
    /// says that it was never sent. It has to be cloned before each attempt for that.
    /// Default yes.
    pub retry_unsent: bool,
    /// Whether calls are really attempted again, or it is only counted and told. In shadow mode
    /// nothing is cut off either, and the budget is neither told of calls nor paid from.
    /// Default enforced.
    pub enforcement: Enforcement,
}

const MS: Duration = Duration::from_millis(1);

impl Config {
    /// The default settings with these attempts.
    pub(crate) const fn of(max_attempts: u32, backoff: Backoff) -> Self {
        Self {
            name: Name::literal(ROOM),
            max_attempts,
            backoff,
            total_deadline: None,
            attempt_timeout: None,
            max_retry_after: Duration::from_secs(300),
            retry_unsent: true,
            enforcement: Enforcement::Enforce,
        }
    }

    /// The default settings under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets who it is in rejections and events.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Name>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how many attempts there are in all.
    #[must_use]
    pub const fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets how long to wait before each retry.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets when the whole call must have ended.
    #[must_use]
    pub const fn with_total_deadline(mut self, deadline: Duration) -> Self {
        self.total_deadline = Some(deadline);
        self
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub const fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// Sets the longest wait that the dependency may ask for.
    #[must_use]
    pub const fn with_max_retry_after(mut self, wait: Duration) -> Self {
        self.max_retry_after = wait;
        self
    }

    /// Sets whether requests that were never sent are attempted again whatever they are.
    #[must_use]
    pub const fn with_retry_unsent(mut self, retry: bool) -> Self {
        self.retry_unsent = retry;
        self
    }

    /// Sets whether calls are really attempted again.
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
        check.range("max_attempts", self.max_attempts, 1, u32::MAX)?;
        self.backoff.validate(check)?;
        if let Some(deadline) = self.total_deadline {
            check.duration("total_deadline", deadline, MS, LONGEST)?;
        }
        if let Some(timeout) = self.attempt_timeout {
            check.duration("attempt_timeout", timeout, MS, LONGEST)?;
        }
        check.duration("max_retry_after", self.max_retry_after, Duration::ZERO, LONGEST)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::of(3, Backoff::DEFAULT)
    }
}
