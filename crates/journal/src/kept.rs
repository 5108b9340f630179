//! The head of a journal, kept in a file of its own: it shows when the journal's end was cut off.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use salve_healer::{Digest, Head, JournalError};
use serde::{Deserialize, Serialize};

/// A file that holds the last head. Best on another disk, or where fewer people may write.
#[derive(Clone, Debug)]
pub(crate) struct KeptHead(PathBuf);

#[derive(Serialize, Deserialize)]
struct Written {
    seq: u64,
    hash: Digest,
}

impl KeptHead {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The head that was last kept; none if there never was one.
    pub(crate) fn read(&self) -> Result<Option<Head>, JournalError> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(JournalError::Unreadable(self.about(&error))),
        };
        match serde_json::from_str(&text) {
            Ok(Written { seq, hash }) => Ok(Some(Head { seq, hash })),
            Err(error) => Err(JournalError::Unreadable(self.about(&error))),
        }
    }

    /// Keeps `head` in the place of the one before, all or nothing. It is not forced to the disk: one
    /// that is older than the journal finds less, and nothing that is not so.
    pub(crate) fn write(&self, head: Head) -> Result<(), JournalError> {
        let mut aside = self.0.clone().into_os_string();
        aside.push(".new");
        let written = Written { seq: head.seq, hash: head.hash };
        let text = serde_json::to_string(&written).map_err(io::Error::from);
        text.and_then(|text| fs::write(&aside, text))
            .and_then(|()| fs::rename(&aside, &self.0))
            .map_err(|error| JournalError::Unwritable(self.about(&error)))
    }

    fn about(&self, error: &impl std::fmt::Display) -> String {
        format!("{}: {error}", self.0.display())
    }
}
