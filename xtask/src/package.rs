//! Packs the public crates as a registry would get them, and builds each from its own archive.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::Cmd;
use crate::workspace::Workspace;

/// Packs all public crates in one call: cargo then lets them find each other, published or not.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let names: Vec<&str> = workspace.public().map(|member| &*member.name).collect();
    if names.is_empty() {
        bail!("the workspace has no public crate to pack");
    }
    let mut cmd = Cmd::cargo(workspace).args(["package", "--locked"]);
    // On a person's machine the gate judges what is about to be committed.
    if std::env::var_os("CI").is_none() {
        cmd = cmd.args(["--allow-dirty"]);
    }
    cmd.args(names.iter().flat_map(|name| ["-p", name]))
        .env("CARGO_TARGET_DIR", target(workspace)?)
        .run()
}

/// A target folder, new for new contents, because cargo puts into it the registry that stands in for the
/// real one.
///
/// Cargo takes what a registry has under a version for unchangeable, and tells registries apart by their
/// path. In one and the same folder a crate would be built with what its neighbour was at the first run.
fn target(workspace: &Workspace) -> Result<PathBuf> {
    let packed = workspace.target.join("packed");
    let shared = packed.join(SHARED);
    fs::create_dir_all(&shared)?;

    let name = format!("{:016x}", contents(workspace)?);
    for entry in fs::read_dir(&packed)? {
        let entry = entry?;
        if entry.file_name() != *name && entry.file_name() != SHARED {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("could not clear {}", entry.path().display()))?;
        }
    }
    let target = packed.join(name);
    fs::create_dir_all(&target)?;
    share(&shared, &target.join(SHARED))?;
    Ok(target)
}

/// The folder of cargo's development profile.
const SHARED: &str = "debug";

/// Lets crates from outside be built once, whatever changes inside; without links they are built each time.
fn share(shared: &Path, link: &Path) -> Result<()> {
    #[cfg(unix)]
    if !link.exists() {
        std::os::unix::fs::symlink(shared, link)
            .with_context(|| format!("could not link {}", link.display()))?;
    }
    #[cfg(not(unix))]
    let _ = (shared, link);
    Ok(())
}

/// A fingerprint of all that ends up in the archives.
fn contents(workspace: &Workspace) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for file in workspace.files()? {
        if file.starts_with("crates/") || !file.contains('/') {
            file.hash(&mut hasher);
            fs::read(workspace.root.join(&file))?.hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}
