//! Nanoseconds per call: thread CPU time, many interleaved rounds, medians.
//!
//! A round runs every case once, starting one case later each time, so that a slow or a warm
//! moment of the machine meets all cases alike. A batch in which the scheduler took the processor
//! away is dropped. The ratio is taken within a round, against the bare service of the same round.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::unconstrained;

use crate::case::{Case, Worker};
use crate::cases::BARE;
use crate::clock::{Switches, runtime, thread_cpu};
use crate::stats::{median, per_call, quantile};
use crate::table::Table;

const ROUNDS: usize = 80;
const BATCH: Duration = Duration::from_micros(500);

struct Row {
    case: Case,
    worker: Box<dyn Worker>,
    calls: u64,
    nanoseconds: Vec<f64>,
    ratios: Vec<f64>,
}

/// Measures the cases. The first must be [`BARE`].
pub(crate) fn measure(cases: Vec<Case>) -> Result<Table, String> {
    if cases.first().map(Case::title).as_deref() != Some(BARE) {
        return Err(format!("the first case must be `{BARE}`"));
    }
    let mut rows = cases.into_iter().map(|case| prepare(case, &runtime())).collect::<Vec<_>>();
    let runtime = runtime();
    for round in 0..ROUNDS {
        let mut results = vec![None; rows.len()];
        for step in 0..rows.len() {
            let index = (round + step) % rows.len();
            results[index] = run(&mut rows[index], &runtime)?;
        }
        for (row, result) in rows.iter_mut().zip(&results) {
            let Some(nanoseconds) = *result else { continue };
            row.nanoseconds.push(nanoseconds);
            row.ratios.extend(results[0].map(|bare| nanoseconds / bare));
        }
    }
    Ok(report(&rows))
}

/// Builds the policy, warms it up, and finds how many calls fill a batch.
fn prepare(case: Case, runtime: &Runtime) -> Row {
    let mut worker = case.worker();
    let mut calls = 100;
    loop {
        let start = thread_cpu();
        runtime.block_on(unconstrained(worker.batch(calls)));
        if thread_cpu() - start >= BATCH {
            return Row { case, worker, calls, nanoseconds: Vec::new(), ratios: Vec::new() };
        }
        calls *= 2;
    }
}

/// Nanoseconds per call of one batch, or nothing if the batch was disturbed.
fn run(row: &mut Row, runtime: &Runtime) -> Result<Option<f64>, String> {
    let batch = unconstrained(row.worker.batch(row.calls));
    let before = Switches::now();
    let start = thread_cpu();
    let answered = runtime.block_on(batch);
    let time = thread_cpu() - start;
    let switches = Switches::now().since(before);
    if answered != row.case.answers(row.calls) {
        return Err(format!("{}: {answered} of {} calls succeeded", row.case.title(), row.calls));
    }
    Ok((switches.involuntary == 0).then(|| per_call(time, row.calls)))
}

fn report(rows: &[Row]) -> Table {
    let mut table = Table::new(
        "Overhead: thread CPU time per call, one thread",
        &["case", "ns/call", "q25", "q75", "over bare", "x bare", "batches"],
    );
    let bare = median(&rows[0].nanoseconds);
    for row in rows {
        let figure = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.1}"));
        let middle = median(&row.nanoseconds);
        table.row([
            row.case.title(),
            figure(middle),
            figure(quantile(&row.nanoseconds, 0.25)),
            figure(quantile(&row.nanoseconds, 0.75)),
            figure(middle.zip(bare).map(|(case, bare)| case - bare)),
            figure(median(&row.ratios)),
            row.nanoseconds.len().to_string(),
        ]);
    }
    table
}
