//! The gate: its steps, in order, cheapest first.

use anyhow::Result;

use crate::process::Cmd;
use crate::report::{self, Choice, Step};
use crate::workspace::Workspace;
use crate::{arrows, features, package, space, testing, tidy, tools};

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let choice = Choice::parse(args)?;
    let mut steps = vec![
        Step::new("space", || space::check(workspace)),
        Step::new("fmt", || cargo(workspace, &["fmt", "--all", "--check"])),
        Step::new("clippy", || clippy(workspace)),
        Step::new("arrows", || tidy::tell(&arrows::faults(workspace))),
        Step::new("tidy", || tidy::tell(&tidy::faults(workspace)?)),
        Step::new("test", || testing::run(workspace, &[])),
    ];
    if workspace.root.join("tests/loom/Cargo.toml").exists() {
        steps.push(Step::new("loom", || loom(workspace)));
    } else {
        println!("there is no tests/loom in this workspace: the gate has no step `loom`");
    }
    steps.push(Step::new("docs", || docs(workspace)));
    steps.push(Step::new("features", || features::each(workspace)));
    steps.push(Step::new("deny", || deny(workspace)));
    steps.push(Step::new("package", || package::run(workspace)));
    report::run(&steps, &choice)
}

fn cargo(workspace: &Workspace, args: &[&str]) -> Result<()> {
    Cmd::cargo(workspace).args(args.iter().copied()).run()
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let args = ["clippy", "--workspace", "--all-targets", "--all-features", "--locked"];
    Cmd::cargo(workspace).args(args).args(["--", "-D", "warnings"]).run()
}

/// Loom replaces the atomics of `core::sync`, so nothing built for it can be shared with other steps.
fn loom(workspace: &Workspace) -> Result<()> {
    Cmd::cargo(workspace)
        .args(["test", "--release", "--locked", "--manifest-path", "tests/loom/Cargo.toml"])
        .env("RUSTFLAGS", "--cfg salve_loom")
        .env("CARGO_TARGET_DIR", workspace.target.join("loom"))
        .run()
}

fn docs(workspace: &Workspace) -> Result<()> {
    Cmd::cargo(workspace)
        .args(["doc", "--no-deps", "--all-features", "--workspace", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}

/// Advisories stay out of the gate: their database is a git repository, the gate runs without the network,
/// and a new advisory must not turn an old commit red. `cargo xtask advisories` asks for them.
fn deny(workspace: &Workspace) -> Result<()> {
    cargo_deny(workspace, &["bans", "licenses", "sources"])
}

/// Checks the dependencies against the database of known vulnerabilities, which it fetches.
pub(crate) fn advisories(workspace: &Workspace) -> Result<()> {
    cargo_deny(workspace, &["advisories"])
}

fn cargo_deny(workspace: &Workspace, checks: &[&str]) -> Result<()> {
    let deny = tools::DENY.path(workspace)?;
    Cmd::new(deny, &workspace.root)
        .args(["--workspace", "--all-features", "--locked", "check"])
        .args(checks.iter().copied())
        .run()
}
