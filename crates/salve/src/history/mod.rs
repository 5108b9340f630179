//! The history of the family: what breakers, ladders, health and the healer tell becomes rows.
//!
//! ```
//! use salve::history::Feed;
//! use salve::journal::history::{History, HistoryConfig};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("history.db");
//! let (layer, stack) = salve::stack("stock").build()?;
//! let mut feed = Feed::new(History::open(HistoryConfig::new(file))?);
//! feed.watch_stack(&stack);
//! # async fn background(feed: Feed) {
//! tokio::spawn(feed.run(Duration::from_secs(30)));
//! # }
//! # let _ = layer;
//! # Ok(())
//! # }
//! ```
//!
//! | what | when | table |
//! |---|---|---|
//! | a breaker moves | at once | `circuit_breaker_state_history` |
//! | breakers as they are | with each look | `circuit_breakers` |
//! | a level or a feature moves | at once | `degradation_state`, `feature_flags` |
//! | the last result of each check, if it is new | with each look | `health_checks` |
//! | targets, the whole, scores | with each look | `component_health_summary`, `system_health_snapshots`, `health_scores` |
//! | incidents and actions | at once | `self_healing_issues`, `self_healing_remediations`, `recovery_events` |
//!
//! With the feature `chaos` armings and experiments are recorded in `chaos_experiments`, as they begin and end, with the
//! reports.

#[cfg(feature = "chaos")]
mod drills;
mod incidents;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salve_core::{Moment, Name, Told};
use salve_journal::history::{History, Row};

use crate::health::{self, Scope, State};
use crate::{StackHandle, circuit_breaker, degradation, heal};

/// Records what happens as it happens, and how things are from time to time. Nothing waits for it.
pub struct Feed {
    history: Arc<History>,
    breakers: Vec<circuit_breaker::Handle>,
    health: Vec<health::Handle>,
    healers: Vec<heal::Handle>,
    /// Of each target, which result was recorded last.
    seen: HashMap<(usize, Name), Moment>,
}

impl Feed {
    /// Records nothing yet.
    #[must_use]
    pub fn new(history: History) -> Self {
        Self {
            history: Arc::new(history),
            breakers: Vec::new(),
            health: Vec::new(),
            healers: Vec::new(),
            seen: HashMap::new(),
        }
    }

    /// Where it records: to read it, and to record more.
    #[must_use]
    pub const fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// Records how a stack's breaker and ladder move.
    pub fn watch_stack(&mut self, stack: &StackHandle) {
        if let Some(breaker) = stack.circuit_breaker() {
            self.watch_breaker(breaker);
        }
        if let Some(ladder) = stack.degradation() {
            self.watch_ladder(ladder);
        }
    }

    /// Records how a breaker moves, and what it has counted.
    pub fn watch_breaker(&mut self, breaker: &circuit_breaker::Handle) {
        use circuit_breaker::Event;
        let history = Arc::clone(&self.history);
        breaker.observe(move |told: &Told<Event>| {
            let (state, reason) = match &told.event {
                Event::Opened { reason, .. } => ("open", format!("{reason:?}")),
                Event::HalfOpened => ("half_open", String::new()),
                Event::Ramped => ("ramping", String::new()),
                Event::Closed { .. } => ("closed", String::new()),
                Event::Forced(state) => (word(*state), "by an operator".to_owned()),
                _ => return,
            };
            let (name, state) = (told.by.to_string(), state.to_owned());
            history.record(Row::BreakerMoved { name, state, reason });
        });
        self.breakers.push(breaker.clone());
    }

    /// Records how a ladder and its features move.
    pub fn watch_ladder(&mut self, ladder: &degradation::Handle) {
        use degradation::Event;
        let history = Arc::clone(&self.history);
        ladder.observe(move |told: &Told<Event>| {
            let ladder = told.by.to_string();
            history.record(match &told.event {
                Event::Degraded { from, to, cause } | Event::Recovered { from, to, cause } => {
                    let (from, to) = (from.to_string(), to.to_string());
                    Row::Level { ladder, from, to, cause: words(cause) }
                }
                Event::FeatureChanged { feature, to, .. } => {
                    Row::Feature { ladder, feature: feature.to_string(), percent: *to }
                }
                _ => return,
            });
        });
    }

    /// Records what checks find, how targets fare, and scores.
    pub fn watch_health(&mut self, health: &health::Handle) {
        self.health.push(health.clone());
    }

    /// Records incidents and what is done about them.
    pub fn watch_healer(&mut self, healer: &heal::Handle) {
        healer.on_event(incidents::Recorder::new(Arc::clone(&self.history)));
        self.healers.push(healer.clone());
    }

    /// Records when a chaos point is armed, by whom and why, its experiments and their reports.
    #[cfg(feature = "chaos")]
    pub fn watch_chaos(&mut self, point: &crate::chaos::Handle) {
        point.observe(drills::recorder(Arc::clone(&self.history)));
    }

    /// Records how everything is.
    pub fn look(&mut self) {
        for breaker in &self.breakers {
            let counts = breaker.counts();
            self.history.record(Row::Breaker {
                name: salve_core::Sensor::name(breaker).to_string(),
                state: word(breaker.state()).to_owned(),
                counts: [counts.successes, counts.failures, counts.rejected, counts.trips],
            });
        }
        for (nth, health) in self.health.iter().enumerate() {
            let report = health.report(Scope::All);
            for target in &report.targets {
                self.history.record(summary(target));
                let Some(sample) = &target.sample else { continue };
                let last = self.seen.insert((nth, target.name.clone()), sample.at);
                if last != Some(sample.at) {
                    self.history.record(check(&target.name, sample));
                }
            }
            // Targets that are gone need no memory.
            let names: std::collections::HashSet<_> =
                report.targets.iter().map(|it| &it.name).collect();
            self.seen.retain(|(of, name), _| *of != nth || names.contains(name));
            let count = |is: fn(State) -> bool| {
                report.targets.iter().filter(|it| is(it.state)).count() as u64
            };
            let unknown = |state| matches!(state, State::Unknown | State::Starting);
            let targets = [count(State::is_up), count(State::is_down), count(unknown)];
            let (status, score) = (report.status.to_string(), report.score);
            self.history.record(Row::Snapshot { status, score, targets });
            let scores = health.scores();
            let components = scores.components.iter();
            let components = components.map(|(name, it)| (name.to_string(), it.score)).collect();
            let figures = self.healers.iter().map(heal::Handle::statistics);
            let issues = figures.fold([0, 0], |[open, remediated], it| {
                [open + it.open as u64, remediated + it.totals.repaired]
            });
            self.history.record(Row::Scores { overall: scores.overall.score, components, issues });
        }
    }

    /// Looks again and again, `every` so often; never ends.
    ///
    /// # Cancellation
    /// Dropping the future ends it between two looks.
    pub async fn run(mut self, every: Duration) -> Infallible {
        loop {
            self.look();
            tokio::time::sleep(every).await;
        }
    }
}

fn summary(target: &health::TargetStatus) -> Row {
    let record = &target.record;
    Row::Summary {
        target: target.name.to_string(),
        state: target.state.to_string(),
        score: target.score,
        uptime: record.uptime,
        failure_rate: record.failure_rate,
        mean_time_to_recovery_ms: record.mean_time_to_recovery.map(|it| it.as_secs_f64() * 1e3),
    }
}

fn check(target: &Name, sample: &health::Sample) -> Row {
    let finding = &sample.finding;
    Row::Check {
        target: target.to_string(),
        status: finding.status.to_string(),
        latency_ms: sample.latency.as_secs_f64() * 1e3,
        value: finding.value.as_ref().map(|it| (it.value, it.unit.to_string())),
        reason: finding.reason.as_deref().map(str::to_owned),
    }
}

const fn word(state: circuit_breaker::State) -> &'static str {
    use circuit_breaker::State;
    match state {
        State::Closed => "closed",
        State::Open => "open",
        State::HalfOpen => "half_open",
        State::Ramping => "ramping",
        State::ForcedOpen => "forced_open",
        State::ForcedClosed => "forced_closed",
        _ => "unknown",
    }
}

fn words(cause: &degradation::Cause) -> String {
    match cause {
        degradation::Cause::Rule { reading } => format!("rule about {reading}"),
        degradation::Cause::Calm => "calm".to_owned(),
        degradation::Cause::Operator { reason } => format!("operator: {reason}"),
        degradation::Cause::Settings => "settings".to_owned(),
        _ => String::new(),
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("history", &self.history).finish_non_exhaustive()
    }
}
