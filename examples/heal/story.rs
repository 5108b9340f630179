//! What the journal tells once the run is over: read from its file, verified, and put together by incident.

use std::collections::HashMap;
use std::time::Duration;

use salve_healer::learn::statistics;
use salve_healer::{Fact, IncidentId, Journal, PlanId, Record, State, Verdict};
use salve_journal::{SqliteConfig, SqliteJournal};

use crate::Failure;
use crate::summary::{Incident, Learned, Line, Struck, Summary};

/// Faults are blamed for what opens at their target within this time.
const BLAMED: u64 = 8_000;

/// Longer lines are cut off.
const LONGEST: usize = 160;

/// Everything that is in the file.
pub(crate) struct Story {
    pub(crate) records: usize,
    pub(crate) state: State,
    pub(crate) incidents: Vec<Incident>,
    pub(crate) learned: Vec<Learned>,
}

/// Opens the journal anew, which verifies its chain and its head, and reads it to its end.
pub(crate) async fn read(config: &SqliteConfig, struck: &[Struck]) -> Result<Story, Failure> {
    let journal = SqliteJournal::open(config)?;
    let (mut state, mut records) = (journal.base().await?, Vec::new());
    loop {
        let page = journal.read(state.seq(), 1_000).await?;
        if page.is_empty() {
            break;
        }
        for record in page {
            state.apply(&record)?;
            records.push(record);
        }
    }
    let mut plans = HashMap::new();
    let mut lines: HashMap<IncidentId, Vec<&Record>> = HashMap::new();
    for record in &records {
        if let Fact::Planned(plan) = &record.fact {
            plans.insert(plan.id, (plan.incident, plan.action.to_string()));
        }
        if let Some(id) = about(&record.fact, &plans) {
            lines.entry(id).or_default().push(record);
        }
    }
    let tell = |id: IncidentId| lines.get(&id).map_or(&[][..], Vec::as_slice);
    let mut incidents: Vec<Incident> = Vec::new();
    for past in state.past() {
        let mut told = incident(past.id, tell(past.id), &plans, struck);
        told.how = format!("{:?}", past.how);
        told.detect_ms = ms(past.opened.since(past.since));
        told.decide_ms = ms(past.spent.deciding + past.spent.awaiting);
        told.act_ms = ms(past.spent.acting + past.spent.rolling_back);
        told.verify_ms = ms(past.spent.verifying);
        told.soak_ms = ms(past.spent.soaking);
        incidents.push(told);
    }
    let open = state.incidents().map(|it| incident(it.id(), tell(it.id()), &plans, struck));
    incidents.extend(open);
    incidents.sort_by_key(|it| it.id);
    let learned = statistics(&state).actions.into_iter().map(|it| Learned {
        class: it.class.to_string(),
        action: it.action.to_string(),
        successes: it.successes,
        failures: it.failures,
        expected_percent: f64::from(it.expected) / 1e4,
    });
    let learned = learned.collect();
    Ok(Story { records: records.len(), state, incidents, learned })
}

type Plans = HashMap<PlanId, (IncidentId, String)>;

/// The incident that a fact belongs to.
fn about(fact: &Fact, plans: &Plans) -> Option<IncidentId> {
    match fact {
        Fact::Opened(opening) => Some(opening.id),
        Fact::Planned(plan) => Some(plan.incident),
        Fact::Raised { incident, .. }
        | Fact::Resolved { incident, .. }
        | Fact::Escalated { incident, .. }
        | Fact::Learned { incident, .. }
        | Fact::Held { incident, .. } => Some(*incident),
        Fact::ActionStarted { plan, .. }
        | Fact::ActionFinished { plan, .. }
        | Fact::Verified { plan, .. }
        | Fact::Soaked { plan, .. }
        | Fact::Dropped { plan, .. } => plans.get(plan).map(|(incident, _)| *incident),
        _ => None,
    }
}

fn incident(id: IncidentId, records: &[&Record], plans: &Plans, struck: &[Struck]) -> Incident {
    let mut told = Incident { id: id.0, how: "open".to_owned(), ..Incident::default() };
    let mut opened = None;
    for record in records {
        let action = |plan: &PlanId| plans.get(plan).map_or_else(String::new, |it| it.1.clone());
        let what = match &record.fact {
            Fact::Opened(opening) => {
                opened = Some(record.at);
                told.target = opening.subject.target().map(ToString::to_string).unwrap_or_default();
                told.kind = opening.kind.to_string();
                let mut before = struck.iter().rev().filter(|it| it.target == told.target);
                let by = before.find(|it| it.wall_ms <= record.wall.0);
                let by = by.filter(|it| record.wall.0 - it.wall_ms < BLAMED);
                told.fault = by.map(|it| it.fault);
                told.noticed_ms = by.map(|it| (record.wall.0 - it.wall_ms) as f64);
                format!("opened, {} at {}: {}", told.kind, told.target, record.why)
            }
            Fact::Planned(plan) => {
                let odds = plan.odds.iter().map(|it| {
                    let (percent, cost) = (f64::from(it.drawn) / 1e4, it.cost.as_secs_f64());
                    format!("{} {percent:.0} % for {cost:.1} s", it.action)
                });
                let odds = odds.collect::<Vec<_>>().join(", ");
                format!("decided on {}, attempt {}, of: {odds}", plan.action, plan.attempt)
            }
            Fact::Held { reason, .. } => {
                told.holds.push(reason.to_string());
                format!("held: {reason}")
            }
            Fact::ActionStarted { plan, .. } => format!("{} begins: {}", action(plan), record.why),
            Fact::ActionFinished { plan, .. } => {
                told.actions.push(action(plan));
                format!("{} has ended: {}", action(plan), record.why)
            }
            Fact::Verified { plan, verdict } => {
                if *verdict == Verdict::Recovered {
                    told.helped = Some(action(plan));
                    let mended = |it: &&Struck| Some(it.fault) == told.fault;
                    let by = struck.iter().find(mended);
                    told.restored_ms = by.map(|it| record.wall.0.saturating_sub(it.wall_ms) as f64);
                }
                format!("{verdict:?}: {}", record.why)
            }
            Fact::Soaked { held: false, .. } => {
                (told.helped, told.restored_ms) = (None, None);
                record.why.clone()
            }
            Fact::Escalated { .. } => {
                told.escalated = true;
                format!("a person is called: {}", record.why)
            }
            Fact::Resolved { how, .. } => format!("over, {how:?}: {}", record.why),
            _ => record.why.clone(),
        };
        let at_ms = opened.map_or(0.0, |opened| ms(record.at.since(opened)));
        told.lines.push(Line { at_ms, what });
    }
    told
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Prints the story of each incident, the times, and what both houses were worth.
pub(crate) fn print(summary: &Summary) {
    println!("\nThe journal's own story, read back from its file ({} records)", summary.records);
    for it in &summary.incidents {
        let fault = it.fault.map_or("nothing on the script", |fault| fault.words());
        println!("\n#{} {} at {} ({fault})", it.id, it.kind, it.target);
        for line in &it.lines {
            let what: String = line.what.chars().take(LONGEST).collect();
            let rest = if what.len() < line.what.len() { " ..." } else { "" };
            println!("  {:>+7.2} s  {what}{rest}", line.at_ms / 1e3);
        }
    }
    let (detect, decide, act) = ("detect", "decide", "act");
    println!("\nWhere the time went, in ms; `noticed` and `restored` count from the strike itself");
    println!(
        "{:>4} {:<10}{:<14}{detect:>8}{decide:>8}{act:>8}{:>8}{:>8}{:>9}{:>10}  ended",
        "#", "target", "by", "verify", "soak", "noticed", "restored"
    );
    let some = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"));
    for it in &summary.incidents {
        println!(
            "{:>4} {:<10}{:<14}{:>8.0}{:>8.0}{:>8.0}{:>8.0}{:>8.0}{:>9}{:>10}  {}",
            it.id,
            it.target,
            it.helped.as_deref().unwrap_or("-"),
            it.detect_ms,
            it.decide_ms,
            it.act_ms,
            it.verify_ms,
            it.soak_ms,
            some(it.noticed_ms),
            some(it.restored_ms),
            it.how
        );
    }
    println!("\nWhat was learned");
    for it in &summary.learned {
        println!(
            "  {:<12} at {:<12} has helped {} times of {}; {:.0} % are expected now",
            it.action,
            it.class,
            it.successes,
            it.successes + it.failures,
            it.expected_percent
        );
    }
    println!("\nThe share of the time in which it worked    without healer    with");
    for it in &summary.availability {
        let (bare, healed) = (it.bare * 100.0, it.healed * 100.0);
        println!("  {:<40}{bare:>14.1} %{healed:>8.1} %", it.part);
    }
}
