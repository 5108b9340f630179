//! The settings of hedging, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Check, ConfigError, Enforcement, Name, Ratio};

pub(crate) const ROOM: &str = "hedge";

/// When a call gets a second copy, and how many.
///
/// ```
/// use salve_core::Ratio;
/// use salve_hedge::{Config, Quantile};
/// use std::time::Duration;
///
/// let late = Quantile::new(Ratio::percent::<99>()).with_ceiling(Duration::from_secs(2));
/// assert!(Config::new("inventory").with_quantile(late).validate().is_ok());
/// let fixed = Config::new("inventory").with_fixed_delay(Duration::from_millis(50));
/// assert!(fixed.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Who it is in events and readings. Default `hedge`.
    pub name: Name,
    /// How long a call is waited for before it is late. Default the 95 % quantile of the
    /// service's own latency.
    pub delay: Delay,
    /// How many copies of one call may be sent, the call itself not counted; each waits for the
    /// delay anew. Default 1; 1 to 4.
    pub max_copies: u32,
    /// Whether copies are sent, or only counted. Default enforced: they are sent.
    pub enforcement: Enforcement,
}

/// How long a call is waited for before a copy of it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Delay {
    /// Always this long. 1 ms to 60 s.
    Fixed(#[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))] Duration),
    /// As long as a share of the service's own calls take.
    Quantile(Quantile),
}

/// A delay that follows the latency of the service.
///
/// A measured latency counts for at least half of the window, and at most for all of it. The
/// delay is worked out anew every 32nd of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Quantile {
    /// The share of calls that are answered before a copy would be sent. Default 95 %; 1 % to
    /// 99.99 %.
    pub share: Ratio,
    /// How many answers must have been measured within the window before any copy is sent.
    /// Default 100; 1 to 1,000,000.
    pub min_samples: u32,
    /// No delay is shorter. Default 1 ms, the step of tokio's timers; 1 ms to 60 s.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub floor: Duration,
    /// No delay is longer. Default 10 s; from the floor to 60 s.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub ceiling: Duration,
    /// How long a latency counts at most. Default 30 s; 1 s to 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub window: Duration,
}

const MS: Duration = Duration::from_millis(1);
/// The end of what the table of latencies tells apart lies beyond it.
const LONGEST: Duration = Duration::from_secs(60);
const HIGHEST: Ratio = match Ratio::from_parts_per_million(999_900) {
    Some(ratio) => ratio,
    None => Ratio::ONE,
};

impl Quantile {
    /// The delay within which `share` of the calls are answered.
    #[must_use]
    pub const fn new(share: Ratio) -> Self {
        Self {
            share,
            min_samples: 100,
            floor: MS,
            ceiling: Duration::from_secs(10),
            window: Duration::from_secs(30),
        }
    }

    /// Sets how many answers must have been measured before any copy is sent.
    #[must_use]
    pub const fn with_min_samples(mut self, samples: u32) -> Self {
        self.min_samples = samples;
        self
    }

    /// Sets the shortest delay.
    #[must_use]
    pub const fn with_floor(mut self, floor: Duration) -> Self {
        self.floor = floor;
        self
    }

    /// Sets the longest delay.
    #[must_use]
    pub const fn with_ceiling(mut self, ceiling: Duration) -> Self {
        self.ceiling = ceiling;
        self
    }

    /// Sets how long a latency counts at most.
    #[must_use]
    pub const fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    fn validate(&self, check: Check) -> Result<(), ConfigError> {
        check.range("share", self.share, Ratio::percent::<1>(), HIGHEST)?;
        check.range("min_samples", self.min_samples, 1, 1_000_000)?;
        check.duration("floor", self.floor, MS, LONGEST)?;
        check.duration("ceiling", self.ceiling, self.floor, LONGEST)?;
        check.duration("window", self.window, Duration::from_secs(1), Duration::from_secs(3600))
    }
}

impl Default for Quantile {
    /// 95 %.
    fn default() -> Self {
        Self::new(Ratio::percent::<95>())
    }
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

    /// Sends copies after this time.
    #[must_use]
    pub const fn with_fixed_delay(mut self, delay: Duration) -> Self {
        self.delay = Delay::Fixed(delay);
        self
    }

    /// Sends copies after a delay that follows the latency of the service.
    #[must_use]
    pub const fn with_quantile(mut self, quantile: Quantile) -> Self {
        self.delay = Delay::Quantile(quantile);
        self
    }

    /// Sets how many copies of one call may be sent.
    #[must_use]
    pub const fn with_max_copies(mut self, copies: u32) -> Self {
        self.max_copies = copies;
        self
    }

    /// Sets whether copies are sent, or only counted.
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
        match self.delay {
            Delay::Fixed(delay) => check.duration("delay", delay, MS, LONGEST)?,
            Delay::Quantile(quantile) => quantile.validate(check)?,
        }
        check.range("max_copies", self.max_copies, 1, 4)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: Name::literal(ROOM),
            delay: Delay::Quantile(Quantile::default()),
            max_copies: 1,
            enforcement: Enforcement::Enforce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_field_value_and_bound() {
        let second = Duration::from_secs(1);
        let quantile = Quantile::default();
        let of = |quantile| Config::default().with_quantile(quantile);
        for (config, said) in [
            (
                Config::default().with_max_copies(0),
                "hedge: `max_copies` is 0, but must be between 1 and 4",
            ),
            (
                Config::default().with_fixed_delay(Duration::ZERO),
                "hedge: `delay` is 0ns, but must be between 1ms and 60s",
            ),
            (
                of(Quantile::new(Ratio::ONE)),
                "hedge: `share` is 100%, but must be between 1% and 99.99%",
            ),
            (
                of(quantile.with_min_samples(0)),
                "hedge: `min_samples` is 0, but must be between 1 and 1000000",
            ),
            (
                of(quantile.with_floor(Duration::ZERO)),
                "hedge: `floor` is 0ns, but must be between 1ms and 60s",
            ),
            (
                of(quantile.with_floor(2 * second).with_ceiling(second)),
                "hedge: `ceiling` is 1s, but must be between 2s and 60s",
            ),
            (
                of(quantile.with_window(MS)),
                "hedge: `window` is 1ms, but must be between 1s and 3600s",
            ),
        ] {
            assert_eq!(config.validate().unwrap_err().to_string(), said);
        }
        assert!(Config::default().validate().is_ok());
    }
}
