//! `cargo xtask test`: makes the machine ready, then runs every test of the workspace, doc tests included.

use anyhow::Result;

use crate::needs;
use crate::process::Cmd;
use crate::workspace::Workspace;

/// Runs all tests, or those that `args` select in the words of `cargo test`.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    needs::install(workspace)?;
    if !args.is_empty() {
        let args = args.iter().map(String::as_str);
        return Cmd::cargo(workspace).args(["test", "--all-features"]).args(args).run();
    }
    let all = ["--workspace", "--all-features", "--locked"];
    if Cmd::cargo(workspace).args(["nextest", "--version"]).read().is_err() {
        println!("cargo-nextest is not installed: a test that hangs will not be stopped");
        return Cmd::cargo(workspace).args(["test", "--no-fail-fast"]).args(all).run();
    }
    // It stops a test that hangs, see .config/nextest.toml, and it runs no doc tests.
    Cmd::cargo(workspace).args(["nextest", "run", "--no-fail-fast"]).args(all).run()?;
    if !workspace.members.iter().any(|member| member.has_library) {
        return Ok(());
    }
    Cmd::cargo(workspace).args(["test", "--doc", "--no-fail-fast"]).args(all).run()
}
