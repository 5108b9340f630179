//! What the healer records, as rows of the history.

use std::collections::HashMap;
use std::sync::Arc;

use salve_core::sync::Lock;
use salve_core::{Observe, Told};
use salve_healer::driver::Event;
use salve_healer::{ActionResult, Fact, IncidentId, PlanId, Record, Resolution, Verdict, Wall};
use salve_journal::history::{History, Row, Step};

/// Listens to one healer.
pub(super) struct Recorder {
    history: Arc<History>,
    /// For which incident a plan is, until that is over.
    plans: Lock<HashMap<PlanId, IncidentId>>,
}

impl Recorder {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self { history, plans: Lock::default() }
    }

    fn record(&self, record: &Record) {
        let why = || record.why.clone();
        let tell = |row| self.history.record_at(record.wall, row);
        let moved =
            |plan: PlanId, step| tell(Row::RemediationMoved { id: plan.0, step, why: why() });
        let recovery = |incident: Option<IncidentId>, what: &str| {
            if let Some(IncidentId(incident)) = incident {
                tell(Row::Recovery { incident, what: what.to_owned(), why: why() });
            }
        };
        let of = |plan: PlanId| self.plans.lock().get(&plan).copied();
        match &record.fact {
            Fact::Opened(it) => {
                let ago = record.at.since(it.since).as_millis();
                let ago = u64::try_from(ago).unwrap_or(u64::MAX);
                tell(Row::Issue {
                    id: it.id.0,
                    kind: it.kind.to_string(),
                    severity: it.severity.to_string(),
                    resource: it
                        .subject
                        .target()
                        .map_or_else(|| it.subject.to_string(), ToString::to_string),
                    description: why(),
                    detected_at: Wall(record.wall.0.saturating_sub(ago)),
                });
            }
            Fact::Resolved { incident, how } => {
                self.plans.lock().retain(|_, of| of != incident);
                let remediated = *how == Resolution::Repaired;
                tell(Row::IssueEnded { id: incident.0, remediated });
                recovery(Some(*incident), "resolved");
            }
            Fact::Escalated { incident, .. } => recovery(Some(*incident), "escalated"),
            Fact::Held { incident, .. } => recovery(Some(*incident), "held"),
            Fact::Planned(plan) => {
                self.plans.lock().insert(plan.id, plan.incident);
                let (action, description) = (plan.action.to_string(), plan.target.to_string());
                let (id, issue) = (plan.id.0, plan.incident.0);
                tell(Row::Remediation { id, issue, action, description });
            }
            Fact::Dropped { plan, .. } => moved(*plan, Step::Dropped),
            Fact::ActionStarted { plan, .. } => {
                moved(*plan, Step::Started);
                recovery(of(*plan), "started");
            }
            Fact::ActionFinished { plan, result } => {
                let failed =
                    matches!(result, ActionResult::Failed { .. } | ActionResult::NotStarted { .. });
                moved(*plan, if failed { Step::Failed } else { Step::Finished });
                recovery(of(*plan), if failed { "failed" } else { "finished" });
            }
            Fact::Verified { plan, verdict } => {
                let what = match verdict {
                    Verdict::Recovered => "verified",
                    Verdict::NotRecovered => "not_recovered",
                    Verdict::Inconclusive => "inconclusive",
                };
                if *verdict != Verdict::Recovered {
                    moved(*plan, Step::Failed);
                }
                recovery(of(*plan), what);
            }
            Fact::Soaked { plan, held } => {
                moved(*plan, if *held { Step::Succeeded } else { Step::Failed });
                recovery(of(*plan), if *held { "lasted" } else { "came_back" });
            }
            Fact::RollbackFinished { plan, ok } => {
                if *ok {
                    moved(*plan, Step::RolledBack);
                }
                recovery(of(*plan), if *ok { "rolled_back" } else { "rollback_failed" });
            }
            _ => {}
        }
    }
}

impl Observe<Event> for Recorder {
    fn observe(&self, told: &Told<Event>) {
        if let Event::Recorded(record) = &told.event {
            self.record(record);
        }
    }
}
