//! The right to experiment on this machine: a file that the kernel unlocks when its holder is gone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use salve_core::Name;

use super::{Elsewhere, Experiment, Refusal};

/// The lock is the file's, not its text's: a text that a killed process has left behind says
/// nothing, and keeps nobody from experimenting.
#[derive(Debug)]
pub(super) struct Machine {
    path: PathBuf,
    file: File,
}

impl Machine {
    /// Takes the right, if no other process has it, and writes down who has it now.
    pub(super) fn take(path: &Path, experiment: &Experiment) -> Result<Self, Refusal> {
        let failed =
            |error: io::Error| Refusal::NoLock { file: path.to_owned(), error: error.to_string() };
        // Closed on exec, so that no process started from here keeps it.
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
        let mut file = options.open(path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(Refusal::BusyElsewhere { holder: holder(&mut file) });
            }
            Err(error) => return Err(failed(error.into())),
        }
        write(&mut file, experiment).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.path == path
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Neither can fail in a way that matters: the lock goes with the file, and what is written
        // there counts only while it is locked.
        let _ = self.file.set_len(0);
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

fn write(file: &mut File, experiment: &Experiment) -> io::Result<()> {
    let line = |text: &str| text.replace(['\n', '\r'], " ");
    let (name, owner) = (line(experiment.name.as_str()), line(&experiment.owner()));
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    // In one write, so that nobody reads half of it.
    file.write_all(format!("{}\n{name}\n{owner}\n", std::process::id()).as_bytes())
}

/// Who says to hold the lock; `None` while it says nothing yet.
fn holder(file: &mut File) -> Option<Elsewhere> {
    const LONGEST: u64 = 4_096;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let process = lines.next()?.parse().ok()?;
    let (experiment, owner) = (lines.next()?, lines.next()?);
    Some(Elsewhere {
        process,
        experiment: Name::from(experiment.to_owned()),
        owner: owner.to_owned(),
    })
}
