//! What people have to know of what the healer writes down.

use std::collections::BTreeMap;

use salve_core::Name;
use salve_healer::driver::Event;
use salve_healer::{
    DropReason, Escalation, Fact, Incident, IncidentId, Opening, Phase, Plan, PlanId, Record,
    Resolution, Severity, State,
};

use super::alert::Alert;

/// Reads a healer's events and makes alerts of those that need a person: escalated incidents, plans
/// that wait for an approval, repairs that do harm, and a healer that cannot work or does not see.
#[derive(Debug)]
pub struct Reader {
    healer: Name,
    open: BTreeMap<IncidentId, Matter>,
    /// Plans that wait for an approval.
    asked: BTreeMap<PlanId, Alert>,
}

/// An incident that is not over.
#[derive(Debug)]
struct Matter {
    opening: Opening,
    /// What was told of it.
    told: Option<Alert>,
}

impl Reader {
    /// Reads what the healer of this name tells. The name is part of every key, so that two healers
    /// do not speak of the same.
    pub fn new(healer: impl Into<Name>) -> Self {
        Self { healer: healer.into(), open: BTreeMap::new(), asked: BTreeMap::new() }
    }

    /// Learns what is open already, and returns what was told of it before: by this program, or by one that
    /// has died since and could not tell its end.
    pub fn resume(&mut self, state: &State) -> Vec<Alert> {
        let mut before: Vec<_> =
            state.hung().map(|plan| self.stuck(plan, "does not end")).collect();
        before.extend(state.is_killed().then(|| self.switch("too many repairs failed")));
        before.extend(state.harmed().map(|_| self.harm("others fail after a repair")));
        before.extend(state.blind_since().map(|_| self.blind("most witnesses fail")));
        let dead = state.targets().witnesses().filter(|it| it.discredited);
        before.extend(dead.map(|it| self.witness(&it.target.name, "is no longer believed")));
        for incident in state.incidents() {
            let opening = incident.opening.clone();
            self.open.insert(incident.id(), Matter { opening, told: None });
            match (incident.phase, incident.needs_human) {
                (Phase::Escalated, Some(why)) => before.extend(self.escalated(incident.id(), why)),
                (Phase::AwaitingApproval, _) => {
                    before.extend(Incident::plan(incident).and_then(|plan| self.planned(plan)));
                }
                _ => {}
            }
        }
        before
    }

    /// What may have been raised by a program that died without its journal, and could not write down that it was:
    /// it is over if the journal is written now.
    pub(super) fn unwritten(&self) -> Alert {
        Alert::new(self.key("journal"), Severity::High, self.subject(), "the journal is written")
    }

    /// What a person has to know of this.
    pub fn read(&mut self, event: &Event) -> Option<Alert> {
        let own =
            |text: &str, severity| Alert::new(self.key("journal"), severity, self.subject(), text);
        match event {
            Event::Recorded(record) => self.record(record),
            Event::JournalDown { .. } => {
                let text = "the journal cannot be written: nothing is repaired";
                Some(own(text, Severity::High))
            }
            Event::JournalUp => {
                Some(own("the journal is written again", Severity::High).resolved())
            }
            Event::JournalLost { why } => {
                let text = "the journal is lost: nothing is repaired until a restart";
                Some(own(text, Severity::Critical).with("why", why))
            }
            Event::Stuck(plan) => Some(self.stuck(*plan, "does not end")),
            Event::Freed(plan) => Some(self.stuck(*plan, "has ended after all").resolved()),
            Event::PruningFailed { why } => {
                Some(self.pruning("the journal cannot be pruned").with("why", why))
            }
            Event::Pruned { .. } => Some(self.pruning("the journal is pruned again").resolved()),
            _ => None,
        }
    }

    fn key(&self, matter: &str) -> String {
        format!("{}/{matter}", self.healer)
    }

    fn subject(&self) -> String {
        format!("healer `{}`", self.healer)
    }

    fn record(&mut self, record: &Record) -> Option<Alert> {
        match &record.fact {
            Fact::Opened(opening) => {
                self.open.insert(opening.id, Matter { opening: opening.clone(), told: None });
                None
            }
            Fact::Raised { incident, severity, evidence } => {
                let matter = self.open.get_mut(incident)?;
                (matter.opening.severity, matter.opening.evidence) = (*severity, *evidence);
                let told = matter.told.as_mut()?;
                told.severity = told.severity.max(*severity);
                Some(told.clone())
            }
            Fact::Escalated { incident, reason } => {
                let alert = self.escalated(*incident, *reason)?;
                Some(alert.with("why", &record.why))
            }
            Fact::Acknowledged(incident) => {
                self.over(*incident, &format!("{} has looked at it", record.by))
            }
            Fact::Resolved { incident, how } => {
                let how = match how {
                    Resolution::Repaired => "it is repaired".to_owned(),
                    Resolution::ByItself => "it has ended by itself".to_owned(),
                    Resolution::Closed => format!("{} has closed it", record.by),
                };
                self.over(*incident, &how)
            }
            Fact::Planned(plan) => self.planned(plan),
            Fact::Approved { plan, .. } => {
                self.answered(*plan, &format!("{} has approved it", record.by))
            }
            Fact::Dropped { plan, reason } => {
                let why = match reason {
                    DropReason::Denied => format!("{} has denied it", record.by),
                    DropReason::Expired => "nobody has approved it in time".to_owned(),
                    DropReason::Stale | DropReason::NotAllowed => "it is void".to_owned(),
                };
                self.answered(*plan, &why)
            }
            Fact::KillSwitchTripped { failures, outcomes } => {
                let text = format!("{failures} of {outcomes} repairs failed: nothing is repaired");
                Some(self.switch(&text))
            }
            Fact::KillSwitchReset => {
                Some(self.switch(&format!("{} has switched it on again", record.by)).resolved())
            }
            Fact::Harmed(harm) => {
                let failed: Vec<&str> = harm.failed.iter().map(Name::as_str).collect();
                Some(self.harm(&format!("after {} others fail: {}", harm.plan, failed.join(", "))))
            }
            Fact::HarmEnded => {
                Some(self.harm("what failed after a repair is as before").resolved())
            }
            Fact::Blinded { witnesses } => {
                let names: Vec<&str> = witnesses.iter().map(Name::as_str).collect();
                let text = format!("it does not see {}: nothing is repaired", names.join(", "));
                Some(self.blind(&text))
            }
            Fact::Sighted { .. } => Some(self.blind("it sees again").resolved()),
            Fact::Discredited(name) => {
                Some(self.witness(name, "fails for so long that it is no longer believed"))
            }
            Fact::Trusted(name) => Some(self.witness(name, "passes again").resolved()),
            _ => None,
        }
    }

    fn blind(&self, text: &str) -> Alert {
        Alert::new(self.key("blind"), Severity::High, self.subject(), text)
    }

    /// Repairs go on, with one guard less.
    fn witness(&self, name: &Name, text: &str) -> Alert {
        let key = self.key(&format!("witness/{name}"));
        Alert::new(key, Severity::Medium, format!("witness `{name}`"), text)
    }

    fn stuck(&self, plan: PlanId, text: &str) -> Alert {
        let text = format!("the action of {plan} {text}");
        Alert::new(self.key(&format!("{plan}/stuck")), Severity::High, self.subject(), text)
    }

    /// Nothing is lost and repairs go on, so it can wait until the morning.
    fn pruning(&self, text: &str) -> Alert {
        Alert::new(self.key("pruning"), Severity::Low, self.subject(), text)
    }

    fn harm(&self, text: &str) -> Alert {
        Alert::new(self.key("harm"), Severity::High, self.subject(), text)
    }

    fn switch(&self, text: &str) -> Alert {
        Alert::new(self.key("kill-switch"), Severity::Critical, self.subject(), text)
    }

    /// What fails and could not be repaired is critical.
    fn escalated(&mut self, id: IncidentId, reason: Escalation) -> Option<Alert> {
        let key = self.key(&id.to_string());
        let matter = self.open.get_mut(&id)?;
        let Opening { subject, kind, severity, .. } = &matter.opening;
        let severity = match severity {
            Severity::High if reason.blocks_target() => Severity::Critical,
            severity => *severity,
        };
        let text = match reason {
            Escalation::ChainExhausted => "everything was tried and nothing has helped",
            Escalation::NothingToTry => "there is nothing that may be tried",
            Escalation::Inconclusive => "nobody can tell whether a repair has helped",
            Escalation::UnknownEffect => "nobody knows what a repair has done; it is not repeated",
            Escalation::RollbackFailed => "a repair could not be undone",
            Escalation::NotOneTarget => "many fail together",
        };
        let text = format!("{}: {text}", kind.as_str());
        let alert = Alert::new(key, severity, subject.to_string(), text);
        let alert = alert.with("incident", id.to_string());
        matter.told = Some(alert.clone());
        Some(alert)
    }

    fn over(&mut self, id: IncidentId, text: &str) -> Option<Alert> {
        let told = self.open.remove(&id)?.told?;
        Some(Alert { text: text.to_owned(), ..told }.resolved())
    }

    fn planned(&mut self, plan: &Plan) -> Option<Alert> {
        if !plan.approval || !plan.enforced {
            return None;
        }
        let severity = self.open.get(&plan.incident).map(|it| it.opening.severity);
        let key = self.key(&plan.id.to_string());
        let text = format!("`{}` waits for an approval", plan.action);
        let alert =
            Alert::new(key, severity.unwrap_or_default(), format!("`{}`", plan.target), text);
        let alert = alert
            .with("plan", plan.id.to_string())
            .with("digest", plan.digest().to_string())
            .with("incident", plan.incident.to_string());
        self.asked.insert(plan.id, alert.clone());
        Some(alert)
    }

    fn answered(&mut self, plan: PlanId, text: &str) -> Option<Alert> {
        let asked = self.asked.remove(&plan)?;
        Some(Alert { text: text.to_owned(), ..asked }.resolved())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use salve_healer::{Record, Time, Wall, Who};

    use super::*;
    use crate::escalate::Stage;

    fn told(reader: &mut Reader, fact: Fact) -> Option<(Stage, String)> {
        let by = Who::Person("ada".into());
        let record = Record { seq: 1, at: Time::ZERO, wall: Wall(0), by, why: String::new(), fact };
        let alert = reader.read(&Event::Recorded(Arc::new(record)))?;
        Some((alert.stage, format!("{}: {alert}", alert.key)))
    }

    #[test]
    fn what_keeps_the_healer_from_working_is_told_and_so_is_its_end() {
        let mut reader = Reader::new("shop");
        let mut read = |event: Event| reader.read(&event).map(|it| (it.stage, it.key, it.severity));
        let (raised, resolved) = (Stage::Raised, Stage::Resolved);
        let key = || "shop/journal".to_owned();
        let why = "full".to_owned();
        let down = read(Event::JournalDown { why: why.clone() });
        assert_eq!(down, Some((raised, key(), Severity::High)));
        assert_eq!(read(Event::JournalUp), Some((resolved, key(), Severity::High)));
        assert_eq!(read(Event::JournalLost { why }), Some((raised, key(), Severity::Critical)));
        let stuck = read(Event::Stuck(PlanId(7))).unwrap();
        assert_eq!((stuck.0, &stuck.1), (raised, &format!("shop/{}/stuck", PlanId(7))));
        let freed = read(Event::Freed(PlanId(7))).unwrap();
        assert_eq!((freed.0, freed.1), (resolved, stuck.1), "the same matter, and its end");
        assert_eq!(read(Event::Refused { why: String::new() }), None);
        let pruning = || "shop/pruning".to_owned();
        let failed = read(Event::PruningFailed { why: "no key".to_owned() });
        assert_eq!(failed, Some((raised, pruning(), Severity::Low)));
        let pruned = read(Event::Pruned { removed: 3 });
        assert_eq!(pruned, Some((resolved, pruning(), Severity::Low)));

        let tripped = Fact::KillSwitchTripped { failures: 4, outcomes: 10 };
        let (stage, line) = told(&mut reader, tripped).unwrap();
        let text = "[critical] healer `shop`: 4 of 10 repairs failed: nothing is repaired";
        assert_eq!((stage, line), (raised, format!("shop/kill-switch: {text}")));
        assert_eq!(told(&mut reader, Fact::KillSwitchReset).unwrap().0, resolved);
        assert_eq!(told(&mut reader, Fact::HarmEnded).unwrap().0, resolved);

        let witnesses = vec!["gateway".into(), "resolver".into()];
        let (stage, line) = told(&mut reader, Fact::Blinded { witnesses }).unwrap();
        let text = "[high] healer `shop`: it does not see gateway, resolver: nothing is repaired";
        assert_eq!((stage, line), (raised, format!("shop/blind: {text}")));
        assert_eq!(told(&mut reader, Fact::Sighted { until: Time::ZERO }).unwrap().0, resolved);
        let (stage, line) = told(&mut reader, Fact::Discredited("gateway".into())).unwrap();
        assert_eq!((stage, line.starts_with("shop/witness/gateway: ")), (raised, true));
        assert_eq!(told(&mut reader, Fact::Trusted("gateway".into())).unwrap().0, resolved);
    }

    #[test]
    fn of_what_nobody_was_told_nobody_hears_how_it_goes_on() {
        let mut reader = Reader::new("shop");
        let id = IncidentId(3);
        assert_eq!(told(&mut reader, Fact::Cleared(id)), None);
        let over = Fact::Resolved { incident: id, how: Resolution::Repaired };
        assert_eq!(told(&mut reader, over), None);
        let escalated = Fact::Escalated { incident: id, reason: Escalation::ChainExhausted };
        assert_eq!(told(&mut reader, escalated), None, "an incident that was never opened");
        let dropped = Fact::Dropped { plan: PlanId(1), reason: DropReason::Expired };
        assert_eq!(told(&mut reader, dropped), None);
    }
}
