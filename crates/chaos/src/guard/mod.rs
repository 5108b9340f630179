//! Faults that would outlive this process: a process that stands still, a disk that is full.
//!
//! ```text
//! this process ══ pipe ══▶ guard: does it, waits, takes it back
//!                           ▲ the pipe closes, by will or by death; or the time is over
//! ```

mod holder;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::statvfs;
use salve_core::{Check, ConfigError};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::arming::{ArmError, Arming};
use crate::config::ROOM;
use crate::halt::gate;
use crate::shared::LONGEST_OUTSIDE as LONGEST;

pub use holder::Holder;

/// In which a guard must begin, and take back.
const PATIENCE: Duration = Duration::from_secs(20);

/// A fault that a process of its own holds, until this value is dropped, its time is over,
/// [`halt_all`](crate::halt_all) is called, or this process is gone, however it ended.
///
/// The guard is a shell with `timeout`, `kill` and `rm`, as every Unix has; of all signals only
/// `SIGKILL` keeps it from taking back. It needs tokio's runtime with its I/O.
///
/// ```no_run
/// use std::time::Duration;
/// use salve_chaos::Arming;
/// use salve_chaos::guard::Guard;
///
/// # async fn drill(worker: u32) -> Result<(), Box<dyn std::error::Error>> {
/// let arming = Arming::new("ada", "is a stuck worker noticed?", Duration::from_secs(30));
/// let stuck = Guard::pause(worker, &arming).await?;
/// // ... what notices it, and how soon?
/// stuck.take_back().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Guard {
    child: Child,
    pipe: Pipe,
    about: String,
    file: Option<PathBuf>,
}

/// The end of the pipe that keeps a fault in force.
pub(crate) type Pipe = Arc<Mutex<Option<ChildStdin>>>;

/// Closes the pipe, upon which the guard takes its fault back; says whether it was open.
pub(crate) fn let_go(pipe: &Pipe) -> bool {
    pipe.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
}

/// Does `do_it`, and `undo` whatever happens: `$1` is the time, `$2` and `$3` what it is about. Nobody may
/// be left to hear that it is held.
macro_rules! script {
    ($do_it:literal, $undo:literal) => {
        concat!(
            "what=$2 size=$3; undo() { ",
            $undo,
            "; }; ",
            "trap undo EXIT; trap 'exit 0' TERM INT HUP; trap '' PIPE; ",
            $do_it,
            " || exit 3; echo held || exit 0; exec 3<&0; ",
            "timeout \"$1\" cat <&3 >/dev/null & wait \"$!\"; exit 0"
        )
    };
}

const PAUSE: &str = script!("kill -STOP \"$what\"", "kill -CONT \"$what\"");
const FILL: &str = script!(
    "{ fallocate -l \"$size\" \"$what\" || head -c \"$size\" /dev/zero >\"$what\"; } 2>/dev/null",
    "rm -f \"$what\""
);

impl Guard {
    /// Lets a process stand still, as one that hangs, for as long as `arming` lasts.
    ///
    /// # Errors
    /// If owner, reason or a time of at most 10 min are missing, chaos is halted, the process is 0, 1
    /// or not there, or may not be signalled.
    ///
    /// # Cancellation
    /// Nothing is held any more once the returned future is dropped.
    pub async fn pause(pid: u32, arming: &Arming) -> Result<Self, GuardError> {
        Check::room(ROOM).that("pid", pid, is_running(pid), "a running process, not 0 or 1")?;
        let about = format!("process {pid} stands still");
        Self::hold(PAUSE, arming, [pid.to_string(), String::new()], about, None).await
    }

    /// Fills the file system of `folder` with one file, until `leave` bytes are free, but with no more
    /// than `most` bytes. At least 1 MiB must be left.
    ///
    /// # Errors
    /// If owner, reason or a time of at most 10 min are missing, chaos is halted, less than `leave` is
    /// free already, or the file cannot be written.
    ///
    /// # Cancellation
    /// Nothing is held any more once the returned future is dropped.
    pub async fn fill(
        folder: &Path,
        leave: u64,
        most: u64,
        arming: &Arming,
    ) -> Result<Self, GuardError> {
        const MIB: u64 = 1 << 20;
        let found = statvfs(folder).map_err(io::Error::from)?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let check = Check::room(ROOM);
        check.range("leave", leave, MIB, free)?;
        check.range("most", most, 1, u64::MAX)?;
        let size = most.min(free - leave);
        // Not a byte of anybody else's file is overwritten.
        static NTH: AtomicU64 = AtomicU64::new(0);
        let nth = NTH.fetch_add(1, Ordering::Relaxed);
        let file = folder.join(format!("salve-chaos-{}-{nth}.fill", std::process::id()));
        arming.validate(LONGEST).map_err(ArmError::from)?;
        drop(File::create_new(&file)?);
        let about = format!("{} takes {size} bytes", file.display());
        let Some(name) = file.to_str() else {
            fs::remove_file(&file)?;
            let bound = "a path in UTF-8";
            return Err(ConfigError::new(ROOM, "folder", folder.display(), bound).into());
        };
        let what = [name.to_owned(), size.to_string()];
        let held = Self::hold(FILL, arming, what, about, Some(file.clone())).await;
        if held.is_err() {
            // A guard that has begun has done so already.
            let _ = fs::remove_file(&file);
        }
        held
    }

    async fn hold(
        script: &str,
        arming: &Arming,
        what: [String; 2],
        about: String,
        file: Option<PathBuf>,
    ) -> Result<Self, GuardError> {
        arming.validate(LONGEST).map_err(ArmError::from)?;
        let mut command = Command::new("sh");
        command.args(["-c", script, "guard", &format!("{:.3}", arming.lasts.as_secs_f64())]);
        // A group of its own: what is sent to the group of this process does not reach it.
        command.args(what).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = {
            let gate = gate();
            if gate.is_closed() {
                return Err(ArmError::Halted.into());
            }
            command.spawn()?
        };
        let pipe = Arc::new(Mutex::new(child.stdin.take()));
        crate::halt::register_guard(&pipe);
        let said = child.stdout.take();
        // From here on dropping it takes back what may have been done.
        let mut guard = Self { child, pipe, about, file };
        let begins = async {
            let mut lines = BufReader::new(said?).lines();
            lines.next_line().await.ok().flatten().filter(|line| line == "held")
        };
        match tokio::time::timeout(PATIENCE, begins).await {
            Ok(Some(_)) => Ok(guard),
            Ok(None) | Err(_) => {
                let_go(&guard.pipe);
                let ended = tokio::time::timeout(PATIENCE, guard.child.wait()).await;
                Err(GuardError::NotDone(format!("{}: the guard {ended:?}", guard.about)))
            }
        }
    }

    /// What it holds, in one sentence.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Whether the fault is still in force: its time may be over, or chaos halted.
    pub fn is_held(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Takes the fault back, and returns when that is done.
    ///
    /// # Errors
    /// If the guard does not end, or ended without taking back.
    ///
    /// # Cancellation
    /// It is taken back all the same; only nobody hears of it.
    pub async fn take_back(mut self) -> Result<(), GuardError> {
        let_go(&self.pipe);
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let left = self.file.as_ref().is_some_and(|file| file.exists());
        match ended {
            Ok(Ok(status)) if status.success() && !left => Ok(()),
            ended => Err(GuardError::NotTakenBack(format!("{}: {ended:?}", self.about))),
        }
    }
}

/// Kills a process, as the kernel does when memory runs out. Nothing takes that back: whether it is
/// started again is what is to be found out.
///
/// # Errors
/// If owner, reason or a time of at most 10 min are missing, chaos is halted, the process is 0, 1,
/// this one or not there, or may not be signalled.
///
/// # Cancellation
/// It may have been killed.
pub async fn kill(pid: u32, arming: &Arming) -> Result<(), GuardError> {
    arming.validate(LONGEST).map_err(ArmError::from)?;
    let other = is_running(pid) && pid != std::process::id();
    Check::room(ROOM).that("pid", pid, other, "a running process, not 0, 1 or this one")?;
    let mut command = Command::new("sh");
    command.args(["-c", "kill -KILL \"$1\"", "guard", &pid.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = {
        let gate = gate();
        if gate.is_closed() {
            return Err(ArmError::Halted.into());
        }
        command.spawn()?
    };
    let status = child.wait().await?;
    match status.success() {
        true => Ok(()),
        false => Err(GuardError::NotDone(format!("process {pid} is not killed: {status}"))),
    }
}

fn is_running(pid: u32) -> bool {
    pid > 1 && Path::new(&format!("/proc/{pid}")).exists()
}

/// What went wrong with a fault that a guard holds.
#[derive(Debug)]
#[non_exhaustive]
pub enum GuardError {
    /// It was not armed.
    Arm(ArmError),
    /// The guard could not be started, or a file not be made.
    Io(io::Error),
    /// The guard did not get it done; nothing is held.
    NotDone(String),
    /// It could not be seen that it was taken back.
    NotTakenBack(String),
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arm(error) => error.fmt(f),
            Self::Io(error) => write!(f, "chaos: no guard: {error}"),
            Self::NotDone(why) => write!(f, "chaos: not done: {why}"),
            Self::NotTakenBack(why) => write!(f, "chaos: perhaps not taken back: {why}"),
        }
    }
}

impl std::error::Error for GuardError {}

impl From<ArmError> for GuardError {
    fn from(error: ArmError) -> Self {
        Self::Arm(error)
    }
}

impl From<ConfigError> for GuardError {
    fn from(error: ConfigError) -> Self {
        Self::Arm(error.into())
    }
}

impl From<io::Error> for GuardError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
