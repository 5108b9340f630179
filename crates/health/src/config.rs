//! The settings of a registry, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, Name, Ratio};

use crate::suppress::Together;

pub(crate) const ROOM: &str = "health";

/// The settings of a registry of checks.
///
/// ```
/// use salve_health::Config;
///
/// assert!(Config::new("shop").with_max_runs(64).validate().is_ok());
/// let refused = Config::new("shop").with_max_runs(0).validate().unwrap_err();
/// assert_eq!(refused.to_string(), "health: `max_runs` is 0, but must be between 1 and 100000");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in events and readings. Default `health`.
    pub name: Name,
    /// How many checks may run at once; one that has run for a second no longer counts, so that
    /// checks that hang do not delay the others. While more are due, those of targets that are not
    /// critical wait. Default 256; 1 to 100,000.
    pub max_runs: usize,
    /// How far records and trends reach back, in whole minutes. Default 1 h; 1 min to 7 days. A
    /// minute takes 8 bytes for each target.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub horizon: Duration,
    /// What share of a group has to fail within [`together_within`](Self::together_within) to be
    /// one event, three at least. Default 50 %.
    pub group_share: Ratio,
    /// How many targets that do not explain each other have to fail within
    /// [`together_within`](Self::together_within) to be one event. Default 5; 2 to 1,000,000.
    pub independent: usize,
    /// Within what time failures are taken to be one event. Default 60 s; 1 s to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub together_within: Duration,
    /// How long after a dependency has recovered it still explains failures. Default 60 s; at
    /// most 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub aftermath: Duration,
}

/// A group event needs so many; of two, one is half.
const SMALLEST_PARTY: usize = 3;

const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            max_runs: 256,
            horizon: 60 * MINUTE,
            group_share: Ratio::percent::<50>(),
            independent: 5,
            together_within: MINUTE,
            aftermath: MINUTE,
        }
    }
}

impl Config {
    /// The default settings under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets how many checks may run at once.
    #[must_use]
    pub const fn with_max_runs(mut self, runs: usize) -> Self {
        self.max_runs = runs;
        self
    }

    /// Sets how far records and trends reach back.
    #[must_use]
    pub const fn with_horizon(mut self, horizon: Duration) -> Self {
        self.horizon = horizon;
        self
    }

    /// Sets when failures are one event: of a group by share, of independent targets by number.
    #[must_use]
    pub const fn with_together(
        mut self,
        share: Ratio,
        independent: usize,
        within: Duration,
    ) -> Self {
        self.group_share = share;
        self.independent = independent;
        self.together_within = within;
        self
    }

    /// Sets how long after its recovery a dependency still explains failures.
    #[must_use]
    pub const fn with_aftermath(mut self, aftermath: Duration) -> Self {
        self.aftermath = aftermath;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.range("max_runs", self.max_runs, 1, 100_000)?;
        bounds.duration("horizon", self.horizon, MINUTE, 7 * DAY)?;
        let whole = self.horizon.as_nanos().is_multiple_of(MINUTE.as_nanos());
        bounds.that("horizon", format_args!("{:?}", self.horizon), whole, "whole minutes")?;
        bounds.range("independent", self.independent, 2, 1_000_000)?;
        bounds.duration("together_within", self.together_within, SECOND, DAY)?;
        bounds.duration("aftermath", self.aftermath, Duration::ZERO, DAY)
    }

    /// Checked: at most 10,080.
    pub(crate) const fn minutes(&self) -> u16 {
        (self.horizon.as_secs() / 60) as u16
    }

    pub(crate) const fn group(&self) -> Together {
        let (share, within) = (self.group_share, self.together_within);
        Together { at_least: SMALLEST_PARTY, share, within }
    }

    pub(crate) const fn everybody(&self) -> Together {
        Together { at_least: self.independent, share: Ratio::ZERO, within: self.together_within }
    }
}
