//! Which files are open somewhere.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// A file, by device and number.
pub(super) type FileId = (u64, u64);

/// Every file that a process has open, as far as this one may know.
pub(super) fn files() -> HashSet<FileId> {
    let mut open = HashSet::new();
    let Ok(processes) = fs::read_dir("/proc") else { return open };
    for process in processes.flatten() {
        let is_process =
            process.file_name().to_string_lossy().bytes().all(|it| it.is_ascii_digit());
        if !is_process {
            continue;
        }
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        for file in files.flatten() {
            // Follows the link to the file itself, also where that has no name any more.
            if let Ok(about) = fs::metadata(file.path()) {
                open.insert((about.dev(), about.ino()));
            }
        }
    }
    open
}
