//! What a healer does, for `tracing`.

use salve_core::Told;
use salve_healer::driver::{Event, Handle};
use salve_healer::{Fact, Record};

/// Tells `tracing` of all that matters, under the target `salve::heal`: what opens, is done, helps and
/// ends at level `info`, what a person has to look at at `warn`, why nothing is done and what was seen
/// at `debug`. Texts are the journal's, before secrets are taken out of them: actions must not have
/// any.
pub fn trace(healer: &Handle) {
    healer.on_event(|told: &Told<Event>| match &told.event {
        Event::Recorded(record) => tell(record),
        Event::JournalDown { why } => {
            tracing::warn!(target: "salve::heal", why, "the journal cannot be written");
        }
        Event::JournalUp => tracing::info!(target: "salve::heal", "the journal is written again"),
        Event::JournalLost { why } => {
            tracing::error!(target: "salve::heal", why, "the journal is given up");
        }
        Event::Refused { why } => tracing::warn!(target: "salve::heal", why, "refused"),
        Event::Stuck(plan) => tracing::warn!(target: "salve::heal", %plan, "does not end"),
        Event::Freed(plan) => tracing::info!(target: "salve::heal", %plan, "has ended after all"),
        Event::Pruned { removed } => {
            tracing::info!(target: "salve::heal", removed, "the journal is pruned");
        }
        Event::PruningFailed { why } => {
            tracing::warn!(target: "salve::heal", why, "the journal cannot be pruned");
        }
        _ => {}
    });
}

fn tell(record: &Record) {
    let (seq, why) = (record.seq, record.why.as_str());
    match &record.fact {
        Fact::Opened(it) => {
            let (incident, severity, kind) = (it.id, it.severity, &it.kind);
            tracing::info!(target: "salve::heal", seq, %incident, %severity, %kind, subject = %it.subject, why, "opened");
        }
        Fact::ActionStarted { plan, .. } => {
            tracing::info!(target: "salve::heal", seq, %plan, why, "action started");
        }
        Fact::ActionFinished { plan, result } => {
            tracing::info!(target: "salve::heal", seq, %plan, ?result, why, "action finished");
        }
        Fact::Verified { plan, verdict } => {
            tracing::info!(target: "salve::heal", seq, %plan, ?verdict, why, "verified");
        }
        Fact::Resolved { incident, how } => {
            tracing::info!(target: "salve::heal", seq, %incident, ?how, why, "resolved");
        }
        Fact::Escalated { incident, reason } => {
            tracing::warn!(target: "salve::heal", seq, %incident, ?reason, why, "a person has to look at it");
        }
        Fact::KillSwitchTripped { .. } | Fact::StormBegan { .. } | Fact::Harmed(_) => {
            tracing::warn!(target: "salve::heal", seq, why, fact = ?record.fact, "brake");
        }
        fact => tracing::debug!(target: "salve::heal", seq, why, ?fact, "recorded"),
    }
}
