//! Whether the disk has room for what the gate builds.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::Cmd;
use crate::workspace::Workspace;

/// What a gate writes that starts from an empty target folder, measured and rounded up.
const COLD_GIB: u64 = 8;

/// Refuses to begin a build that cannot end: a full disk makes tests fail that have nothing to do with it.
///
/// # Errors
/// When nothing is built yet and less than [`COLD_GIB`] are free.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    if is_built(&workspace.target.join("debug/deps")) {
        return Ok(());
    }
    let folder = workspace.root.to_string_lossy();
    let text = Cmd::new("df", &workspace.root).args(["-Pk", &*folder]).read()?;
    let free = free_gib(&text).with_context(|| format!("`df` wrote no table:\n{text}"))?;
    if free < COLD_GIB {
        bail!(
            "a gate from nothing writes up to {COLD_GIB} GiB, and {free} GiB are free at {folder}"
        );
    }
    Ok(())
}

/// Whether anything of ours was built before, but for this program.
fn is_built(deps: &Path) -> bool {
    let mut files = std::fs::read_dir(deps).into_iter().flatten().flatten();
    files.any(|file| file.file_name().to_string_lossy().starts_with("libsalve_"))
}

/// The free space in the one row of `df -Pk`.
fn free_gib(table: &str) -> Option<u64> {
    let row = table.lines().nth(1)?;
    let kib: u64 = row.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib / 1024 / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_library_of_ours_is_built() {
        let folder = std::env::temp_dir().join(format!("salve-space-{}", std::process::id()));
        assert!(!is_built(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("libserde-1.rlib"), "").unwrap();
        assert!(!is_built(&folder));
        std::fs::write(folder.join("libsalve_core-1.rmeta"), "").unwrap();
        assert!(is_built(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_fourth_column_is_what_is_free() {
        let table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                     /dev/vda 263174212 74000000 22020096 78% /\n";
        assert_eq!(free_gib(table), Some(21));
        assert_eq!(free_gib("Filesystem\n"), None);
        assert_eq!(free_gib(""), None);
    }
}
