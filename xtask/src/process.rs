//! Starts other programs at the root of the workspace and turns a bad exit into an error that names the command.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// A command that is printed before it runs.
#[derive(Debug)]
pub(crate) struct Cmd {
    inner: Command,
}

impl Cmd {
    /// `program`, looked up in `PATH`, with `folder` as its working directory.
    pub(crate) fn new(program: impl Into<OsString>, folder: &Path) -> Self {
        let mut inner = Command::new(program.into());
        inner.current_dir(folder);
        Self { inner }
    }

    /// The cargo that started this program, at the root of the workspace.
    pub(crate) fn cargo(workspace: &Workspace) -> Self {
        Self::cargo_in(&workspace.root)
    }

    /// The cargo that started this program, in another folder.
    pub(crate) fn cargo_in(folder: &Path) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(cargo, folder)
    }

    /// The cargo of the nightly toolchain, which few steps need.
    pub(crate) fn nightly_cargo_in(folder: &Path) -> Self {
        Self::new("rustup", folder).args(["run", "nightly", "cargo"])
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.inner.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.inner.env(key, value.into());
        self
    }

    /// Runs to the end with the output shown.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("$ {self}");
        let status = self.inner.status().with_context(|| format!("could not start `{self}`"))?;
        if !status.success() {
            bail!("`{self}` ended with {status}");
        }
        Ok(())
    }

    /// Runs to the end and returns what was written to standard output.
    pub(crate) fn read(mut self) -> Result<String> {
        let output = self.inner.output().with_context(|| format!("could not start `{self}`"))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("`{self}` ended with {}\n{stderr}", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` wrote no UTF-8"))
    }
}

impl std::fmt::Display for Cmd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (key, value) in self.inner.get_envs() {
            if let Some(value) = value {
                write!(f, "{}={:?} ", key.to_string_lossy(), value.to_string_lossy())?;
            }
        }
        let program = Path::new(self.inner.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str());
        write!(f, "{}", name.to_string_lossy())?;
        for arg in self.inner.get_args() {
            write!(f, " {}", arg.to_string_lossy())?;
        }
        Ok(())
    }
}
