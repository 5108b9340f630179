//! Allocations and bytes per call: two runs of one case, divided by what they differ in.

use tokio::task::unconstrained;

use crate::case::{Case, Worker};
use crate::clock::runtime;
use crate::heap::HeapReader;
use crate::table::Table;

const WARM_UP: u64 = 1_000;
const SHORT: u64 = 10_000;
const LONG: u64 = 20_000;

/// Counts each case with the allocator of this process.
pub(crate) fn measure(cases: &[Case], heap: HeapReader) -> Table {
    let mut table =
        Table::new("Allocations per call", &["case", "allocations", "bytes", "still held"]);
    for case in cases {
        let mut worker = case.worker();
        count(worker.as_mut(), WARM_UP, heap);
        let short = count(worker.as_mut(), SHORT, heap);
        let long = count(worker.as_mut(), LONG, heap);
        let each = |index: usize| (long[index] - short[index]) / (LONG - SHORT) as f64;
        table.row([
            case.title(),
            format!("{:.2}", each(0)),
            format!("{:.1}", each(1)),
            format!("{:.1}", each(2)),
        ]);
    }
    table
}

/// Allocations, bytes allocated, and bytes allocated but not freed, over a batch.
fn count(worker: &mut dyn Worker, calls: u64, heap: HeapReader) -> [f64; 3] {
    let runtime = runtime();
    let batch = unconstrained(worker.batch(calls));
    let before = heap();
    runtime.block_on(batch);
    let after = heap();
    [
        (after.allocations - before.allocations) as f64,
        (after.bytes_allocated - before.bytes_allocated) as f64,
        after.live() as f64 - before.live() as f64,
    ]
}
