//! The walk through the folders, the same for a dry run and a real one.

use std::collections::HashSet;
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat};
use salve_healer::{Cancel, Failure};

use super::compress::compress;
use super::in_use::FileId;
use super::{Checked, Fate};

/// Folders within folders; deeper ones are told of and left alone.
const DEEPEST: usize = 64;

pub(super) struct Walk {
    dry: bool,
    /// Since 1970.
    now: Duration,
    in_use: HashSet<FileId>,
    cancel: Cancel,
    done: Vec<String>,
    files: u64,
    bytes: u64,
}

impl Walk {
    pub(super) const fn new(
        dry: bool,
        now: Duration,
        in_use: HashSet<FileId>,
        cancel: Cancel,
    ) -> Self {
        Self { dry, now, in_use, cancel, done: Vec::new(), files: 0, bytes: 0 }
    }

    /// What was done, a line for each file, and the sum.
    pub(super) fn done(mut self) -> Vec<String> {
        self.done.push(format!("{} files, {} bytes", self.files, self.bytes));
        self.done
    }

    /// Works on everything below the rule's root.
    pub(super) fn root(&mut self, rule: &Checked) -> Result<(), Failure> {
        let about = |error: rustix::io::Errno| {
            Failure::permanent(format!("{}: {error}", rule.root.display()))
        };
        let root = open_root(&rule.root).map_err(about)?;
        let device = fstat(&root).map_err(about)?.st_dev;
        self.folder(root.as_fd(), &rule.root, rule, device, 0)
    }

    fn folder(
        &mut self,
        folder: BorrowedFd<'_>,
        path: &Path,
        rule: &Checked,
        device: u64,
        depth: usize,
    ) -> Result<(), Failure> {
        if depth > DEEPEST {
            self.done.push(format!("left alone, too deep: {}", path.display()));
            return Ok(());
        }
        let mut entries = match Dir::read_from(folder) {
            Ok(entries) => entries,
            Err(error) => return self.leave(path, &error),
        };
        // Read to the end first: what is added and deleted meanwhile would confuse the reading.
        let mut names = Vec::new();
        while let Some(entry) = entries.read() {
            match entry {
                Ok(entry) => names.push(entry.file_name().to_owned()),
                Err(error) => return self.leave(path, &error),
            }
        }
        names.sort();
        for name in names {
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if self.cancel.is_asked() {
                return Err(Failure::transient("cancelled"));
            }
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            match statat(folder, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(about) => self.entry(folder, &name, &path, &about, rule, device, depth)?,
                // Gone since it was listed.
                Err(rustix::io::Errno::NOENT) => {}
                Err(error) => self.leave(&path, &error)?,
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one entry, with all that is known of it")]
    fn entry(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        path: &Path,
        about: &Stat,
        rule: &Checked,
        device: u64,
        depth: usize,
    ) -> Result<(), Failure> {
        match FileType::from_raw_mode(about.st_mode) {
            FileType::Directory if about.st_dev == device => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match openat(folder, name, flags, Mode::empty()) {
                    Ok(inner) => self.folder(inner.as_fd(), path, rule, device, depth + 1),
                    Err(error) => self.leave(path, &error),
                }
            }
            FileType::RegularFile if self.fits(name, about, rule) => {
                self.file(folder, name, path, about, rule.fate);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn fits(&self, name: &CStr, about: &Stat, rule: &Checked) -> bool {
        let name = OsStr::from_bytes(name.to_bytes());
        let is_packed = rule.fate == Fate::Compressed && name.as_bytes().ends_with(b".gz");
        let changed = Duration::from_secs(u64::try_from(about.st_mtime).unwrap_or(0));
        let is_old = self.now.saturating_sub(changed) > rule.older_than;
        let is_open = self.in_use.contains(&(about.st_dev, about.st_ino));
        is_old && !is_packed && !is_open && rule.names.is_match(name)
    }

    fn file(&mut self, folder: BorrowedFd<'_>, name: &CStr, path: &Path, about: &Stat, fate: Fate) {
        let size = u64::try_from(about.st_size).unwrap_or(0);
        let result = match fate {
            _ if self.dry => Ok(()),
            Fate::Deleted => unlinkat(folder, name, AtFlags::empty()).map_err(Into::into),
            Fate::Compressed => compress(folder, name),
        };
        let what = match fate {
            Fate::Deleted => "delete",
            Fate::Compressed => "compress",
        };
        match result {
            Ok(()) => {
                self.files += 1;
                self.bytes += size;
                self.done.push(format!("{what} {} ({size} bytes)", path.display()));
            }
            Err(error) => self.done.push(format!("left alone: {}: {error}", path.display())),
        }
    }

    /// What cannot be read is told of, and hinders nothing else.
    #[expect(clippy::unnecessary_wraps, reason = "it stands where a failure could")]
    fn leave(&mut self, path: &Path, error: &rustix::io::Errno) -> Result<(), Failure> {
        self.done.push(format!("left alone: {}: {error}", path.display()));
        Ok(())
    }
}

/// Opens a folder from the root of all on, and follows no link on the way.
fn open_root(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = rustix::fs::open("/", flags, Mode::empty())?;
    let names: PathBuf =
        path.components().filter(|it| matches!(it, Component::Normal(_))).collect();
    for name in &names {
        folder = openat(&folder, name, flags, Mode::empty())?;
    }
    Ok(folder)
}
