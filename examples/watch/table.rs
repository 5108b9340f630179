//! Compares what was seen of a fault with what happened, and prints the table.

use std::time::Duration;

use salve_health::State;

use crate::seen::Change;
use crate::summary::{Fault, Kind, Summary};

impl Fault {
    /// `during` are the changes until it was over, `all` those until the end of the peace after it.
    pub(crate) fn compare(
        target: &str,
        kind: Kind,
        happened: Duration,
        mended: Duration,
        during: &[Change],
        all: &[Change],
    ) -> Self {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let first = |state| during.iter().find(|it: &&Change| it.to == state);
        let since = |change: &Change| ms(change.at.saturating_sub(happened));
        let failed = first(State::Failed);
        let healthy = all.get(during.len()..).unwrap_or_default();
        let healthy = healthy.iter().find(|it| it.to == State::Healthy);
        Self {
            target: target.to_owned(),
            kind,
            happened: ms(happened),
            suspected_after: first(State::Unhealthy).map(since),
            noticed_after: failed.map(since),
            state: during.last().map_or_else(|| "Healthy".to_owned(), |it| format!("{:?}", it.to)),
            reason: failed.map(|it| it.reason.clone()).unwrap_or_default(),
            mended: ms(mended),
            // A server that starts may be seen before it has told us that it is there.
            recovered_after: healthy.map(|it| ms(it.at.saturating_sub(mended))),
            changes: all.len(),
        }
    }
}

/// Prints the summary as a table.
pub(crate) fn print(summary: &Summary) {
    println!();
    println!(
        "server    fault    happened at  suspected after  noticed after  seen as  back at    noticed after  told"
    );
    let after = |ms: Option<f64>| ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0} ms"));
    for fault in &summary.faults {
        let Fault { target, kind, state, reason, .. } = fault;
        println!(
            "{target:<8}  {:<7}  {:>9.2} s  {:>15}  {:>13}  {state:<7}  {:>6.2} s  {:>13}  {reason}",
            kind.to_string(),
            fault.happened / 1e3,
            after(fault.suspected_after),
            after(fault.noticed_after),
            fault.mended / 1e3,
            after(fault.recovered_after),
        );
    }
}
