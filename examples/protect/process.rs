//! A child process that cannot outlive this program: ended by its pid on drop, by the kernel if we are killed.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, getpid, getppid, kill_process};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// The hidden sub-command that [`become_kept`] serves.
pub(crate) const KEEP: &str = "keep";

/// A running child. Dropping it kills the child and everything the child started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
}

impl Process {
    /// Starts `program` in its own process group, so that Ctrl-C on a terminal reaches only us.
    ///
    /// Must be called on the main thread: the kernel ends a kept child when the *thread* that
    /// started it ends.
    pub(crate) fn spawn(
        program: &OsStr,
        args: &[OsString],
        stdin: Stdio,
        stdout: Stdio,
        stderr: Stdio,
    ) -> io::Result<Self> {
        let child = tokio::process::Command::new(own_executable()?)
            .arg(KEEP)
            .arg(getpid().as_raw_nonzero().to_string())
            .arg(program)
            .args(args)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .ok_or_else(|| io::Error::other("the child ended before it had a pid"))?;
        Ok(Self { child, pid })
    }

    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether the child has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops the child where it stands, as a hung machine would.
    pub(crate) fn freeze(&self) -> io::Result<()> {
        Ok(kill_process(self.pid, Signal::STOP)?)
    }

    /// Lets a frozen child go on.
    pub(crate) fn thaw(&self) -> io::Result<()> {
        Ok(kill_process(self.pid, Signal::CONT)?)
    }

    /// Kills the child and waits until it is gone.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        self.kill_descendants();
        self.child.kill().await
    }

    /// Kills what the child started and has not yet ended, deepest first.
    fn kill_descendants(&self) {
        for pid in descendants(self.pid).into_iter().rev() {
            // One that has ended meanwhile needs no signal.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Without an id the child has been waited for, and its pid may be someone else's by now.
        if self.child.id().is_some() {
            self.kill_descendants();
        }
    }
}

/// All living descendants of `root`, parents before children. Empty where there is no `/proc`.
fn descendants(root: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        let raw = pid.as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{raw}/task/{raw}/children"));
        let children = children.unwrap_or_default();
        let pids = children.split_whitespace().filter_map(|word| word.parse().ok());
        for child in pids.filter_map(Pid::from_raw) {
            found.push(child);
            open.push(child);
        }
    }
    found
}

/// Where this program's own file is.
pub(crate) fn own_executable() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Turns this process into the program named in `args` (`PARENT-PID PROGRAM ARGS...`), to be killed
/// by the kernel when the parent ends. Returns only on failure.
pub(crate) fn become_kept(args: &[OsString]) -> io::Error {
    let [parent, program, args @ ..] = args else {
        return io::Error::other("keep needs: PARENT-PID PROGRAM ARGS...");
    };
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // The parent may have ended before the signal was asked for; then nobody would send it.
    let alive = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if alive.as_deref().map(OsStr::new) != Some(parent.as_os_str()) {
        return io::Error::other("the parent has ended");
    }
    Command::new(program).args(args).exec()
}
