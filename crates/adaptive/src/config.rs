//! The settings of a controller, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check, ConfigError, Enforcement, Name};

pub(crate) const ROOM: &str = "adaptive";

/// The settings of a controller. None of them is a threshold: those it finds.
///
/// ```
/// use salve_adaptive::Config;
/// use std::time::Duration;
///
/// let config = Config::new("inventory").with_patience(Duration::from_millis(300));
/// assert!(config.validate().is_ok());
/// assert!(config.with_max_attempts(0).validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in rejections and events. Default `adaptive`.
    pub name: Name,
    /// How long callers wait for an answer: the deadline of calls that have none of their own, and
    /// the measure of what is slow. Default 1 s; 10 ms to 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub patience: Duration,
    /// Attempts of one call at most, the first included. Default 8; 1 to 100. A budget of work
    /// limits them much sooner.
    pub max_attempts: u32,
    /// The most attempts under way at once, however well they are answered. Their memory is
    /// reserved at the start. Default 1,000; 1 to 100,000.
    pub ceiling: u32,
    /// How many calls may wait at once. Their memory is reserved at the start. Default 1,000; at
    /// most 100,000.
    pub queue: u32,
    /// How many scopes that fail are told apart at once. Default 64; at most 1,024.
    pub scopes: u32,
    /// Addresses that the controller chooses among. Default 1; 1 to 1,024.
    pub replicas: u32,
    /// Parts that do not take part. Default none.
    pub off: Vec<Part>,
    /// Whether it decides, or lets every call pass with one attempt and counts what it would have
    /// refused or let wait. Default it decides.
    pub enforcement: Enforcement,
}

/// A part of the controller that can be switched off, to see what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Part {
    /// To find out that the dependency is dead, and to let it back in by and by.
    Death,
    /// The same for its scopes.
    Scopes,
    /// The limit on attempts under way.
    Limit,
    /// To find the rate of a quota.
    Quota,
    /// To serve higher classes first, and to shed lower ones early.
    Classes,
    /// To let calls wait, for room or for life, instead of refusing them at once.
    Waiting,
    /// Any second attempt after a failure.
    Retries,
    /// To give back what a quick failure did not use of the retry budget.
    Refunds,
    /// To count an attempt as slow before it has ended.
    Overdue,
    /// To send another attempt beside one that is overdue.
    Seconds,
    /// To choose among replicas by latency, load and success.
    Routing,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 11] = [
        Self::Death,
        Self::Scopes,
        Self::Limit,
        Self::Quota,
        Self::Classes,
        Self::Waiting,
        Self::Retries,
        Self::Refunds,
        Self::Overdue,
        Self::Seconds,
        Self::Routing,
    ];
}

/// The parts that take part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts(u32);

impl Parts {
    pub(crate) fn without(off: &[Part]) -> Self {
        Self(off.iter().fold(!0, |on, &part| on & !(1 << part as u32)))
    }

    pub(crate) const fn has(self, part: Part) -> bool {
        self.0 & (1 << part as u32) != 0
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            patience: Duration::from_secs(1),
            max_attempts: 8,
            ceiling: 1_000,
            queue: 1_000,
            scopes: 64,
            replicas: 1,
            off: Vec::new(),
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

    /// Sets how long callers wait for an answer.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets the most attempts of one call.
    #[must_use]
    pub const fn with_max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Sets the most attempts under way at once.
    #[must_use]
    pub const fn with_ceiling(mut self, ceiling: u32) -> Self {
        self.ceiling = ceiling;
        self
    }

    /// Sets how many calls may wait.
    #[must_use]
    pub const fn with_queue(mut self, queue: u32) -> Self {
        self.queue = queue;
        self
    }

    /// Sets how many failing scopes are told apart.
    #[must_use]
    pub const fn with_scopes(mut self, scopes: u32) -> Self {
        self.scopes = scopes;
        self
    }

    /// Sets how many addresses there are to choose among.
    #[must_use]
    pub const fn with_replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Switches a part off.
    #[must_use]
    pub fn without(mut self, part: Part) -> Self {
        self.off.push(part);
        self
    }

    /// Sets whether it decides, or only counts what it would have done.
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
        const HOUR: Duration = Duration::from_secs(60 * 60);
        let check = Check::room(ROOM);
        check.duration("patience", self.patience, Duration::from_millis(10), HOUR)?;
        check.range("max_attempts", self.max_attempts, 1, 100)?;
        check.range("ceiling", self.ceiling, 1, 100_000)?;
        check.range("queue", self.queue, 0, 100_000)?;
        check.range("scopes", self.scopes, 0, 1_024)?;
        check.range("replicas", self.replicas, 1, 1_024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_its_bounds() {
        let ok = Config::new("x");
        assert_eq!(ok.validate(), Ok(()));
        for (field, config) in [
            ("patience", ok.clone().with_patience(Duration::from_millis(9))),
            ("patience", ok.clone().with_patience(Duration::MAX)),
            ("max_attempts", ok.clone().with_max_attempts(0)),
            ("max_attempts", ok.clone().with_max_attempts(101)),
            ("ceiling", ok.clone().with_ceiling(0)),
            ("ceiling", ok.clone().with_ceiling(100_001)),
            ("queue", ok.clone().with_queue(100_001)),
            ("scopes", ok.clone().with_scopes(1_025)),
            ("replicas", ok.clone().with_replicas(0)),
            ("replicas", ok.clone().with_replicas(1_025)),
        ] {
            assert_eq!(config.validate().map_err(|error| error.field()), Err(field));
        }
    }

    #[test]
    fn every_part_is_on_until_it_is_switched_off() {
        for part in Part::ALL {
            assert!(Parts::without(&[]).has(part));
            let off = Parts::without(&[part, part]);
            assert!(Part::ALL.iter().all(|&other| off.has(other) == (other != part)));
        }
    }
}
