//! Whether the healer repaired what a drill broke, and how fast, for the report of a game day.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use salve_core::sync::Lock;
use salve_core::{Name, Told};
use salve_healer::driver::{Event, Handle};
use salve_healer::{Fact, IncidentId, PlanId, Record, Resolution, Time, Verdict};

use super::experiment::{Advice, Report};

/// How many incidents are remembered between two reports.
const MOST: usize = 1_000;

/// Tells of the incidents since the last report whether the healer has repaired them, how fast and by
/// which action: to be given to [`GameDay::with_findings`](super::experiment::GameDay::with_findings).
pub fn repairs(healer: &Handle) -> impl Fn(&Report) -> Vec<Advice> + Send + Sync + 'static {
    let watched = Arc::new(Lock::new(Watched::default()));
    let seen = Arc::clone(&watched);
    healer.on_event(move |told: &Told<Event>| {
        if let Event::Recorded(record) = &told.event {
            seen.lock().note(record);
        }
    });
    move |_| watched.lock().tell()
}

#[derive(Default)]
struct Watched {
    incidents: BTreeMap<IncidentId, Course>,
    plans: BTreeMap<PlanId, (IncidentId, Name)>,
    /// Incidents for which there was no room.
    lost: usize,
}

struct Course {
    about: String,
    since: Time,
    /// By which action it was seen to have recovered, and when.
    recovered: Option<(Name, Time)>,
    ended: Option<(Resolution, Time)>,
}

impl Watched {
    fn note(&mut self, record: &Record) {
        match &record.fact {
            Fact::Opened(it) if self.incidents.len() < MOST => {
                let about = it.subject.to_string();
                let course = Course { about, since: it.since, recovered: None, ended: None };
                self.incidents.insert(it.id, course);
            }
            Fact::Opened(_) => self.lost += 1,
            Fact::Planned(plan) if self.incidents.contains_key(&plan.incident) => {
                self.plans.insert(plan.id, (plan.incident, plan.action.clone()));
            }
            Fact::Verified { plan, verdict: Verdict::Recovered } => {
                let Some((incident, action)) = self.plans.get(plan) else { return };
                if let Some(course) = self.incidents.get_mut(incident) {
                    course.recovered = Some((action.clone(), record.at));
                }
            }
            Fact::Resolved { incident, how } => {
                self.plans.retain(|_, (of, _)| of != incident);
                if let Some(course) = self.incidents.get_mut(incident) {
                    course.ended = Some((*how, record.at));
                }
            }
            _ => {}
        }
    }

    /// Tells how each has fared, and forgets those that are over.
    fn tell(&mut self) -> Vec<Advice> {
        let mut all: Vec<_> = self.incidents.values().map(Course::tell).collect();
        self.incidents.retain(|_, course| course.ended.is_none());
        if all.is_empty() {
            let advice = "The healer found nothing to repair.".to_owned();
            all.push(Advice { advice, evidence: "no incident was opened".to_owned() });
        }
        if std::mem::take(&mut self.lost) > 0 {
            let advice = "Look into the healer's journal: not every incident is told here.";
            let evidence = format!("there were more than {MOST}");
            all.push(Advice { advice: advice.to_owned(), evidence });
        }
        all
    }
}

impl Course {
    fn tell(&self) -> Advice {
        let about = &self.about;
        let took = |until: Time| seconds(until.since(self.since));
        let (advice, evidence) = match (&self.recovered, self.ended) {
            (Some((action, at)), Some((Resolution::Repaired, _))) => (
                format!("The healer has repaired {about}."),
                format!("`{action}` had helped {} after it broke, and that lasted", took(*at)),
            ),
            (Some((action, at)), None) => (
                format!("The healer has repaired {about}, and waits whether that lasts."),
                format!("`{action}` had helped {} after it broke", took(*at)),
            ),
            (_, Some((how, at))) => {
                let how = match how {
                    Resolution::Closed => "a person closed it",
                    _ => "no action of the healer's can claim it",
                };
                (format!("{about} is well again."), format!("{how}, {} after it broke", took(at)))
            }
            (None, None) => (
                format!("Look why {about} was not repaired: what is held, and why."),
                "its incident is open".to_owned(),
            ),
        };
        Advice { advice, evidence }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
