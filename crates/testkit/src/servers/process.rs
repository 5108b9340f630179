//! A child process that cannot outlive this program: ended by its pid on drop, by the kernel if we are killed.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, getuid, kill_process};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep};

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

    /// Kills the child and what it started, and waits until all are gone.
    ///
    /// # Errors
    /// If it cannot be signalled, or what it started is still there after ten seconds.
    pub async fn end(mut self) -> io::Result<()> {
        let killed = self.kill_descendants();
        self.child.kill().await?;
        // What they hold, as memory that is shared, is free only when the last has ended.
        let deadline = Instant::now() + Duration::from_secs(10);
        while killed.iter().any(|pid| lives(*pid)) {
            if Instant::now() >= deadline {
                return Err(io::Error::other("what the child started does not end"));
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Kills what the child started and has not yet ended, deepest first.
    fn kill_descendants(&self) -> Vec<Pid> {
        // Frozen, it starts nothing in place of what is killed.
        let _ = self.freeze();
        let killed = descendants(self.pid);
        for pid in killed.iter().rev() {
            // One that has ended meanwhile needs no signal.
            let _ = kill_process(*pid, Signal::KILL);
        }
        killed
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

/// Whether there is such a process that has not ended. False where there is no `/proc`.
fn lives(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    // The name before it may hold anything, so the state is what follows the last bracket.
    stat.is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.starts_with(" Z")))
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// All of a process group that have not ended.
    fn group(leader: Pid) -> Vec<Pid> {
        let ids = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = ids.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
        let leader = leader.as_raw_nonzero().to_string();
        pids.filter(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
            let stat = stat.unwrap_or_default();
            // State, parent, group.
            let mut words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            words.nth(2) == Some(&*leader) && lives(*pid)
        })
        .collect()
    }

    #[tokio::test]
    async fn what_starts_its_children_anew_leaves_none_behind() {
        let args = ["-c".into(), "while :; do sleep 60; done".into()];
        for _ in 0..20 {
            let null = Stdio::null;
            let shell = Process::spawn(OsStr::new("sh"), &args, null(), null(), null()).unwrap();
            let leader = shell.pid;
            let deadline = Instant::now() + Duration::from_secs(10);
            while group(leader).len() < 2 {
                assert!(Instant::now() < deadline, "it starts nothing");
                sleep(Duration::from_millis(1)).await;
            }
            shell.end().await.unwrap();
            assert_eq!(group(leader), []);
        }
    }
}
