//! Memory: how much of it is used, as Linux counts it.

use procfs::{Current as _, Meminfo};
use salve_core::ConfigError;
use salve_health::{Check, Finding, Running};

use crate::Thresholds;
use crate::reason::{line, worse};

const ROOM: &str = "checks/memory";

/// The settings of a check of memory.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Bounds of the used memory in percent; what the kernel can take back at once is not used.
    /// Default 90 and 95; 0 to 100.
    pub used: Thresholds,
    /// Bounds of the used swap in percent; a machine without swap passes. Default none; 0 to 100.
    pub swap: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self { used: Thresholds::rising(90.0, 95.0), swap: Thresholds::NONE }
    }
}

impl Config {
    /// Sets the bounds of the used memory, in percent.
    #[must_use]
    pub const fn with_used(mut self, bounds: Thresholds) -> Self {
        self.used = bounds;
        self
    }

    /// Sets the bounds of the used swap, in percent.
    #[must_use]
    pub const fn with_swap(mut self, bounds: Thresholds) -> Self {
        self.swap = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.used.validate(ROOM, "used", (0.0, 100.0))?;
        self.swap.validate(ROOM, "swap", (0.0, 100.0))
    }

    fn judge(&self, it: &Meminfo) -> Finding {
        let Some(available) = it.mem_available else {
            return Finding::unknown("this kernel does not tell what memory is available");
        };
        let used = |free: u64, all: u64| all.saturating_sub(free) as f64 * 100.0 / all as f64;
        let memory = self.used.judge(used(available, it.mem_total), "percent", "used memory");
        if it.swap_total == 0 {
            return memory;
        }
        let swap = used(it.swap_free, it.swap_total);
        worse(memory, self.swap.judge(swap, "percent", "used swap"))
    }
}

/// Reads `/proc/meminfo`. The value is the used memory in percent, or the used swap if that is worse.
#[derive(Debug)]
pub struct MemoryCheck {
    config: Config,
}

impl MemoryCheck {
    /// Looks as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config })
    }
}

impl Check for MemoryCheck {
    fn run(&self) -> Running<'_> {
        let found = Meminfo::current();
        Box::pin(std::future::ready(match found {
            Ok(found) => self.config.judge(&found),
            Err(error) => Finding::unknown(line(&error.to_string())),
        }))
    }
}

#[cfg(test)]
mod tests {
    use procfs::FromRead as _;
    use salve_health::Status;

    use super::*;

    fn found(text: &str) -> Finding {
        let config = Config::default().with_swap(Thresholds::rising(50.0, 80.0));
        config.judge(&Meminfo::from_read(text.as_bytes()).unwrap())
    }

    const FIXTURE: &str = "MemTotal:       16000000 kB\nMemFree:          400000 kB\n\
        MemAvailable:    1600000 kB\nBuffers:          100000 kB\nCached:          1500000 kB\n\
        SwapCached:            0 kB\nActive:          9000000 kB\nInactive:        3000000 kB\n\
        SwapTotal:       1000000 kB\nSwapFree:         700000 kB\nDirty:               100 kB\n\
        Writeback:             0 kB\nMapped:           100000 kB\nSlab:             200000 kB\n\
        Committed_AS:    9000000 kB\nVmallocTotal:   34359738367 kB\nVmallocUsed:       10000 kB\n\
        VmallocChunk:          0 kB\n";

    #[test]
    fn what_the_kernel_can_take_back_is_not_used() {
        let finding = found(FIXTURE);
        assert_eq!((finding.status, finding.value.unwrap().value), (Status::Warn, 90.0));
    }

    #[test]
    fn swap_counts_where_there_is_any() {
        let full = FIXTURE.replace("700000 kB", "100000 kB");
        assert_eq!(&*found(&full).reason.unwrap(), "used swap is 90 percent, 80 or more");
        let none = full.replace("SwapTotal:       1000000", "SwapTotal:             0");
        assert_eq!(found(&none).status, Status::Warn);
    }

    #[test]
    fn an_old_kernel_is_unknown() {
        let old = FIXTURE.replace("MemAvailable:", "MemOther:");
        assert_eq!(found(&old).status, Status::Unknown);
    }

    #[tokio::test]
    async fn this_machine_has_memory() {
        let config = Config::default().with_used(Thresholds::NONE);
        let finding = MemoryCheck::new(config).unwrap().run().await;
        assert!(
            finding.value.is_some_and(|it| it.value > 0.0 && it.value < 100.0),
            "{:?}",
            finding.reason
        );
        let wrong = Config::default().with_swap(Thresholds::rising(1.0, 101.0));
        assert_eq!(MemoryCheck::new(wrong).unwrap_err().field(), "swap");
    }
}
