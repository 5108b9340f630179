//! What is too slow for the gate: it runs each night, and each step alone by its name.

mod minimal;
mod mutants;
mod public_api;
mod walks;

use anyhow::Result;

use crate::features;
use crate::report::{self, Choice, Step};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let (bless, args): (Vec<_>, Vec<_>) = args.iter().cloned().partition(|arg| arg == "--bless");
    let choice = Choice::parse(&args)?;
    let steps = [
        Step::new("powerset", || features::pairs(workspace)),
        Step::new("minimal-versions", || minimal::run(workspace)),
        Step::new("public-api", || public_api::run(workspace, !bless.is_empty())),
        Step::new("walks", || walks::run(workspace)),
        Step::new("mutants", || mutants::run(workspace)),
    ];
    report::run(&steps, &choice)
}
