//! The settings of one target and its check, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, Name, Place, Ratio};

use crate::config::{DAY, MINUTE, ROOM};
use crate::finding::Status;
use crate::target::Rules;

/// The settings of one target.
///
/// ```
/// use salve_core::Place;
/// use salve_health::TargetConfig;
/// use std::time::Duration;
///
/// let config = TargetConfig::new("api")
///     .with_interval(Duration::from_secs(10))
///     .with_component("compute")
///     .with_place(Place::new().needs("database").can_use("search"));
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct TargetConfig {
    /// Its name, which nobody else in the registry has. Default `target`; not empty.
    pub name: Name,
    /// How often it is checked. Default 30 s; 100 ms to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub interval: Duration,
    /// How often it is checked while it is anything but healthy or degraded. Default 5 s, or the
    /// interval if that is shorter; 100 ms to the interval.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub unhealthy_interval: Option<Duration>,
    /// By what share of the interval a check may come earlier or later, at random. The first comes
    /// within that share of the interval. Default 10 %; at most 50 %.
    pub jitter: Ratio,
    /// How long a run may take. Default 5 s; 1 ms to 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub timeout: Duration,
    /// What a run says that is out of time. Default fail: what does not answer does not work;
    /// unknown for a check that may hang for reasons of its own.
    pub on_timeout: Status,
    /// How many failures in a row make it failed. Default 3; 1 to 1,000.
    pub failure_threshold: u32,
    /// How many passes in a row make it healthy. Default 2; 1 to 1,000.
    pub success_threshold: u32,
    /// How long after its start failures do not count, unless it has been up. Default 60 s; at most
    /// 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub grace: Duration,
    /// How old its last result may get before it is unknown. Default three intervals; at least
    /// interval and timeout together, at most 7 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub stale_after: Option<Duration>,
    /// After what time in repair failures count again. Default 5 min; 1 ms to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub recovery_limit: Duration,
    /// Whether the whole fails with it. Default critical.
    pub criticality: Criticality,
    /// How much it weighs in scores. Default 1; at most 1,000,000. 0 leaves it out.
    pub weight: u32,
    /// The class whose score it belongs to, such as `database`. Default none.
    pub component: Option<Name>,
    /// Words to find it by. Default none; at most 32.
    pub tags: Vec<Name>,
    /// Its group, its failure domain and what it depends on. Default none of them.
    pub place: Place,
    /// Which questions it has a say in. Default readiness and start-up.
    pub probes: Probes,
}

/// Whether the whole fails with a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Criticality {
    /// The whole is as bad as it is.
    #[default]
    Critical,
    /// The whole is at most degraded by it. While more checks are due than may run at once, its own
    /// waits for those that are critical.
    NonCritical,
}

/// Which questions about the whole a target has a say in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Probes {
    /// Should the process be restarted? Never for what stands outside the process. Default no.
    pub liveness: bool,
    /// May it be given work? Default yes.
    pub readiness: bool,
    /// Has it started? Default yes.
    pub startup: bool,
}

impl Default for Probes {
    fn default() -> Self {
        Self { liveness: false, readiness: true, startup: true }
    }
}

const MS: Duration = Duration::from_millis(1);
const SHORTEST: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_secs(5);

impl Default for TargetConfig {
    fn default() -> Self {
        Self {
            name: Name::literal("target"),
            interval: Duration::from_secs(30),
            unhealthy_interval: None,
            jitter: Ratio::percent::<10>(),
            timeout: Duration::from_secs(5),
            on_timeout: Status::Fail,
            failure_threshold: 3,
            success_threshold: 2,
            grace: MINUTE,
            stale_after: None,
            recovery_limit: 5 * MINUTE,
            criticality: Criticality::Critical,
            weight: 1,
            component: None,
            tags: Vec::new(),
            place: Place::new(),
            probes: Probes::default(),
        }
    }
}

impl TargetConfig {
    /// The default settings under this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets how often it is checked.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how often it is checked while it is neither healthy nor degraded.
    #[must_use]
    pub const fn with_unhealthy_interval(mut self, interval: Duration) -> Self {
        self.unhealthy_interval = Some(interval);
        self
    }

    /// Sets the random share of the interval.
    #[must_use]
    pub const fn with_jitter(mut self, jitter: Ratio) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets how long a run may take, and what one says that takes longer.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration, says: Status) -> Self {
        self.timeout = timeout;
        self.on_timeout = says;
        self
    }

    /// Sets how many failures in a row make it failed, and how many passes make it healthy.
    #[must_use]
    pub const fn with_thresholds(mut self, failures: u32, successes: u32) -> Self {
        self.failure_threshold = failures;
        self.success_threshold = successes;
        self
    }

    /// Sets how long after its start failures do not count.
    #[must_use]
    pub const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how old its last result may get.
    #[must_use]
    pub const fn with_stale_after(mut self, age: Duration) -> Self {
        self.stale_after = Some(age);
        self
    }

    /// Sets after what time in repair failures count again.
    #[must_use]
    pub const fn with_recovery_limit(mut self, limit: Duration) -> Self {
        self.recovery_limit = limit;
        self
    }

    /// Lets the whole be at most degraded by it.
    #[must_use]
    pub const fn non_critical(mut self) -> Self {
        self.criticality = Criticality::NonCritical;
        self
    }

    /// Sets how much it weighs in scores.
    #[must_use]
    pub const fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the class whose score it belongs to.
    #[must_use]
    pub fn with_component(mut self, component: impl Into<Name>) -> Self {
        self.component = Some(component.into());
        self
    }

    /// Adds a word to find it by.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<Name>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Sets its group, its failure domain and what it depends on.
    #[must_use]
    pub fn with_place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Sets which questions it has a say in.
    #[must_use]
    pub const fn with_probes(mut self, probes: Probes) -> Self {
        self.probes = probes;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.that("name", "empty", !self.name.as_str().is_empty(), "a name")?;
        bounds.duration("interval", self.interval, SHORTEST, DAY)?;
        bounds.duration("unhealthy_interval", self.soon(), SHORTEST, self.interval)?;
        bounds.range("jitter", self.jitter.as_f64(), 0.0, 0.5)?;
        bounds.duration("timeout", self.timeout, MS, 60 * MINUTE)?;
        bounds.range("failure_threshold", self.failure_threshold, 1, 1_000)?;
        bounds.range("success_threshold", self.success_threshold, 1, 1_000)?;
        bounds.duration("grace", self.grace, Duration::ZERO, DAY)?;
        let stale_after = self.rules().stale_after;
        bounds.duration("stale_after", stale_after, self.interval + self.timeout, 7 * DAY)?;
        bounds.duration("recovery_limit", self.recovery_limit, MS, DAY)?;
        bounds.range("weight", self.weight, 0, 1_000_000)?;
        bounds.range("tags", self.tags.len(), 0, 32)
    }

    /// How often it is checked while it is not up.
    pub(crate) fn soon(&self) -> Duration {
        self.unhealthy_interval.unwrap_or(SOON.min(self.interval))
    }

    pub(crate) fn rules(&self) -> Rules {
        // A run that takes all its time must not make its own result too old.
        let stale_after = (3 * self.interval).max(self.interval + 2 * self.timeout);
        Rules {
            failure_threshold: self.failure_threshold,
            success_threshold: self.success_threshold,
            grace: self.grace,
            stale_after: self.stale_after.unwrap_or(stale_after),
            recovery_limit: self.recovery_limit,
        }
    }
}
