//! Processors: what share of their time was busy since the last run.

use std::fmt;

use procfs::{CpuTime, CurrentSI as _, KernelStats};
use salve_core::ConfigError;
use salve_core::sync::Lock;
use salve_health::{Check, Finding, Running};

use crate::Thresholds;
use crate::reason::line;

const ROOM: &str = "checks/cpu";

/// The settings of a check of processors.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Bounds of the busy share of all processors in percent. Default 85 and 98; 0 to 100.
    pub busy: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self { busy: Thresholds::rising(85.0, 98.0) }
    }
}

impl Config {
    /// Sets the bounds of the busy share, in percent.
    #[must_use]
    pub const fn with_busy(mut self, bounds: Thresholds) -> Self {
        self.busy = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.busy.validate(ROOM, "busy", (0.0, 100.0))
    }
}

/// Ticks since the machine was started: all, and those in which there was nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    all: u64,
    idle: u64,
}

impl From<&CpuTime> for Ticks {
    fn from(it: &CpuTime) -> Self {
        // A guest's time is part of the user's.
        let idle = it.idle.saturating_add(it.iowait.unwrap_or(0));
        let optional = [it.irq, it.softirq, it.steal].into_iter().flatten();
        let busy = [it.user, it.nice, it.system].into_iter().chain(optional);
        Self { all: busy.fold(idle, u64::saturating_add), idle }
    }
}

impl Ticks {
    /// The busy share since `before` in percent; no number if no time has passed.
    fn busy_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all);
        // The kernel's count of idle time may go back a little.
        let idle = self.idle.saturating_sub(before.idle).min(all);
        (all - idle) as f64 * 100.0 / all as f64
    }
}

/// Reads `/proc/stat` and compares it with the last run. The value is the busy share of all processors in percent. The
/// first run has nothing to compare with and is unknown.
pub struct CpuCheck {
    config: Config,
    last: Lock<Option<Ticks>>,
}

impl CpuCheck {
    /// Looks as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, last: Lock::new(None) })
    }

    fn compare(&self, now: Ticks) -> Finding {
        let Some(before) = self.last.lock().replace(now) else {
            return Finding::unknown("there is nothing to compare with yet");
        };
        self.config.busy.judge(now.busy_since(before), "percent", "busy time")
    }
}

impl Check for CpuCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(std::future::ready(match KernelStats::current() {
            Ok(found) => self.compare(Ticks::from(&found.total)),
            Err(error) => Finding::unknown(line(&error.to_string())),
        }))
    }
}

impl fmt::Debug for CpuCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuCheck").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use procfs::{FromReadSI as _, current_system_info};
    use salve_health::Status;

    use super::*;

    fn ticks(line: &str) -> Ticks {
        let text = format!("{line}\ncpu0 1 1 1 1 1 1 1 1 1 1\nctxt 1\nbtime 1\nprocesses 1\n");
        let found = KernelStats::from_read(text.as_bytes(), current_system_info()).unwrap();
        Ticks::from(&found.total)
    }

    #[test]
    fn waiting_for_a_disk_is_not_busy_and_a_guest_is_not_counted_twice() {
        let before = ticks("cpu  100 0 100 700 100 0 0 0 50 0");
        assert_eq!(before, Ticks { all: 1_000, idle: 800 });
        let after = ticks("cpu  150 10 120 800 110 5 5 0 90 0");
        assert_eq!(after.busy_since(before), 45.0);
        assert!(before.busy_since(before).is_nan());
    }

    #[test]
    fn the_first_run_is_unknown_and_later_ones_are_judged() {
        let check = CpuCheck::new(Config::default()).unwrap();
        assert_eq!(check.compare(Ticks { all: 0, idle: 0 }).status, Status::Unknown);
        assert_eq!(check.compare(Ticks { all: 100, idle: 10 }).status, Status::Warn);
        assert_eq!(check.compare(Ticks { all: 200, idle: 10 }).status, Status::Fail);
        assert_eq!(check.compare(Ticks { all: 300, idle: 110 }).status, Status::Pass);
        assert_eq!(check.compare(Ticks { all: 300, idle: 110 }).status, Status::Unknown);
    }

    #[tokio::test]
    async fn this_machine_has_processors() {
        let check = CpuCheck::new(Config::default().with_busy(Thresholds::NONE)).unwrap();
        assert_eq!(check.run().await.status, Status::Unknown);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let busy = check.run().await.value.unwrap().value;
        assert!((0.0..=100.0).contains(&busy), "{busy}");
        let wrong = Config::default().with_busy(Thresholds::rising(-1.0, 98.0));
        assert_eq!(CpuCheck::new(wrong).unwrap_err().field(), "busy");
    }
}
