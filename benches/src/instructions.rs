//! Instructions per call: two runs of one case under callgrind, divided by what they differ in.
//!
//! Only [`counted`] is counted, since what comes before it is not the same in both runs: governor's
//! clock, for one, compares itself with the system's for as long as it likes. Warm-up cancels out.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use tokio::runtime::Runtime;
use tokio::task::unconstrained;

use crate::case::{Case, Worker};
use crate::clock::runtime;
use crate::table::Table;

/// The hidden command that runs one case for a number of calls.
pub(crate) const RUN_ONE: &str = "run-one";

const SHORT: u64 = 10_000;
const LONG: u64 = 20_000;

/// Counts each case in two processes under valgrind.
pub(crate) fn measure(cases: &[Case]) -> Result<Table, String> {
    let program = env::current_exe().map_err(|error| format!("own path: {error}"))?;
    let mut table = Table::new(
        "Instructions per call (callgrind, user space)",
        &["case", "instructions", "over bare"],
    );
    let mut bare = None;
    for case in cases {
        let short = count(&program, case, SHORT)?;
        let long = count(&program, case, LONG)?;
        let each = long.saturating_sub(short) as f64 / (LONG - SHORT) as f64;
        let bare = *bare.get_or_insert(each);
        table.row([case.title(), format!("{each:.1}"), format!("{:.1}", each - bare)]);
    }
    Ok(table)
}

fn count(program: &PathBuf, case: &Case, calls: u64) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(concat!("--toggle-collect=", module_path!(), "::counted"))
        .arg(program)
        .args([RUN_ONE, &case.title(), &calls.to_string()])
        .output()
        .map_err(|error| format!("valgrind cannot be started: {error}; install valgrind"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: valgrind ended with {}:\n{report}", case.title(), output.status));
    }
    collected(&report).ok_or_else(|| format!("{}: no count in:\n{report}", case.title()))
}

/// The total in callgrind's closing line, `==123== Collected : 4567`.
fn collected(report: &str) -> Option<u64> {
    let (_, total) = report.lines().find_map(|line| line.split_once("Collected :"))?;
    total.trim().parse().ok()
}

/// What the hidden command does.
pub(crate) fn run_one(case: &Case, calls: u64) -> Result<(), String> {
    let mut worker = case.worker();
    let answered = counted(&runtime(), &mut *worker, calls);
    if answered == case.answers(calls) {
        Ok(())
    } else {
        Err(format!("{}: {answered} of {calls} calls succeeded", case.title()))
    }
}

/// What callgrind looks at, by its name.
#[inline(never)]
fn counted(runtime: &Runtime, worker: &mut dyn Worker, calls: u64) -> u64 {
    runtime.block_on(unconstrained(worker.batch(calls)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_callgrinds_closing_lines() {
        let report = "==7== \n==7== Events    : Ir\n==7== Collected : 1234567\n==7== \n";
        assert_eq!(collected(report), Some(1_234_567));
    }

    #[test]
    fn a_report_without_a_total_is_no_count() {
        assert_eq!(collected("==7== Events    : Ir\n"), None);
        assert_eq!(collected("==7== Collected : many\n"), None);
    }
}
