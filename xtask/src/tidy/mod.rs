//! Checks the rules of the house that no compiler checks; the gate and the tests run the same functions.

mod manifests;
mod map;
mod rust;
mod scan;
mod text;

use std::fs;

use anyhow::{Result, bail};

use crate::arrows;
use crate::workspace::Workspace;

/// The path of a file and what it holds.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
}

/// Prints every fault, arrows included.
///
/// # Errors
/// When there is at least one.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut faults = arrows::faults(workspace);
    faults.extend(self::faults(workspace)?);
    tell(&faults)
}

/// Prints `faults`, one a line.
///
/// # Errors
/// When there is at least one.
pub(crate) fn tell(faults: &[String]) -> Result<()> {
    for fault in faults {
        println!("{fault}");
    }
    match faults.len() {
        0 => Ok(()),
        1 => bail!("1 rule of the house is broken"),
        many => bail!("rules of the house are broken in {many} places"),
    }
}

/// Every broken rule of the workspace, as `path:line: what`.
pub(crate) fn faults(workspace: &Workspace) -> Result<Vec<String>> {
    let files = read(workspace)?;
    let mut faults = Vec::new();
    for file in &files {
        faults.extend(text::faults(file));
        if file.path.ends_with(".rs") {
            faults.extend(rust::faults(file));
        }
    }
    for member in &workspace.members {
        let path = format!("{}/Cargo.toml", member.folder);
        let manifest = files.iter().find(|file| file.path == path);
        faults.extend(manifests::faults(member, manifest));
    }
    let find = |path: &str| files.iter().find(|file| file.path == path).map(|file| &*file.text);
    let folders: Vec<&str> = workspace.members.iter().map(|member| &*member.folder).collect();
    faults.extend(map::architecture(find("ARCHITECTURE.md"), &folders));
    faults.extend(map::readme(find("README.md"), &folders));
    Ok(faults)
}

/// The text files of the workspace; a file with a zero byte is not text.
fn read(workspace: &Workspace) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in workspace.files()? {
        let bytes = fs::read(workspace.root.join(&path))?;
        if bytes.contains(&0) {
            continue;
        }
        match String::from_utf8(bytes) {
            Ok(text) => files.push(File { path, text }),
            Err(_) => bail!("{path} is neither UTF-8 nor binary"),
        }
    }
    Ok(files)
}

/// Whether `path` is a source file of a package's library or program.
fn is_source(path: &str) -> bool {
    let room = path.strip_prefix("crates/").and_then(|rest| rest.split_once('/'));
    let inside = room.map(|(_, inside)| inside).or_else(|| path.strip_prefix("xtask/"));
    inside.is_some_and(|inside| inside.starts_with("src/") && inside.ends_with(".rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let faults = faults(&Workspace::load().unwrap()).unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn sources_are_told_from_the_rest() {
        assert!(is_source("crates/retry/src/lib.rs"));
        assert!(is_source("crates/healer/src/plan/gates.rs"));
        assert!(is_source("xtask/src/main.rs"));
        assert!(!is_source("crates/retry/tests/model.rs"));
        assert!(!is_source("benches/src/main.rs"));
        assert!(!is_source("crates/retry/src/guide.md"));
    }
}
