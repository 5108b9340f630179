//! Any monitoring plugin of Nagios, Icinga and their kin: a program that says by its exit code how
//! something is.
//!
//! ```
//! use salve_checks::plugin::{Config, PluginCheck};
//! use salve_health::{Handle, TargetConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let health = Handle::new(salve_health::Config::new("shop"))?;
//! let plugin = Config::new("/usr/lib/nagios/plugins/check_disk")
//!     .with_args(["-w", "10%", "-c", "5%", "-p", "/"])
//!     .with_value("/");
//! health.register(TargetConfig::new("disk"), PluginCheck::new(plugin)?)?;
//! # Ok(())
//! # }
//! ```

mod output;

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use salve_core::{Check as Bounds, ConfigError};
use salve_health::{Check, Finding, Running, Status};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::time::timeout;

pub use self::output::{Datum, NoRange, Output, Range};
use crate::Secret;
use crate::reason::line;

const ROOM: &str = "checks/plugin";

/// The settings of a check by a monitoring plugin.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// The absolute path of the program. Default none; needed.
    pub program: String,
    /// Its arguments, each as it is: there is no shell. They are shown nowhere, as one may be a password. Default none; at most 256.
    pub args: Vec<Secret>,
    /// Variables of its environment, beside `PATH` and `LC_ALL=C`; it gets no others of ours. Default none; at most 256.
    pub env: Vec<(String, Secret)>,
    /// Which item of its performance data is the value. Default the first.
    pub value: Option<String>,
    /// How many bytes of its output are read; the rest is thrown away. Default 64 KiB; 1 KiB to 16 MiB.
    pub longest_output: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            program: String::new(),
            args: Vec::new(),
            env: Vec::new(),
            value: None,
            longest_output: 64 * 1024,
        }
    }
}

impl Config {
    /// Runs the program at this absolute path.
    #[must_use]
    pub fn new(program: impl Into<String>) -> Self {
        Self { program: program.into(), ..Self::default() }
    }

    /// Sets its arguments, each as it is.
    #[must_use]
    pub fn with_args<S: Into<Secret>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a variable to its environment.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets which item of its performance data is the value.
    #[must_use]
    pub fn with_value(mut self, label: impl Into<String>) -> Self {
        self.value = Some(label.into());
        self
    }

    /// Sets how many bytes of its output are read.
    #[must_use]
    pub const fn with_longest_output(mut self, bytes: usize) -> Self {
        self.longest_output = bytes;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        let plain = |text: &str| !text.contains('\0');
        let absolute = self.program.starts_with('/') && plain(&self.program);
        bounds.that("program", &self.program, absolute, "an absolute path")?;
        bounds.range("args", self.args.len(), 0, 256)?;
        let args = self.args.iter().all(|it| plain(it.reveal()));
        bounds.that("args", "with a zero byte", args, "without one")?;
        bounds.range("env", self.env.len(), 0, 256)?;
        let named = |(name, value): &(String, Secret)| {
            !name.is_empty() && !name.contains('=') && plain(name) && plain(value.reveal())
        };
        bounds.that("env", "a variable", self.env.iter().all(named), "named without `=`")?;
        bounds.range("longest_output", self.longest_output, 1_024, 16 * 1024 * 1024)
    }
}

/// Runs a plugin in each run and takes its exit code for the status: 0 is a pass, 1 a warning, 2 a
/// failure, and everything else unknown. Its first line is the reason.
///
/// # Cancellation
/// Dropping a run kills the plugin and everything it has started in its process group. Whatever it leaves
/// running when it ends is killed as well.
#[derive(Debug)]
pub struct PluginCheck {
    config: Config,
}

impl PluginCheck {
    /// Runs the plugin as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds. Whether there is such a program is seen when it runs.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config })
    }

    /// Runs the plugin once, and returns how it ended and what it printed.
    ///
    /// # Errors
    /// If it cannot be started, or its output cannot be read.
    ///
    /// # Cancellation
    /// Kills the plugin and its process group.
    pub async fn output(&self) -> io::Result<(ExitStatus, Output)> {
        let config = &self.config;
        let mut command = Command::new(&config.program);
        command.args(config.args.iter().map(Secret::reveal)).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
        command.envs(config.env.iter().map(|(name, value)| (name, value.reveal())));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut deaths = signal(SignalKind::child())?;
        let mut group = Group::of(command.process_group(0).kill_on_drop(true).spawn()?)?;
        let pipe = group.child.stdout.take();
        let pipe = pipe.ok_or_else(|| io::Error::other("there is no pipe"))?;
        let mut printed = Vec::new();
        {
            let mut reading = pin!(read(pipe, config.longest_output, &mut printed));
            let read = tokio::select! {
                read = &mut reading => Some(read?),
                ended = group.ended(&mut deaths) => ended.map(|()| None)?,
            };
            if read.is_some() {
                group.ended(&mut deaths).await?;
            }
            group.kill();
            if read.is_none() {
                // Somebody who has left the group may hold the pipe open for ever.
                timeout(Duration::from_secs(1), reading).await.unwrap_or(Ok(()))?;
            }
        }
        let ended = group.child.wait().await?;
        Ok((ended, Output::parse(&String::from_utf8_lossy(&printed))))
    }

    fn judge(&self, ended: ExitStatus, output: &Output) -> Finding {
        let status = match ended.code() {
            Some(0) => Status::Pass,
            Some(1) => Status::Warn,
            Some(2) => Status::Fail,
            _ => Status::Unknown,
        };
        let mut finding = Finding::from(status);
        let text = line(&output.text);
        finding.reason = match (status, ended.code()) {
            (Status::Pass, _) => None,
            (Status::Unknown, code) if code != Some(3) => Some(format!("{ended}: {text}").into()),
            _ => Some(text.into()),
        };
        let named = |it: &&Datum| self.config.value.as_ref().is_none_or(|name| *name == it.label);
        match output.data.iter().find(named) {
            Some(Datum { value: Some(value), unit, .. }) => {
                finding.with_value(*value, unit.clone())
            }
            _ => finding,
        }
    }
}

/// Reads all there is, and keeps the first `longest` bytes.
async fn read(
    mut pipe: impl AsyncRead + Unpin,
    longest: usize,
    kept: &mut Vec<u8>,
) -> io::Result<()> {
    let mut part = [0; 4_096];
    loop {
        let read = pipe.read(&mut part).await?;
        if read == 0 {
            return Ok(());
        }
        let room = longest.saturating_sub(kept.len());
        kept.extend_from_slice(&part[..read.min(room)]);
    }
}

/// A plugin and what it has started. Until the plugin has been waited for, nobody else can have the
/// number of its group, even if it has ended.
struct Group {
    child: Child,
    leader: Pid,
}

impl Group {
    fn of(child: Child) -> io::Result<Self> {
        let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let leader = leader.ok_or_else(|| io::Error::other("it has no pid"))?;
        Ok(Self { child, leader })
    }

    /// Waits until the plugin has ended, and leaves it to be waited for.
    async fn ended(&self, deaths: &mut Listener) -> io::Result<()> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while waitid(WaitId::Pid(self.leader), options)?.is_none() {
            deaths.recv().await;
        }
        Ok(())
    }

    fn kill(&self) {
        // Whoever has ended meanwhile needs no signal.
        let _ = kill_process_group(self.leader, Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.kill();
        }
    }
}

impl Check for PluginCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(async {
            match self.output().await {
                Ok((ended, output)) => self.judge(ended, &output),
                Err(error) => Finding::unknown(line(&format!("the plugin: {error}"))),
            }
        })
    }
}
