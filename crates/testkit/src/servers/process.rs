//! A child process that cannot outlive this program: ended by its pid on drop, by the kernel if we are killed.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Stdio;

use rustix::process::{Pid, Signal, getuid, kill_process};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A running child. Dropping it kills the child and everything the child started.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: Pid,
}

impl Process {
    /// Starts `program` in its own process group, so that Ctrl-C on a terminal reaches only us.
    ///
    /// On Linux `setpriv` asks the kernel to kill the child when the *thread* that started it ends,
    /// so this is to be called on a thread that stays, as the main thread does.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn(
        program: &OsStr,
        args: &[OsString],
        stdin: Stdio,
        stdout: Stdio,
        stderr: Stdio,
    ) -> io::Result<Self> {
        Self::launch(launcher(None), program, args, [stdin, stdout, stderr])
    }

    /// As [`spawn`](Self::spawn), silent, and as `user` where this program is root: for servers that refuse to be root's.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn_as(
        user: &str,
        program: &OsStr,
        args: &[OsString],
        stderr: Stdio,
    ) -> io::Result<Self> {
        let user = getuid().is_root().then_some(user);
        Self::launch(launcher(user), program, args, [Stdio::null(), Stdio::null(), stderr])
    }

    fn launch(
        launcher: Vec<OsString>,
        program: &OsStr,
        args: &[OsString],
        [stdin, stdout, stderr]: [Stdio; 3],
    ) -> io::Result<Self> {
        let mut words = launcher.into_iter().chain([program.to_owned()]);
        let first = words.next().ok_or_else(|| io::Error::other("there is no program"))?;
        let child = Command::new(first)
            .args(words)
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

    /// The pid of the child.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// The pipe into the child, once.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The pipe out of the child, once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether the child has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops the child where it stands, as a hung machine would.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn freeze(&self) -> io::Result<()> {
        Ok(kill_process(self.pid, Signal::STOP)?)
    }

    /// Lets a frozen child go on.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn thaw(&self) -> io::Result<()> {
        Ok(kill_process(self.pid, Signal::CONT)?)
    }

    /// Kills the child and waits until it is gone.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub async fn end(mut self) -> io::Result<()> {
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

/// What stands before a program so that it ends with us, and runs as `user`: `setpriv`, which is part of
/// every Debian. Elsewhere only the drop of a [`Process`] ends it.
fn launcher(user: Option<&str>) -> Vec<OsString> {
    let Ok(setpriv) = super::find("setpriv", "util-linux") else { return Vec::new() };
    let mut words: Vec<OsString> = vec![setpriv.into(), "--pdeathsig".into(), "KILL".into()];
    if let Some(user) = user {
        words.extend([format!("--reuid={user}").into(), format!("--regid={user}").into()]);
        words.push("--init-groups".into());
    }
    words.push("--".into());
    words
}
