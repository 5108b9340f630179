//! Walks each engine beside its slow twin for far longer than the gate has time for.

use std::fs;

use anyhow::{Result, bail};

use crate::process::Cmd;
use crate::workspace::Workspace;

const CASES: &str = "200000";

/// Runs every test named `model`, or in a module or a file of this name, of every crate.
///
/// # Errors
/// When a walk fails, when one sets its own length, or when there is none: then nothing was walked.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let walks = walks(workspace)?;
    if walks.is_empty() {
        bail!("no crate has a test named `model`: nothing was walked");
    }
    let short: Vec<_> = walks.iter().flat_map(|walk| &walk.short).map(String::as_str).collect();
    if !short.is_empty() {
        bail!(
            "`with_cases` hides PROPTEST_CASES, so these walks would not be long: {}; \
             leave the number to proptest's default, which reads it",
            short.join(", ")
        );
    }
    for walk in &walks {
        for target in &walk.targets {
            Cmd::cargo(workspace)
                .args(["test", "--release", "--all-features", "--locked", "-p", &walk.package])
                .args(target.iter().copied())
                .env("PROPTEST_CASES", CASES)
                .run()?;
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Walk {
    package: String,
    /// What `cargo test` needs to be told to find the walks.
    targets: Vec<&'static [&'static str]>,
    /// Files whose walks do not grow with `PROPTEST_CASES`.
    short: Vec<String>,
}

fn walks(workspace: &Workspace) -> Result<Vec<Walk>> {
    let files = workspace.files()?;
    let mut walks = Vec::new();
    for member in workspace.members.iter().filter(|member| member.has_library) {
        let mut walk = Walk { package: member.name.clone(), ..Walk::default() };
        let file = format!("{}/tests/model.rs", member.folder);
        let src = format!("{}/src/", member.folder);
        let mut in_src = false;
        for path in files.iter().filter(|path| **path == file || path.starts_with(&src)) {
            if !path.ends_with(".rs") {
                continue;
            }
            let text = fs::read_to_string(workspace.root.join(path))?;
            let is_walk = *path == file || holds_model(&text);
            in_src |= is_walk && *path != file;
            if is_walk && text.contains("with_cases(") {
                walk.short.push(path.clone());
            }
        }
        if files.contains(&file) {
            walk.targets.push(&["--test", "model"]);
        }
        if in_src {
            walk.targets.push(&["--lib", "model"]);
        }
        if !walk.targets.is_empty() {
            walks.push(walk);
        }
    }
    Ok(walks)
}

/// Whether a source file has a test or a module with the name `model`.
fn holds_model(text: &str) -> bool {
    let starts = ["fn model(", "mod model;", "mod model {"];
    text.lines().any(|line| starts.iter().any(|start| line.trim().starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_by_name() {
        assert!(holds_model("    fn model(\n        steps in any::<u8>(),\n    ) {}"));
        assert!(holds_model("#[cfg(test)]\nmod model;"));
        assert!(!holds_model("// fn model(\nfn modelled() {}\nmod models;"));
    }

    #[test]
    fn the_walks_of_core_are_found() {
        let walks = walks(&Workspace::load().unwrap()).unwrap();
        let core = walks.iter().find(|walk| walk.package == "salve-core").unwrap();
        assert!(!core.targets.is_empty());
    }
}
