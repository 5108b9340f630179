//! What the eye sees while it runs: one line a second, bare beside healed, with the healer's incidents.

use std::time::Duration;

use salve_healer::Incident;
use salve_healer::driver::Handle;
use tokio::time::{Instant, sleep_until};

use crate::script::{RUN, SCRIPT};
use crate::truth::Truth;

/// The heading is repeated after this many lines.
const PAGE: u64 = 24;

/// Prints a line a second until the run is over.
pub(crate) async fn show(start: Instant, healer: Handle, [bare, healed]: [Truth; 2]) {
    for second in 1..=RUN.as_secs() {
        if second % PAGE == 1 {
            println!(
                "\n{:>4}  {:<20}| {:<26}| {:<14}| what the healer does",
                "s", "strikes", "broken without healer", "with"
            );
        }
        sleep_until(start + Duration::from_secs(second)).await;
        let strikes = SCRIPT.iter().find(|step| step.at.as_secs() + 1 == second);
        let strikes = strikes.map_or("", |step| step.fault.words());
        let state = healer.state();
        let incidents: Vec<String> = state.incidents().map(words).collect();
        let line = format!(
            "{second:>4}  {strikes:<20}| {:<26}| {:<14}| {}",
            bare.broken().join(" "),
            healed.broken().join(" "),
            incidents.join("; ")
        );
        println!("{}", line.trim_end());
    }
}

/// An incident in a few words: where it stands, and what is done or why nothing is.
fn words(incident: &Incident) -> String {
    let target = incident.opening.subject.target().map_or("all", |name| name.as_str());
    let phase = incident.phase.to_string();
    let what = match (incident.plan(), &incident.hold) {
        (Some(plan), _) => format!(", {}", plan.action),
        (None, Some(hold)) => format!(", as {hold}"),
        (None, None) => String::new(),
    };
    format!("#{} {target} {phase}{what}", incident.id().0)
}
