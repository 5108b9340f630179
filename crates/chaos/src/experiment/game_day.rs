//! Several experiments in a row, as a team plans them for a day, and one report of all.

use std::fmt::{self, Write};
use std::time::Duration;

use salve_core::{Check, ConfigError, Name, Sensor};

use super::{Advice, Experiment, Lab, Refusal, Report, Status};
use crate::config::ROOM;
use crate::handle::Handle;

type Findings = dyn Fn(&Report) -> Vec<Advice> + Send + Sync;

/// Experiments in a row, with a rest between them.
///
/// ```
/// use std::time::Duration;
/// use salve_chaos::experiment::{Bound, Experiment, GameDay};
///
/// let second = Duration::from_secs(1);
/// let late = Experiment::latency_spike("api", 2 * second, 60 * second)
///     .with_steady(Bound::at_most("failure_rate", 0.05));
/// let day = GameDay::new("before the sale")
///     .with_experiment("nobody waits longer than a second when the api is slow", late);
/// assert!(day.validate().is_ok());
/// ```
pub struct GameDay {
    name: Name,
    plan: Vec<(String, Experiment)>,
    rest: Duration,
    goes_on: bool,
    findings: Option<Box<Findings>>,
}

impl GameDay {
    /// A day on which nothing is planned.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        let rest = Duration::from_secs(30);
        Self { name: name.into(), plan: Vec::new(), rest, goes_on: false, findings: None }
    }

    /// Plans an experiment after those planned before, to find out whether `hypothesis` is true.
    #[must_use]
    pub fn with_experiment(
        mut self,
        hypothesis: impl Into<String>,
        experiment: Experiment,
    ) -> Self {
        self.plan.push((hypothesis.into(), experiment));
        self
    }

    /// Sets how long the points are left alone between two experiments. Default 30 s; at most 1 h.
    #[must_use]
    pub const fn with_rest(mut self, rest: Duration) -> Self {
        self.rest = rest;
        self
    }

    /// Goes on after an experiment that was aborted or not begun. Default no. What could not be
    /// taken back, or did not recover, ends the day all the same.
    #[must_use]
    pub const fn with_going_on(mut self, goes_on: bool) -> Self {
        self.goes_on = goes_on;
        self
    }

    /// Adds to each report what others have found out, such as whether a healer repaired it and how
    /// fast.
    #[must_use]
    pub fn with_findings(
        mut self,
        findings: impl Fn(&Report) -> Vec<Advice> + Send + Sync + 'static,
    ) -> Self {
        self.findings = Some(Box::new(findings));
        self
    }

    /// Checks the plan.
    ///
    /// # Errors
    /// If nothing is planned, the rest is too long, or a setting of an experiment is out of bounds.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        check.range("experiments", self.plan.len(), 1, 1_000)?;
        check.duration("rest", self.rest, Duration::ZERO, Duration::from_secs(3_600))?;
        self.plan.iter().try_for_each(|(_, experiment)| experiment.validate())
    }

    /// Runs what is planned, one after the other, on the points whose names the experiments bear,
    /// and looks at `sensors` meanwhile.
    ///
    /// # Errors
    /// If the plan is out of bounds; then nothing was begun. An experiment that the lab refuses
    /// stands in the report.
    ///
    /// # Cancellation
    /// Dropping the future ends the running experiment and takes everything back.
    pub async fn run<S>(
        &self,
        lab: &Lab,
        points: &[Handle],
        sensors: S,
    ) -> Result<GameDayReport, ConfigError>
    where
        S: Fn() -> Vec<Box<dyn Sensor>>,
    {
        self.validate()?;
        let mut report =
            GameDayReport { name: self.name.clone(), rounds: Vec::new(), left_out: Vec::new() };
        let mut is_over = false;
        for (nth, (hypothesis, experiment)) in self.plan.iter().enumerate() {
            if is_over {
                report.left_out.push(experiment.name.clone());
                continue;
            }
            if nth > 0 {
                tokio::time::sleep(self.rest).await;
            }
            let round = self.round(hypothesis, experiment, lab, points, sensors()).await;
            is_over = round.ends_the_day(self.goes_on);
            report.rounds.push(round);
        }
        Ok(report)
    }

    async fn round(
        &self,
        hypothesis: &str,
        experiment: &Experiment,
        lab: &Lab,
        points: &[Handle],
        sensors: Vec<Box<dyn Sensor>>,
    ) -> Round {
        let outcome = lab.run(points, experiment.clone(), sensors).await;
        let found = self.findings.as_ref().zip(outcome.as_ref().ok());
        Round {
            experiment: experiment.name.clone(),
            hypothesis: hypothesis.to_owned(),
            findings: found.map_or_else(Vec::new, |(find, report)| find(report)),
            outcome,
        }
    }
}

impl fmt::Debug for GameDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GameDay")
            .field("name", &self.name)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

/// One experiment of a day.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Round {
    /// What was tried.
    pub experiment: Name,
    /// What was to be found out.
    pub hypothesis: String,
    /// What it came to, or why it was not begun.
    pub outcome: Result<Report, Refusal>,
    /// What others have found out.
    pub findings: Vec<Advice>,
}

impl Round {
    /// Whether the hypothesis held, on enough calls to say so, and all was well afterwards.
    #[must_use]
    pub fn has_held(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|report| report.status == Status::Passed)
            && !self.has_left_harm()
    }

    /// Whether something is still as the experiment left it.
    fn has_left_harm(&self) -> bool {
        let left = |report: &Report| !report.is_taken_back() || report.recovered_after.is_none();
        self.outcome.as_ref().is_ok_and(left)
    }

    fn ends_the_day(&self, goes_on: bool) -> bool {
        let was_aborted =
            self.outcome.as_ref().map_or(true, |report| report.status == Status::Aborted);
        self.has_left_harm() || (was_aborted && !goes_on)
    }

    fn verdict(&self) -> &'static str {
        match &self.outcome {
            _ if self.has_held() => "held",
            Ok(report) if report.status == Status::Inconclusive => "not known",
            Ok(_) => "did not hold",
            Err(_) => "not tried",
        }
    }

    fn why(&self) -> String {
        match &self.outcome {
            Ok(report) => report.why(),
            Err(refusal) => refusal.to_string(),
        }
    }
}

/// What a day came to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GameDayReport {
    /// What the day was called.
    pub name: Name,
    /// The experiments in their order.
    pub rounds: Vec<Round>,
    /// Those that were not tried any more, because of one before.
    pub left_out: Vec<Name>,
}

impl GameDayReport {
    /// Whether every hypothesis held.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.left_out.is_empty() && self.rounds.iter().all(Round::has_held)
    }

    /// The report for people: a table, then each experiment's own.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_markdown(&mut text);
        text
    }

    fn write_markdown(&self, text: &mut String) -> fmt::Result {
        let held = self.rounds.iter().filter(|round| round.has_held()).count();
        let all = self.rounds.len() + self.left_out.len();
        writeln!(text, "# Game day `{}`: {held} of {all} hypotheses held\n", self.name)?;
        writeln!(text, "| experiment | hypothesis | | why |\n|---|---|---|---|")?;
        for round in &self.rounds {
            let Round { experiment, hypothesis, .. } = round;
            let (verdict, why) = (round.verdict(), round.why());
            writeln!(text, "| `{experiment}` | {hypothesis} | {verdict} | {why} |")?;
        }
        for name in &self.left_out {
            writeln!(text, "| `{name}` | | left out | one before ended the day |")?;
        }
        for round in &self.rounds {
            if let Ok(report) = &round.outcome {
                // Its headings are a level below those of the day.
                let own = format!("\n{}", report.to_markdown());
                writeln!(text, "{}", own.replace("\n#", "\n##"))?;
            }
            for Advice { advice, evidence } in &round.findings {
                writeln!(text, "- {advice} Evidence: {evidence}.")?;
            }
        }
        Ok(())
    }

    /// The report as JSON.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let round = |round: &Round| {
            let (report, refusal) = match &round.outcome {
                Ok(report) => (Some(report.to_json()), None),
                Err(refusal) => (None, Some(refusal.to_string())),
            };
            serde_json::json!({
                "experiment": round.experiment,
                "hypothesis": round.hypothesis,
                "held": round.has_held(),
                "report": report,
                "refused": refusal,
                "findings": round.findings,
            })
        };
        serde_json::json!({
            "name": self.name,
            "passed": self.has_passed(),
            "rounds": self.rounds.iter().map(round).collect::<Vec<_>>(),
            "left_out": self.left_out,
        })
    }
}
