//! File descriptors: how many of those that a process, or the machine, may have are open.

use procfs::process::{LimitValue, Process};
use salve_core::ConfigError;
use salve_health::{Check, Finding, Running};

use crate::Thresholds;
use crate::reason::line;

const ROOM: &str = "checks/descriptors";

/// Whose file descriptors are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Whose {
    /// This process's own, against its soft limit.
    #[default]
    Own,
    /// Those of a process, against its soft limit.
    Process(i32),
    /// Those of the machine, against the kernel's limit.
    Machine,
}

/// The settings of a check of file descriptors.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Whose they are. Default this process's own.
    pub whose: Whose,
    /// Bounds of the open share of what is allowed, in percent. Default 80 and 95; 0 to 100.
    pub used: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self { whose: Whose::Own, used: Thresholds::rising(80.0, 95.0) }
    }
}

impl Config {
    /// Sets whose descriptors are counted.
    #[must_use]
    pub const fn with_whose(mut self, whose: Whose) -> Self {
        self.whose = whose;
        self
    }

    /// Sets the bounds of the open share, in percent.
    #[must_use]
    pub const fn with_used(mut self, bounds: Thresholds) -> Self {
        self.used = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.used.validate(ROOM, "used", (0.0, 100.0))
    }

    /// `None` where there is no limit.
    fn judge(&self, open: u64, allowed: Option<u64>) -> Finding {
        let Some(allowed) = allowed else {
            return Finding::pass().with_value(open as f64, "files");
        };
        let percent = open as f64 * 100.0 / allowed as f64;
        self.used.judge(percent, "percent", "the open share of files")
    }

    fn look(&self) -> procfs::ProcResult<Finding> {
        let process = match self.whose {
            Whose::Machine => {
                let found = procfs::sys::fs::file_nr()?;
                let open = found.allocated.saturating_sub(found.free);
                return Ok(self.judge(open, Some(found.max)));
            }
            Whose::Own => Process::myself()?,
            Whose::Process(pid) => Process::new(pid)?,
        };
        let allowed = match process.limits()?.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(most),
            LimitValue::Unlimited => None,
        };
        Ok(self.judge(process.fd_count()? as u64, allowed))
    }
}

/// Counts open files in `/proc`. The value is their share of what is allowed, in percent.
#[derive(Debug)]
pub struct DescriptorsCheck {
    config: Config,
}

impl DescriptorsCheck {
    /// Looks as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config })
    }
}

impl Check for DescriptorsCheck {
    fn run(&self) -> Running<'_> {
        let found = self.config.look();
        let unknown = |error: procfs::ProcError| Finding::unknown(line(&error.to_string()));
        Box::pin(std::future::ready(found.unwrap_or_else(unknown)))
    }
}

#[cfg(test)]
mod tests {
    use salve_health::Status;

    use super::*;

    async fn found(whose: Whose) -> Finding {
        DescriptorsCheck::new(Config::default().with_whose(whose)).unwrap().run().await
    }

    #[test]
    fn the_share_is_judged_and_no_limit_passes() {
        let config = Config::default();
        assert_eq!(config.judge(79, Some(100)).status, Status::Pass);
        assert_eq!(config.judge(80, Some(100)).status, Status::Warn);
        assert_eq!(config.judge(95, Some(100)).status, Status::Fail);
        assert_eq!(config.judge(95, None).status, Status::Pass);
        assert_eq!(config.judge(0, Some(0)).status, Status::Unknown);
    }

    #[tokio::test]
    async fn open_files_are_counted() {
        let before = found(Whose::Own).await.value.unwrap().value;
        let files: Vec<_> = (0..20).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        let after = found(Whose::Own).await.value.unwrap().value;
        assert!(after > before, "{after} after {before}, with {} more", files.len());
        let pid = std::process::id().cast_signed();
        assert!(found(Whose::Process(pid)).await.value.is_some());
        assert!(found(Whose::Machine).await.value.is_some_and(|it| it.value >= 0.0));
        assert_eq!(found(Whose::Process(i32::MAX)).await.status, Status::Unknown);
    }
}
