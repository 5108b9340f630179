//! Walks each engine beside its slow twin for far longer than the gate has time for.

use std::fs;

use anyhow::{Result, bail};

use crate::process::Cmd;
use crate::workspace::Workspace;

const CASES: &str = "200000";

/// Runs the tests in `tests/model.rs` and the unit tests in a module `model` of every crate.
///
/// # Errors
/// When a walk fails, or when no crate has any: then nothing was walked.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let files = workspace.files()?;
    let mut walked = false;
    for member in &workspace.members {
        let src = format!("{}/src/", member.folder);
        let mut unit = false;
        for file in files.iter().filter(|file| file.starts_with(&src) && file.ends_with(".rs")) {
            let text = fs::read_to_string(workspace.root.join(file))?;
            unit |= text
                .lines()
                .any(|line| line.trim() == "mod model;" || line.trim() == "mod model {");
        }
        let walk = |target: &[&str]| {
            Cmd::cargo(workspace)
                .args(["test", "--release", "--all-features", "--locked", "-p", &member.name])
                .args(target.iter().copied())
                .env("PROPTEST_CASES", CASES)
                .run()
        };
        if files.contains(&format!("{}/tests/model.rs", member.folder)) {
            walk(&["--test", "model"])?;
            walked = true;
        }
        if unit && member.has_library {
            walk(&["--lib", "model::"])?;
            walked = true;
        }
    }
    if !walked {
        bail!("no crate has a tests/model.rs or a module `model`: nothing was walked");
    }
    Ok(())
}
