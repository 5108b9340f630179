//! What an experiment came to, for machines and for people.

use std::fmt::{self, Write};
use std::time::Duration;

use salve_core::{Name, Ratio};

use super::Bound;
use crate::fault::Kind;
use crate::trial::Score;

/// How an experiment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Status {
    /// The steady state held to the end.
    Passed,
    /// It was ended before its time.
    Aborted,
    /// It came to its end, but on too few calls to say anything.
    Inconclusive,
}

/// A bound that did not hold.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Breach {
    /// The bound.
    pub bound: Bound,
    /// The value; `None` if nobody knew it.
    pub value: Option<f64>,
}

/// What ended an experiment before its time: what broke first.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Cause {
    /// A reading left its bound, or was not known any more.
    SteadyState {
        /// Which, and what it was.
        breach: Breach,
    },
    /// The calls of the experiment's group fared worse than those of the control group.
    Harm {
        /// How the experiment's group fared.
        experiment: Score,
        /// How the control group fared.
        control: Score,
        /// How much likelier that is with harm than without.
        ratio: f64,
    },
    /// Its operator ended it.
    Operator {
        /// Why.
        reason: String,
    },
    /// The point was halted, or the whole process was.
    Halted,
    /// Its operator was not heard of, it could not look for too long, or somebody else disarmed
    /// the point.
    ControlLost,
}

/// How things stood at one look.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Observation {
    /// How long after the beginning.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub after: Duration,
    /// The readings that are bounded; `None` for what nobody knew.
    pub readings: Vec<(Name, Option<f64>)>,
    /// How the experiment's group had fared.
    pub experiment: Score,
    /// How the control group had fared.
    pub control: Score,
    /// How many calls had been struck.
    pub struck: u64,
}

/// Something to do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Advice {
    /// What to do.
    pub advice: String,
    /// What has shown it.
    pub evidence: String,
}

/// What an experiment did at one of its targets, and how that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TargetReport {
    /// The chaos point.
    pub name: Name,
    /// How many calls, or whatever else there was, were struck.
    pub struck: u64,
    /// How many strikes the caps held back.
    pub capped: u64,
    /// Whether it was armed after the end; by whoever came next, since it was disarmed.
    pub still_armed: bool,
    /// How much of what was struck was still held after the end.
    pub still_held: u64,
}

/// What an experiment came to.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// Its name.
    pub experiment: Name,
    /// The chaos points, and how each was left.
    pub targets: Vec<TargetReport>,
    /// What was done.
    pub kinds: Vec<Kind>,
    /// The share of the calls in each group.
    pub share: Ratio,
    /// Whether calls were compared with a control group. What is no call has none.
    pub compared: bool,
    /// How it ended.
    pub status: Status,
    /// What ended it before its time.
    pub cause: Option<Cause>,
    /// How long calls were struck.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub lasted: Duration,
    /// How long after its end nothing was held and the steady state was back; `None` if it did not
    /// come back in time.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub recovered_after: Option<Duration>,
    /// How the experiment's group fared.
    pub experiment_group: Score,
    /// How the control group fared.
    pub control_group: Score,
    /// How many calls found no partner of the other group to be compared with.
    pub unpaired: u64,
    /// How many calls, or whatever else there was, were struck at all targets.
    pub struck: u64,
    /// How many strikes the caps of the points held back.
    pub capped: u64,
    /// How things stood over time.
    pub observations: Vec<Observation>,
    /// What to do, with the evidence.
    pub recommendations: Vec<Advice>,
}

impl Report {
    /// Whether everything was taken back: at no target anything armed, and nothing held.
    #[must_use]
    pub fn is_taken_back(&self) -> bool {
        self.targets.iter().all(|target| !target.still_armed && target.still_held == 0)
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.targets.iter().map(|it| format!("`{}`", it.name)).collect();
        names.join(", ")
    }

    /// In a sentence, how it ended and why.
    #[must_use]
    pub fn why(&self) -> String {
        match (&self.cause, self.status) {
            (Some(cause), _) => cause.to_string(),
            (None, Status::Inconclusive) if !self.compared => "nothing was struck".to_owned(),
            (None, Status::Inconclusive) => "too few calls were struck or followed".to_owned(),
            (None, _) => "the steady state held".to_owned(),
        }
    }

    pub(super) fn advise(&self) -> Vec<Advice> {
        let mut all = Vec::new();
        let mut advise = |advice: String, evidence: String| all.push(Advice { advice, evidence });
        if let Some(cause @ (Cause::Harm { .. } | Cause::SteadyState { .. })) = &self.cause {
            for kind in &self.kinds {
                advise(format!("At {}: {}", self.names(), remedy(*kind)), cause.to_string());
            }
        }
        if self.recovered_after.is_none() {
            let evidence = "the steady state did not come back after the faults had ended";
            let advice = "Look for what keeps it down: retries, queues, a breaker that stays open.";
            advise(advice.to_owned(), evidence.to_owned());
        }
        if self.status == Status::Inconclusive && !self.compared {
            let advice = "Look whether the points are where it happens, and what they told.";
            advise(advice.to_owned(), format!("nothing was struck at {}", self.names()));
        } else if self.status == Status::Inconclusive {
            let (ours, control) = (self.experiment_group.calls, self.control_group.calls);
            advise(
                "Repeat it for longer, or with a larger share.".to_owned(),
                format!("{ours} and {control} calls were followed, {} were struck", self.struck),
            );
        }
        if self.capped > 0 {
            let advice = "Raise the caps of the points if more was meant to be struck.";
            advise(advice.to_owned(), format!("the caps held back {} strikes", self.capped));
        }
        if self.status == Status::Passed && self.recovered_after.is_some() {
            let (advice, evidence) = match self.compared {
                true => (
                    "Repeat it with a larger share, then let it run regularly.",
                    format!("experiment {}, control {}", self.experiment_group, self.control_group),
                ),
                false => ("Let it run regularly.", self.why()),
            };
            advise(advice.to_owned(), evidence);
        }
        all
    }

    /// The report for people.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_markdown(&mut text);
        text
    }

    fn write_markdown(&self, text: &mut String) -> fmt::Result {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        writeln!(
            text,
            "# Experiment `{}` on {}: {}\n",
            self.experiment,
            self.names(),
            self.status
        )?;
        writeln!(text, "{}.\n", self.why())?;
        writeln!(text, "| | |\n|---|---|")?;
        writeln!(text, "| faults | {} |", kinds.join(", "))?;
        writeln!(text, "| lasted | {:?} |", self.lasted)?;
        writeln!(text, "| struck, held back by caps | {}, {} |", self.struck, self.capped)?;
        match self.compared {
            true => {
                writeln!(text, "| share of each group | {} |", self.share)?;
                writeln!(text, "| experiment | {} |", self.experiment_group)?;
                writeln!(text, "| control | {} |", self.control_group)?;
            }
            false => writeln!(text, "| control | none: it strikes no calls |")?,
        }
        match self.recovered_after {
            Some(after) => writeln!(text, "| steady again after | {after:?} |")?,
            None => writeln!(text, "| steady again after | not in time |")?,
        }
        let back = if self.is_taken_back() { "yes" } else { "no" };
        writeln!(text, "| everything taken back | {back} |")?;
        for it in self.targets.iter().filter(|_| self.targets.len() > 1) {
            let TargetReport { name, struck, capped, still_armed, still_held } = it;
            let left = match (still_armed, still_held) {
                (false, 0) => "taken back".to_owned(),
                (armed, held) => format!("armed {armed}, held {held}"),
            };
            writeln!(text, "| `{name}` | struck {struck}, held back {capped}, {left} |")?;
        }
        writeln!(text, "\n## Recommendations\n")?;
        for Advice { advice, evidence } in &self.recommendations {
            writeln!(text, "- {advice} Evidence: {evidence}.")?;
        }
        writeln!(text, "\n## Observations\n")?;
        writeln!(
            text,
            "| after | experiment | control | struck | readings |\n|---|---|---|---|---|"
        )?;
        for it in &self.observations {
            let readings: Vec<_> = it.readings.iter().map(reading).collect();
            let Observation { after, experiment, control, struck, .. } = it;
            let readings = readings.join(", ");
            writeln!(text, "| {after:?} | {experiment} | {control} | {struck} | {readings} |")?;
        }
        Ok(())
    }

    /// The report as JSON.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        // Its parts are names, numbers and texts, none of which JSON refuses.
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn reading((name, value): &(Name, Option<f64>)) -> String {
    match value {
        Some(value) => format!("{name} {value}"),
        None => format!("{name} unknown"),
    }
}

/// What helps against a kind of fault.
const fn remedy(kind: Kind) -> &'static str {
    match kind {
        Kind::Latency | Kind::Slow | Kind::Late => {
            "bound the wait (timeout), send a second copy of what is late (hedge), or answer from a fallback."
        }
        Kind::Error | Kind::Unready => {
            "repeat what may be repeated (retry with a budget), and have a fallback for the rest."
        }
        Kind::Overload => "send less (rate limit, bulkhead), and come again when it is asked for.",
        Kind::Hang | Kind::Stall => "bound the wait (timeout) and what waits at once (bulkhead).",
        Kind::Panic => "let a panic end one call and not the task that serves others.",
        Kind::Corrupt => {
            "check answers before they are used, and treat a damaged one as a failure."
        }
        Kind::Duplicate => "let what is asked twice be done once: a key by which it is known.",
        Kind::Swap => "number messages, and do not rely on the order in which they come.",
        Kind::Lie => "do not trust one check alone: judge by what calls come to as well.",
        Kind::Clock => "measure by a monotonic clock, and bound what a step can do.",
        Kind::Socket => {
            "bound each wait on a connection (timeout), keep it alive by questions, and make it anew where that is safe."
        }
        Kind::Pause => {
            "have somebody else watch it (health), and start it again when it is silent."
        }
        Kind::Kill => "have it started again (healer, service manager), and lose nothing by it.",
        Kind::Fill => {
            "watch what is free (health), clean up before it is full, and bear a failed write."
        }
        Kind::Cpu | Kind::Memory => {
            "bound what is taken on (bulkhead), and do without what is optional (degradation)."
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} calls bad", self.bad, self.calls)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Aborted => "aborted",
            Self::Inconclusive => "inconclusive",
        })
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is ", self.bound.reading)?;
        match self.value {
            Some(value) => write!(f, "{value}")?,
            None => f.write_str("unknown")?,
        }
        match (self.bound.at_least, self.bound.at_most) {
            (Some(least), Some(most)) => write!(f, ", and must be from {least} to {most}"),
            (Some(least), None) => write!(f, ", and must be at least {least}"),
            (None, Some(most)) => write!(f, ", and must be at most {most}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SteadyState { breach } => breach.fmt(f),
            Self::Harm { experiment, control, ratio } => write!(
                f,
                "struck calls fared worse: {experiment}, against {control}; {ratio:.0} times likelier with harm than without"
            ),
            Self::Operator { reason } => write!(f, "ended by its operator: {reason}"),
            Self::Halted => f.write_str("chaos was halted"),
            Self::ControlLost => f.write_str("control over it was lost"),
        }
    }
}
