//! Who arms a chaos point, why, and for how long.

use std::fmt;
use std::time::Duration;

use salve_core::{Check, ConfigError, Moment};

use crate::config::ROOM;
use crate::rule::Rule;

/// What arming asks for. Without an owner, a reason and an end there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Arming {
    pub(crate) owner: String,
    pub(crate) reason: String,
    pub(crate) lasts: Duration,
    pub(crate) rules: Option<Vec<Rule>>,
    /// Until when, counted from its beginning, it may be put off by whoever armed it.
    pub(crate) up_to: Option<Duration>,
}

impl Arming {
    /// Arms with the rules of the settings.
    #[must_use]
    pub fn new(owner: impl Into<String>, reason: impl Into<String>, lasts: Duration) -> Self {
        Self { owner: owner.into(), reason: reason.into(), lasts, rules: None, up_to: None }
    }

    /// Arms with these rules instead of those of the settings.
    #[must_use]
    pub fn with_rules(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.rules = Some(rules.into_iter().collect());
        self
    }

    pub(crate) fn validate(&self, most: Duration) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        let said = |text: &str| !text.trim().is_empty();
        check.that("owner", format_args!("{:?}", self.owner), said(&self.owner), "a name")?;
        check.that("reason", format_args!("{:?}", self.reason), said(&self.reason), "a reason")?;
        check.duration("lasts", self.lasts, Duration::from_millis(1), most)?;
        self.rules.as_deref().map_or(Ok(()), crate::config::validate_rules)
    }
}

/// What a chaos point is armed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    /// Who armed it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Moment,
    /// When it ends by itself.
    pub until: Moment,
    /// How many calls were struck.
    pub struck: u64,
    /// How many strikes the caps have held back.
    pub capped: u64,
}

/// Why a chaos point was not armed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArmError {
    /// What was asked for is out of bounds, or an owner or a reason is missing.
    Setting(ConfigError),
    /// It is armed already.
    AlreadyArmed {
        /// By whom.
        owner: String,
    },
    /// It was halted, or all chaos in the process was, and that has not been lifted.
    Halted,
}

impl fmt::Display for ArmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(error) => error.fmt(f),
            Self::AlreadyArmed { owner } => write!(f, "chaos: already armed by {owner}"),
            Self::Halted => f.write_str("chaos: halted, and not yet allowed again"),
        }
    }
}

impl std::error::Error for ArmError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Setting(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ConfigError> for ArmError {
    fn from(error: ConfigError) -> Self {
        Self::Setting(error)
    }
}
