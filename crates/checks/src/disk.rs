//! A file system: how much of its space and of its inodes are used.

use std::path::PathBuf;

use rustix::fs::{StatVfs, statvfs};
use salve_core::{Check as Bounds, ConfigError};
use salve_health::{Check, Finding, Running, Status, blocking};

use crate::Thresholds;
use crate::reason::{line, worse};

const ROOM: &str = "checks/disk";

/// The settings of a check of a file system.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// A path on it. Default `/`; absolute.
    pub path: PathBuf,
    /// Bounds of its used space, in percent of what users may use. Default 90 and 95; 0 to 100.
    pub used: Thresholds,
    /// Bounds of its used inodes, in percent; a file system without inodes passes. Default 90 and 95; 0 to 100.
    pub inodes: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        let bounds = Thresholds::rising(90.0, 95.0);
        Self { path: PathBuf::from("/"), used: bounds, inodes: bounds }
    }
}

impl Config {
    /// Looks at the file system that `path` is on.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Sets the bounds of its used space, in percent.
    #[must_use]
    pub const fn with_used(mut self, bounds: Thresholds) -> Self {
        self.used = bounds;
        self
    }

    /// Sets the bounds of its used inodes, in percent.
    #[must_use]
    pub const fn with_inodes(mut self, bounds: Thresholds) -> Self {
        self.inodes = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let absolute = self.path.is_absolute();
        Bounds::room(ROOM).that("path", self.path.display(), absolute, "an absolute path")?;
        self.used.validate(ROOM, "used", (0.0, 100.0))?;
        self.inodes.validate(ROOM, "inodes", (0.0, 100.0))
    }

    fn judge(&self, it: &StatVfs) -> Finding {
        // What is kept for root counts as used, as in `df`.
        let used = it.f_blocks.saturating_sub(it.f_bfree);
        let space = percent(used, used.saturating_add(it.f_bavail));
        let mut space = self.used.judge(space, "percent", "used space");
        if let (Status::Warn | Status::Fail, Some(reason)) = (space.status, &mut space.reason) {
            let free = it.f_bavail as f64 * it.f_frsize as f64 / GIB;
            *reason = format!("{reason}; {free:.2} GiB are free").into();
        }
        if it.f_files == 0 {
            return space;
        }
        let inodes = percent(it.f_files.saturating_sub(it.f_ffree), it.f_files);
        worse(space, self.inodes.judge(inodes, "percent", "used inodes"))
    }
}

const GIB: f64 = (1_u64 << 30) as f64;

/// No number where there is nothing at all.
fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole as f64
}

/// Asks the system about a file system. The value is its used space in percent, or its used inodes if they are worse;
/// the reason says how much space is free.
///
/// It runs among tokio's blocking threads, as a network file system that is gone may block for ever.
#[derive(Debug)]
pub struct DiskCheck(salve_health::Blocking);

impl DiskCheck {
    /// Looks as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(blocking(move || match statvfs(&config.path) {
            Ok(found) => config.judge(&found),
            Err(error) => Finding::unknown(line(&std::io::Error::from(error).to_string())),
        })))
    }
}

impl Check for DiskCheck {
    fn run(&self) -> Running<'_> {
        self.0.run()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_system(blocks: [u64; 3], files: [u64; 2]) -> StatVfs {
        let mut it = statvfs("/").unwrap();
        [it.f_blocks, it.f_bfree, it.f_bavail] = blocks;
        [it.f_files, it.f_ffree] = files;
        it
    }

    #[test]
    fn space_is_counted_as_df_does() {
        // 1,000 blocks of which 50 are kept for root: 855 of 950 are used.
        let finding = Config::default().judge(&file_system([1_000, 145, 95], [100, 50]));
        assert_eq!((finding.status, finding.value.unwrap().value), (Status::Warn, 90.0));
        let full = Config::default().judge(&file_system([1_000, 50, 0], [100, 50]));
        assert_eq!((full.status, full.value.unwrap().value), (Status::Fail, 100.0));
    }

    #[test]
    fn the_reason_says_what_is_free() {
        let mut it = file_system([1_000_000, 145_000, 95_000], [100, 50]);
        it.f_frsize = 4_096;
        let reason = Config::default().judge(&it).reason.unwrap();
        assert_eq!(&*reason, "used space is 90 percent, 90 or more; 0.36 GiB are free");
    }

    #[test]
    fn inodes_count_where_there_are_any() {
        let finding = Config::default().judge(&file_system([100, 90, 90], [1_000, 40]));
        assert_eq!(finding.status, Status::Fail);
        assert_eq!(&*finding.reason.unwrap(), "used inodes is 96 percent, 95 or more");
        let none = Config::default().judge(&file_system([100, 90, 90], [0, 0]));
        assert_eq!(none.status, Status::Pass);
        let nothing = Config::default().judge(&file_system([0, 0, 0], [0, 0]));
        assert_eq!(nothing.status, Status::Unknown);
    }

    #[tokio::test]
    async fn this_machine_is_measured_as_df_does_and_a_missing_path_is_unknown() {
        let check = DiskCheck::new(Config::new("/").with_used(Thresholds::NONE)).unwrap();
        let percent = check.run().await.value.unwrap().value;
        let df = tokio::process::Command::new("df").args(["--output=pcent", "/"]).output().await;
        let text = String::from_utf8(df.unwrap().stdout).unwrap();
        let df: f64 = text.lines().nth(1).unwrap().trim().trim_end_matches('%').parse().unwrap();
        // It rounds up, and others write meanwhile.
        assert!((percent - df).abs() < 2.0, "{percent} is not {df}");
        let missing = DiskCheck::new(Config::new("/nonexistent/it")).unwrap();
        assert_eq!(missing.run().await.status, Status::Unknown);
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        let refused = |config| DiskCheck::new(config).unwrap_err().field().to_owned();
        assert_eq!(refused(Config::new("var")), "path");
        assert_eq!(refused(Config::default().with_used(Thresholds::rising(90.0, 120.0))), "used");
    }
}
