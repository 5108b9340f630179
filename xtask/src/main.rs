//! Runs the chores of the workspace: `cargo xtask ci` is the gate, and each of its steps runs alone.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the one program of the workspace whose work is to print"
)]

mod arrows;
mod ci;
mod features;
mod needs;
mod nightly;
mod package;
mod process;
mod report;
mod space;
mod testing;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::process::Cmd;
use crate::report::StepsFailed;
use crate::workspace::Workspace;

const HELP: &str = "\
usage: cargo xtask <command>

  ci [step] [--keep-going]       the gate: every step, or one of them by name
  test [cargo test arguments]    set up what the tests need, then run all of them
  tidy                           house rules: arrows between crates, text, manifests, map
  needs                          Debian packages that the tests need and that are missing
  bench [arguments]              the measurements of the package `benches`
  nightly [step] [--keep-going]  what is too slow for the gate: powerset, minimal-versions,
                                 mutants, walks, public-api [--bless]
  advisories                     known vulnerabilities of dependencies (needs the network)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        // The summary has told it, and its counts stay the last line.
        Err(error) if error.is::<StepsFailed>() => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let Some((command, rest)) = args.split_first() else {
        bail!("no command given\n\n{HELP}");
    };
    if matches!(command.as_str(), "help" | "--help" | "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let workspace = Workspace::load()?;
    match command.as_str() {
        "ci" => ci::run(&workspace, rest),
        "test" => testing::run(&workspace, rest),
        "tidy" => nothing_more(rest).and_then(|()| tidy::run(&workspace)),
        "needs" => nothing_more(rest).map(|()| needs::print_missing()),
        "bench" => bench(&workspace, rest),
        "nightly" => nightly::run(&workspace, rest),
        "advisories" => nothing_more(rest).and_then(|()| ci::advisories(&workspace)),
        other => bail!("unknown command `{other}`\n\n{HELP}"),
    }
}

fn nothing_more(rest: &[String]) -> Result<()> {
    match rest.first() {
        Some(extra) => bail!("unexpected argument `{extra}`\n\n{HELP}"),
        None => Ok(()),
    }
}

fn bench(workspace: &Workspace, rest: &[String]) -> Result<()> {
    let Some(package) = workspace.members.iter().find(|member| member.folder == "benches") else {
        bail!("the workspace has no member in the folder `benches`: there is nothing to measure");
    };
    let all = ["all".to_owned()];
    let rest = if rest.is_empty() { &all } else { rest };
    Cmd::cargo(workspace)
        .args(["run", "--release", "-p", &package.name, "--"])
        .args(rest.iter().map(String::as_str))
        .run()
}
