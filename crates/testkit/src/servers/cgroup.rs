//! A cgroup of its own for a server that manages cgroups, and the namespaces in which it does.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getuid;

/// A group of processes below the machine's own. Dropping it kills what is in it and removes it.
#[derive(Debug)]
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes a group with a name that nobody has.
    ///
    /// # Errors
    /// If this program is not root, or the machine has no version 2 of cgroups.
    pub(super) fn new(name: &str) -> io::Result<Self> {
        if !getuid().is_root() {
            let why = "a manager of cgroups of its own can only be started by root: run as root";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let root = mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (place, kind) = (words.nth(1)?, words.next()?);
            (kind == "cgroup2").then(|| PathBuf::from(place))
        });
        let missing = || io::Error::other("no cgroup2 is mounted: `mount -t cgroup2 none DIR`");
        let unique = format!("{name}-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = root.ok_or_else(missing)?.join(unique);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// A script for `sh` that moves into the group and goes on with `then` in namespaces of its own, where
    /// the group is the root of all cgroups and `/run` is empty. With its first process all others end.
    pub(super) fn script(&self, then: &str) -> String {
        format!(
            "echo 0 > {group}/cgroup.procs || exit 1\n\
             exec unshare --mount --cgroup --pid --fork --kill-child --mount-proc sh -c '\n\
             umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup || exit 1\n\
             mount -t tmpfs -o mode=755 tmpfs /run || exit 1\n\
             {then}'\n",
            group = self.0.display(),
        )
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Those that are killed are gone in a moment. Best effort: the next has another name.
        for _ in 0..250 {
            let _ = fs::write(self.0.join("cgroup.kill"), "1");
            if remove(&self.0).is_ok() || wait_for_change(&self.0).is_err() {
                return;
            }
        }
    }
}

/// Waits until a group says that it is empty, or for 20 ms.
fn wait_for_change(group: &Path) -> io::Result<()> {
    let mut events = File::open(group.join("cgroup.events"))?;
    // It tells of changes since it was read.
    events.read_to_string(&mut String::new())?;
    let at_most = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    // A signal, such as for another child's end, only cuts the wait short.
    let _ = poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&at_most));
    Ok(())
}

/// Removes a group and those in it, the deepest first. They are folders that cannot be emptied.
fn remove(group: &Path) -> io::Result<()> {
    for inner in fs::read_dir(group)?.flatten().filter(|it| it.path().is_dir()) {
        remove(&inner.path())?;
    }
    fs::remove_dir(group)
}
