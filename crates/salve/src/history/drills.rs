//! What chaos points tell, as rows.

use std::sync::Arc;

use salve_core::Told;
use salve_journal::history::{History, Row};

use crate::chaos::Event;

/// Records what a chaos point tells, but for the single strikes.
pub(super) fn recorder(history: Arc<History>) -> impl Fn(&Told<Event>) + Send + Sync + 'static {
    move |told| {
        if let Some(row) = row(told) {
            history.record(row);
        }
    }
}

fn row(told: &Told<Event>) -> Option<Row> {
    let (name, owner, state, report) = match &told.event {
        Event::Armed { owner, reason, .. } => {
            (told.by.as_str(), owner.as_str(), "armed".to_owned(), Some(reason.clone()))
        }
        Event::Disarmed { cause, struck } => {
            let report = format!("{struck} were struck; {cause:?}");
            (told.by.as_str(), "", "disarmed".to_owned(), Some(report))
        }
        Event::NotHeld { kind, why } => {
            (told.by.as_str(), "", "not held".to_owned(), Some(format!("{kind}: {why}")))
        }
        Event::ExperimentStarted { experiment, owner } => {
            (experiment.as_str(), owner.as_str(), "started".to_owned(), None)
        }
        Event::ExperimentEnded { experiment, owner, status, report, .. } => {
            let report = report.to_markdown();
            (experiment.as_str(), owner.as_str(), status.to_string(), Some(report))
        }
        _ => return None,
    };
    Some(Row::Experiment { name: name.to_owned(), owner: owner.to_owned(), state, report })
}
