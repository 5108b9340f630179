//! Builds the public crates with the oldest versions that their manifests claim to work with.

use std::fs;

use anyhow::{Context, Result};

use crate::process::Cmd;
use crate::workspace::Workspace;

/// Works on a copy, so that the lock file of the workspace stays as it is.
///
/// # Errors
/// When there is no nightly toolchain, which alone can choose such versions, or when a crate does not build.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let copy = workspace.target.join("minimal-versions/workspace");
    if copy.exists() {
        fs::remove_dir_all(&copy).with_context(|| format!("could not clear {}", copy.display()))?;
    }
    for file in workspace.files()? {
        let to = copy.join(&file);
        fs::create_dir_all(to.parent().unwrap_or(&copy))?;
        fs::copy(workspace.root.join(&file), &to)
            .with_context(|| format!("could not copy {file}"))?;
    }
    Cmd::nightly_cargo_in(&copy)
        .args(["--version"])
        .run()
        .context("minimal versions need `rustup toolchain install nightly`")?;
    Cmd::nightly_cargo_in(&copy).args(["update", "-Z", "direct-minimal-versions"]).run()?;
    for member in workspace.public() {
        Cmd::cargo_in(&copy)
            .args(["check", "--locked", "--all-features", "-p", &member.name])
            .env("CARGO_TARGET_DIR", workspace.target.join("minimal-versions/target"))
            .run()?;
    }
    Ok(())
}
