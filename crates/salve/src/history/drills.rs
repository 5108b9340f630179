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
    let point = told.by.to_string();
    let experiment = |name: &str, state: &str, report| Row::Experiment {
        name: name.to_owned(),
        owner: format!("chaos point {point}"),
        state: state.to_owned(),
        report,
    };
    Some(match &told.event {
        Event::Armed { owner, reason, .. } => Row::Experiment {
            name: point,
            owner: owner.clone(),
            state: "armed".to_owned(),
            report: Some(reason.clone()),
        },
        Event::Disarmed { cause, struck } => {
            let report = format!("{struck} were struck; {cause:?}");
            experiment(&point, "disarmed", Some(report))
        }
        Event::ExperimentStarted { experiment: name } => experiment(name, "started", None),
        Event::ExperimentEnded { experiment: name, status, report, .. } => {
            experiment(name, &status.to_string(), Some(report.to_markdown()))
        }
        _ => return None,
    })
}
