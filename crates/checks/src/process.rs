//! A process: that it lives, and is still the same one.

use procfs::ProcError;
use procfs::process::{ProcState, Process, Stat, all_processes};
use salve_core::{Check as Bounds, ConfigError};
use salve_health::{Check, Finding, Running, blocking};

use crate::Thresholds;
use crate::reason::line;

const ROOM: &str = "checks/process";

/// Which process is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Which {
    /// The one with this pid; if a start time is given, the one that was started then, in ticks since the machine was. A pid alone may
    /// be given to another process.
    Pid {
        /// Its pid.
        pid: i32,
        /// When it was started: the 22nd field of `/proc/PID/stat`.
        started: Option<u64>,
    },
    /// All whose command has this name: the first 15 bytes of their file's name.
    Name(String),
}

impl Which {
    /// The process that has this pid now, whoever may have it later.
    ///
    /// # Errors
    /// If there is none.
    pub fn pid_now(pid: i32) -> std::io::Result<Self> {
        let stat = Process::new(pid).and_then(|process| process.stat());
        let stat = stat.map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self::Pid { pid, started: Some(stat.starttime) })
    }
}

/// The settings of a check of a process.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Config {
    /// Which process is meant.
    pub which: Which,
    /// Bounds of how many live: a service of four workers may warn below four. Default: none at all
    /// fails.
    #[cfg_attr(feature = "serde", serde(default = "one_at_least"))]
    pub count: Thresholds,
}

const fn one_at_least() -> Thresholds {
    Thresholds::falling(0.0, 0.0).without_warn()
}

impl Config {
    /// Looks for `which`.
    #[must_use]
    pub const fn new(which: Which) -> Self {
        Self { which, count: one_at_least() }
    }

    /// Sets the bounds of how many live.
    #[must_use]
    pub const fn with_count(mut self, bounds: Thresholds) -> Self {
        self.count = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        match &self.which {
            Which::Pid { pid, .. } => bounds.range("pid", *pid, 1, i32::MAX)?,
            Which::Name(name) => bounds.range("name", name.len(), 1, 15)?,
        }
        self.count.validate(ROOM, "count", (0.0, f64::MAX))
    }

    fn look(&self) -> Finding {
        match &self.which {
            Which::Pid { pid, started } => match Process::new(*pid).and_then(|it| it.stat()) {
                Ok(stat) => self.judge_one(&stat, *started),
                Err(ProcError::NotFound(_)) => Finding::fail(format!("there is no process {pid}")),
                Err(error) => Finding::unknown(line(&error.to_string())),
            },
            Which::Name(name) => match all_processes() {
                // Those that end meanwhile are gone.
                Ok(all) => {
                    let all = all.flatten().filter_map(|process| process.stat().ok());
                    self.judge_all(name, all)
                }
                Err(error) => Finding::unknown(line(&error.to_string())),
            },
        }
    }

    fn judge_one(&self, stat: &Stat, started: Option<u64>) -> Finding {
        let pid = stat.pid;
        if !lives(stat) {
            return Finding::fail(format!("process {pid} is dead and not yet waited for"));
        }
        match started {
            Some(started) if started != stat.starttime => {
                Finding::fail(format!("process {pid} is another one, `{}`", line(&stat.comm)))
            }
            _ => self.count.judge(1.0, "processes", "what lives"),
        }
    }

    fn judge_all(&self, name: &str, all: impl Iterator<Item = Stat>) -> Finding {
        let count = all.filter(|stat| stat.comm == *name && lives(stat)).count();
        self.count.judge(count as f64, "processes", &format!("what lives of `{name}`"))
    }
}

fn lives(stat: &Stat) -> bool {
    !matches!(stat.state(), Ok(ProcState::Zombie | ProcState::Dead))
}

/// Looks for a process in `/proc`. The value is how many there are. A process that is stopped lives: whether it works is for
/// another check to say.
#[derive(Debug)]
pub struct ProcessCheck(salve_health::Blocking);

impl ProcessCheck {
    /// Looks as `config` says, among tokio's blocking threads: there may be many processes.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(blocking(move || config.look())))
    }
}

impl Check for ProcessCheck {
    fn run(&self) -> Running<'_> {
        self.0.run()
    }
}

#[cfg(test)]
mod tests {
    use procfs::FromRead as _;
    use salve_health::Status;
    use tokio::process::Command;

    use super::*;

    fn stat(pid: i32, name: &str, state: char, started: u64) -> Stat {
        let text = format!(
            "{pid} ({name}) {state} 1 1 1 0 -1 4194304 100 0 0 0 1 1 0 0 20 0 1 0 {started} 1000000 100 \
             18446744073709551615 1 1 1 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 1 1 1 1 1 1 1 0\n"
        );
        Stat::from_read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_pid_that_was_given_to_another_process_is_not_the_one() {
        let config = Config::new(Which::Pid { pid: 7, started: Some(500) });
        let judged =
            |state, started| config.judge_one(&stat(7, "a) b(", state, started), Some(500));
        assert_eq!(judged('S', 500).status, Status::Pass);
        assert_eq!(&*judged('S', 501).reason.unwrap(), "process 7 is another one, `a) b(`");
        assert_eq!(judged('Z', 500).status, Status::Fail);
    }

    #[test]
    fn those_of_a_name_are_counted() {
        let config =
            Config::new(Which::Name("worker".to_owned())).with_count(Thresholds::falling(2.0, 1.0));
        let judged = |living: usize| {
            let others = [stat(1, "workers", 'S', 1), stat(2, "worker", 'Z', 1)];
            let all = (0..living).map(|_| stat(3, "worker", 'R', 1)).chain(others);
            config.judge_all("worker", all).status
        };
        assert_eq!([1, 2, 3].map(judged), [Status::Fail, Status::Warn, Status::Pass]);
    }

    #[tokio::test]
    async fn a_real_process_is_followed_to_its_end() {
        let mut child = Command::new("sleep").arg("600").kill_on_drop(true).spawn().unwrap();
        let pid = child.id().unwrap().cast_signed();
        let check = |which| ProcessCheck::new(Config::new(which)).unwrap();
        let by_pid = check(Which::pid_now(pid).unwrap());
        assert_eq!(by_pid.run().await.status, Status::Pass);
        assert_eq!(check(Which::Name("sleep".to_owned())).run().await.status, Status::Pass);
        let gone = check(Which::Name("no such name".to_owned())).run().await;
        assert_eq!(gone.status, Status::Fail);
        child.kill().await.unwrap();
        assert_eq!(by_pid.run().await.status, Status::Fail);
        assert!(Which::pid_now(pid).is_err());
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        let refused = |which| ProcessCheck::new(Config::new(which)).unwrap_err().field().to_owned();
        assert_eq!(refused(Which::Pid { pid: 0, started: None }), "pid");
        assert_eq!(refused(Which::Name("sixteen letters!".to_owned())), "name");
    }
}
