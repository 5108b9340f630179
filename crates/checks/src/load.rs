//! Load: how many processes want to run, for each processor.

use std::num::NonZeroUsize;

use procfs::LoadAverage;
use salve_core::ConfigError;
use salve_health::{Check, Finding, Running};

use crate::Thresholds;
use crate::reason::{line, worse};

const ROOM: &str = "checks/load";

/// The settings of a check of load. All bounds are for each processor that this process may use.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Bounds of the load of the last minute. Default none; not negative.
    pub one: Thresholds,
    /// Bounds of the load of the last 5 minutes. Default 2 and 4; not negative.
    pub five: Thresholds,
    /// Bounds of the load of the last 15 minutes. Default none; not negative.
    pub fifteen: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        let five = Thresholds::rising(2.0, 4.0);
        Self { one: Thresholds::NONE, five, fifteen: Thresholds::NONE }
    }
}

impl Config {
    /// Sets the bounds of the load of the last minute.
    #[must_use]
    pub const fn with_one(mut self, bounds: Thresholds) -> Self {
        self.one = bounds;
        self
    }

    /// Sets the bounds of the load of the last 5 minutes.
    #[must_use]
    pub const fn with_five(mut self, bounds: Thresholds) -> Self {
        self.five = bounds;
        self
    }

    /// Sets the bounds of the load of the last 15 minutes.
    #[must_use]
    pub const fn with_fifteen(mut self, bounds: Thresholds) -> Self {
        self.fifteen = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.one.validate(ROOM, "one", (0.0, f64::MAX))?;
        self.five.validate(ROOM, "five", (0.0, f64::MAX))?;
        self.fifteen.validate(ROOM, "fifteen", (0.0, f64::MAX))
    }

    fn judge(&self, it: &LoadAverage, processors: f64) -> Finding {
        let each = |bounds: &Thresholds, load: f32, what| {
            bounds.judge(f64::from(load) / processors, "per processor", what)
        };
        let five = each(&self.five, it.five, "the load of 5 minutes");
        let one = each(&self.one, it.one, "the load of a minute");
        worse(worse(five, one), each(&self.fifteen, it.fifteen, "the load of 15 minutes"))
    }
}

/// Reads `/proc/loadavg`. The value is the load for each processor: that of 5 minutes, or the worst.
#[derive(Debug)]
pub struct LoadCheck {
    config: Config,
}

impl LoadCheck {
    /// Looks as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config })
    }
}

impl Check for LoadCheck {
    fn run(&self) -> Running<'_> {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let found = <LoadAverage as procfs::Current>::current();
        Box::pin(std::future::ready(match found {
            Ok(found) => self.config.judge(&found, processors as f64),
            Err(error) => Finding::unknown(line(&error.to_string())),
        }))
    }
}

#[cfg(test)]
mod tests {
    use procfs::FromRead as _;
    use salve_health::Status;

    use super::*;

    fn found(config: Config) -> Finding {
        let load = LoadAverage::from_read("16.00 8.50 4.00 3/532 12345\n".as_bytes()).unwrap();
        config.judge(&load, 4.0)
    }

    #[test]
    fn load_is_judged_for_each_processor_and_the_worst_is_told() {
        let finding = found(Config::default());
        assert_eq!((finding.status, finding.value.unwrap().value), (Status::Warn, 2.125));
        let finding = found(Config::default().with_one(Thresholds::rising(3.0, 4.0)));
        assert_eq!((finding.status, finding.value.unwrap().value), (Status::Fail, 4.0));
        let finding = found(Config::default().with_fifteen(Thresholds::rising(0.5, 1.0)));
        assert_eq!(
            &*finding.reason.unwrap(),
            "the load of 15 minutes is 1 per processor, 1 or more"
        );
    }

    #[tokio::test]
    async fn this_machine_has_a_load() {
        let config = Config::default().with_five(Thresholds::NONE);
        let finding = LoadCheck::new(config).unwrap().run().await;
        assert!(finding.value.is_some_and(|it| it.value >= 0.0), "{:?}", finding.reason);
        let wrong = Config::default().with_five(Thresholds::rising(3.0, 2.0));
        assert_eq!(LoadCheck::new(wrong).unwrap_err().field(), "five");
    }
}
