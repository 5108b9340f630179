//! Cargo tools from the registry, each in one version, built into `target/tools` when they are missing.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::Cmd;
use crate::workspace::Workspace;

/// A program that `cargo install` builds.
#[derive(Debug)]
pub(crate) struct Tool {
    package: &'static str,
    version: &'static str,
    /// How long the build lasts on two cores, so that nobody takes the silence for a hang.
    minutes: &'static str,
}

pub(crate) const DENY: Tool =
    Tool { package: "cargo-deny", version: "0.20.2", minutes: "about 6 minutes" };
pub(crate) const MUTANTS: Tool =
    Tool { package: "cargo-mutants", version: "27.1.0", minutes: "some minutes" };
pub(crate) const PUBLIC_API: Tool =
    Tool { package: "cargo-public-api", version: "0.52.0", minutes: "more than 5 minutes" };

impl Tool {
    /// The program: the one in `PATH` if it has the wanted version, else the one in `target/tools`.
    pub(crate) fn path(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = workspace.target.join("tools");
        let own =
            folder.join("bin").join(format!("{}{}", self.package, std::env::consts::EXE_SUFFIX));
        for program in [PathBuf::from(self.package), own.clone()] {
            if self.is(&program, workspace) {
                return Ok(program);
            }
        }
        let Self { package, version, minutes } = self;
        println!("{package} {version} is missing; building it once takes {minutes} on two cores");
        Cmd::cargo(workspace)
            .args(["install", "--locked", "--force", &format!("{package}@{version}"), "--root"])
            .args([&*folder.to_string_lossy()])
            // Apart from the workspace's own artifacts, and kept if the build is interrupted.
            .env("CARGO_TARGET_DIR", folder.join("build"))
            .run()?;
        Ok(own)
    }

    fn is(&self, program: &std::path::Path, workspace: &Workspace) -> bool {
        // As a cargo subcommand would be called: some tools refuse a bare `--version`.
        let name = self.package.trim_start_matches("cargo-");
        let ask = |args: &[&str]| {
            Cmd::new(program, &workspace.root)
                .args(args.iter().copied())
                .read()
                .is_ok_and(|text| text.split_whitespace().any(|word| word == self.version))
        };
        ask(&["--version"]) || ask(&[name, "--version"])
    }
}
