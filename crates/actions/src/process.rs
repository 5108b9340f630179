//! The end of a process, as an action: asked first, killed later, never the wrong one.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use salve_core::{Check, ConfigError, Name, clock};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Failure, Order};

const ROOM: &str = "actions/process";

/// One process, and no later one that has its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId {
    /// Its number; 2 or more.
    pub pid: u32,
    /// When it started, in clock ticks since the machine did.
    pub started: u64,
}

impl ProcessId {
    /// The process that has this number now.
    ///
    /// # Errors
    /// If there is none.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, in brackets, may hold anything, brackets and spaces among it.
        let rest = stat.rsplit_once(')').map(|(_, rest)| rest);
        let started = rest.and_then(|rest| rest.split_whitespace().nth(19)?.parse().ok());
        let started = started.ok_or_else(|| io::Error::other("/proc has no start of it"))?;
        Ok(Self { pid, started })
    }

    /// The process whose number stands in this file, as services write it.
    ///
    /// # Errors
    /// If the file cannot be read, has no number, or there is no such process.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let pid = text.trim().parse();
        Self::of(pid.map_err(|_| io::Error::other("the file holds no number of a process"))?)
    }
}

type Find = dyn Fn(&Order) -> io::Result<Option<ProcessId>> + Send + Sync;

/// Ends a process: `SIGTERM`, and `SIGKILL` if it is still there after a time.
///
/// The process is held by a descriptor before its start is compared, so that another that gets its
/// number is never meant. Processes 0 and 1 and the healer's own are refused.
pub struct Terminate {
    name: Name,
    find: Arc<Find>,
    patience: Duration,
}

impl Terminate {
    /// An action that ends the process that `find` finds; finding none, there is nothing to do.
    pub fn new(
        name: impl Into<Name>,
        find: impl Fn(&Order) -> io::Result<Option<ProcessId>> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), find: Arc::new(find), patience: Duration::from_secs(10) }
    }

    /// An action that ends the process whose number stands in `file`; no file, nothing to do.
    pub fn by_pid_file(name: impl Into<Name>, file: impl Into<PathBuf>) -> Self {
        let file = file.into();
        Self::new(name, move |_| match ProcessId::in_file(&file) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Sets how long it may take to end by itself. Default 10 s; at most 10 min.
    ///
    /// # Errors
    /// If it is longer.
    pub fn with_patience(mut self, patience: Duration) -> Result<Self, ConfigError> {
        let most = Duration::from_secs(600);
        Check::room(ROOM).duration("patience", patience, Duration::ZERO, most)?;
        self.patience = patience;
        Ok(self)
    }

    fn target(&self, order: &Order) -> Result<Option<ProcessId>, Failure> {
        let found = (self.find)(order).map_err(|error| Failure::transient(error.to_string()))?;
        match found {
            Some(ProcessId { pid, .. }) if pid < 2 || pid == std::process::id() => {
                Err(Failure::permanent(format!("process {pid} is never ended")))
            }
            found => Ok(found),
        }
    }

    async fn end(&self, order: &Order) -> Result<Vec<String>, Failure> {
        let nothing = || Ok(vec!["there is no such process".to_owned()]);
        let Some(target) = self.target(order)? else { return nothing() };
        let Some(held) = hold(target)? else { return nothing() };
        let pid = target.pid;
        if !signal(&held, Signal::TERM)? || gone_within(&held, self.patience, order).await? {
            return Ok(vec![format!("process {pid} has ended when it was asked to")]);
        }
        signal(&held, Signal::KILL)?;
        if gone_within(&held, Duration::from_secs(5), order).await? {
            return Ok(vec![format!("process {pid} was killed")]);
        }
        Err(Failure::transient(format!("process {pid} was killed and does not go")))
    }
}

/// Holds the process, if it is still the one that is meant.
fn hold(target: ProcessId) -> Result<Option<OwnedFd>, Failure> {
    let Some(pid) = Pid::from_raw(target.pid.cast_signed()) else { return Ok(None) };
    let held = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(held) => held,
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        Err(error) => return Err(Failure::transient(format!("process {pid:?}: {error}"))),
    };
    // From here on the number cannot go to another without this being seen.
    let same = ProcessId::of(target.pid).is_ok_and(|now| now == target);
    Ok(same.then_some(held))
}

/// Sends a signal; `false` if the process has ended.
fn signal(held: &OwnedFd, signal: Signal) -> Result<bool, Failure> {
    match pidfd_send_signal(held, signal) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(Failure::permanent(format!("it takes no signal: {error}"))),
    }
}

/// Waits for the end of a process, looking now and then.
async fn gone_within(held: &OwnedFd, patience: Duration, order: &Order) -> Result<bool, Failure> {
    let until = clock::now().after(patience);
    loop {
        if is_gone(held)? {
            return Ok(true);
        }
        if order.cancel.is_asked() {
            return Err(Failure::transient("cancelled"));
        }
        if clock::now() >= until {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A descriptor of a process can be read once that has ended, waited for by its parent or not.
fn is_gone(held: &OwnedFd) -> Result<bool, Failure> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut fds = [PollFd::new(held, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = poll(&mut fds, Some(&at_once));
    ready.map(|count| count > 0).map_err(|error| Failure::transient(error.to_string()))
}

impl Action for Terminate {
    fn name(&self) -> &Name {
        &self.name
    }

    /// Whoever watches the process starts it again; until then it does not serve.
    fn meta(&self) -> ActionMeta {
        ActionMeta::default().idempotent().restarts()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            Ok(match self.target(order)? {
                Some(target) => vec![format!("end process {}", target.pid)],
                None => vec!["there is no such process".to_owned()],
            })
        })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move { Ok(Report { done: self.end(order).await? }) })
    }
}

impl fmt::Debug for Terminate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminate")
            .field("name", &self.name)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
