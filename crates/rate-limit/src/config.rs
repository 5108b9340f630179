//! The settings of a rate limit, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check, ConfigError, Enforcement, Name, Ratio};

use crate::pace::Pace;
use crate::quota::{LONGEST, Quota};
use crate::tiers::{Tier, Tiers};

pub(crate) const ROOM: &str = "rate-limit";

/// The settings of a rate limit.
///
/// ```
/// use salve_rate_limit::{Config, Quota};
/// use std::time::Duration;
///
/// let config = Config::new("search", Quota::per_minute(500).with_burst(20))
///     .with_queue(50)
///     .with_max_wait(Duration::from_secs(2));
/// assert!(config.validate().is_ok());
/// assert!(Config::new("search", Quota::per_minute(0)).validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in rejections and events. Default `rate-limit`.
    pub name: Name,
    /// The quotas: one, or one per tier of a keyed limit. Default 100 calls a minute.
    pub tiers: Tiers,
    /// How many calls may wait for their turn. Their memory is reserved at the start. Default 0,
    /// so that a call over the rate is refused; at most 100,000.
    pub queue: u32,
    /// How long a call waits at most. Default 5 s; 1 ms to 24 h. A call that would have to wait
    /// longer, or past the deadline of the surrounding call, is refused at once.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub max_wait: Duration,
    /// Whether it refuses calls or only says that it would have. Default enforced.
    pub enforcement: Enforcement,
}

impl Default for Config {
    fn default() -> Self {
        Self::new(Name::literal(ROOM), Quota::per_minute(100))
    }
}

impl Config {
    /// One quota under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>, quota: Quota) -> Self {
        Self::tiered(name, Tiers::new(Name::literal("all"), quota))
    }

    /// A quota per tier, for a keyed limit.
    #[must_use]
    pub fn tiered(name: impl Into<Name>, tiers: Tiers) -> Self {
        Self {
            name: name.into(),
            tiers,
            queue: 0,
            max_wait: Duration::from_secs(5),
            enforcement: Enforcement::Enforce,
        }
    }

    /// Sets how many calls may wait for their turn.
    #[must_use]
    pub const fn with_queue(mut self, queue: u32) -> Self {
        self.queue = queue;
        self
    }

    /// Sets how long a call waits at most.
    #[must_use]
    pub const fn with_max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Sets whether calls are refused or only counted as such.
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
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let check = Check::room(ROOM);
        self.tiers.validate()?;
        check.range("queue", self.queue, 0, 100_000)?;
        check.duration("max_wait", self.max_wait, Duration::from_millis(1), DAY)
    }
}

pub(crate) fn validate_scale(scale: Ratio) -> Result<(), ConfigError> {
    let holds = scale >= LEAST_SCALE;
    Check::room(ROOM).that("scale", scale.as_f64(), holds, "between 0.01 and 1")
}

pub(crate) const LEAST_SCALE: Ratio = Ratio::percent::<1>();

/// What every limit made from one configuration follows now.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// The share of every quota's rate that is let through.
    pub(crate) scale: Ratio,
}

impl Settings {
    pub(crate) const fn new(config: Config) -> Self {
        Self { config, scale: Ratio::ONE }
    }

    /// The settings that follow these: the name and the scale stay.
    pub(crate) fn follow(&self, mut config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        config.tiers.validate_after(&self.config.tiers)?;
        config.name = self.config.name.clone();
        Ok(Self { config, scale: self.scale })
    }

    pub(crate) fn scaled(&self, scale: Ratio) -> Self {
        Self { config: self.config.clone(), scale }
    }

    pub(crate) fn pace(&self, tier: Tier) -> Pace {
        Pace::new(&self.config.tiers.quota_or_first(tier), self.scale)
    }

    pub(crate) fn is_shadow(&self) -> bool {
        self.config.enforcement == Enforcement::Shadow
    }
}

// What a burst costs must fit beside the time of day, however far the rate is scaled down.
const _: () = assert!(LONGEST.as_secs() * 100 < 10 * 366 * 24 * 60 * 60);
