//! Runs named steps one after the other, tells how long each took, and sums up.

use std::time::Duration;
#[allow(clippy::disallowed_types, reason = "steps last real time, and no test waits for it")]
use std::time::Instant;

use anyhow::{Result, bail};

/// A named piece of work; names are unique in a list of steps.
pub(crate) struct Step<'a> {
    pub(crate) name: &'static str,
    pub(crate) work: Box<dyn Fn() -> Result<()> + 'a>,
}

impl<'a> Step<'a> {
    pub(crate) fn new(name: &'static str, work: impl Fn() -> Result<()> + 'a) -> Self {
        Self { name, work: Box::new(work) }
    }
}

/// What the command line asks of a list of steps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) only: Vec<String>,
    pub(crate) keep_going: bool,
}

impl Choice {
    /// Reads step names and `--keep-going`.
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
        let mut choice = Self::default();
        for arg in args {
            match arg.as_str() {
                "--keep-going" => choice.keep_going = true,
                flag if flag.starts_with('-') => bail!("unknown flag `{flag}`"),
                name => choice.only.push(name.to_owned()),
            }
        }
        Ok(choice)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Passed,
    Failed(String),
    NotRun,
}

/// At least one step failed, and the summary has said which.
#[derive(Debug)]
pub(crate) struct StepsFailed;

impl std::fmt::Display for StepsFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a step failed")
    }
}

impl std::error::Error for StepsFailed {}

struct Row {
    name: &'static str,
    time: Duration,
    end: End,
}

impl Row {
    fn failed(&self) -> bool {
        matches!(self.end, End::Failed(_))
    }
}

/// Runs the chosen steps in order; stops at the first failure unless told to keep going.
///
/// # Errors
/// When a name is unknown, or [`StepsFailed`].
pub(crate) fn run(steps: &[Step<'_>], choice: &Choice) -> Result<()> {
    let rows = rows(steps, choice)?;
    print!("\n{}", summary(&rows));
    if rows.iter().any(Row::failed) {
        return Err(StepsFailed.into());
    }
    Ok(())
}

fn rows(steps: &[Step<'_>], choice: &Choice) -> Result<Vec<Row>> {
    for name in &choice.only {
        if !steps.iter().any(|step| step.name == name) {
            let known: Vec<_> = steps.iter().map(|step| step.name).collect();
            bail!("unknown step `{name}`; there are: {}", known.join(", "));
        }
    }
    let wanted = |step: &&Step<'_>| {
        choice.only.is_empty() || choice.only.iter().any(|name| name == step.name)
    };
    let chosen: Vec<_> = steps.iter().filter(wanted).collect();

    let mut rows: Vec<Row> = Vec::new();
    for (index, step) in chosen.iter().enumerate() {
        let name = step.name;
        if !choice.keep_going && rows.iter().any(Row::failed) {
            rows.push(Row { name, time: Duration::ZERO, end: End::NotRun });
            continue;
        }
        println!("\n=== {name} ({} of {})", index + 1, chosen.len());
        let (time, result) = timed(&step.work);
        let end = match result {
            Ok(()) => {
                println!("--- {name} passed in {}", seconds(time));
                End::Passed
            }
            Err(error) => {
                println!("--- {name} FAILED in {}\n{error:#}", seconds(time));
                End::Failed(format!("{error:#}"))
            }
        };
        rows.push(Row { name, time, end });
    }
    Ok(rows)
}

#[allow(clippy::disallowed_types, reason = "steps last real time, and no test waits for it")]
fn timed(work: &dyn Fn() -> Result<()>) -> (Duration, Result<()>) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn summary(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("total".len());
    let mut text = String::new();
    let mut line = |name: &str, time: &str, end: &str| {
        text += format!("{name:width$}  {time:>9}  {end}").trim_end();
        text.push('\n');
    };
    for Row { name, time, end } in rows {
        match end {
            End::Passed => line(name, &seconds(*time), "passed"),
            End::Failed(why) => {
                line(name, &seconds(*time), &format!("FAILED: {}", first_line(why)));
            }
            End::NotRun => line(name, "-", "not run"),
        }
    }
    line("total", &seconds(rows.iter().map(|row| row.time).sum()), "");
    let passed = rows.iter().filter(|row| row.end == End::Passed).count();
    let failed = rows.iter().filter(|row| row.failed()).count();
    text + &format!("{passed} passed, {failed} failed\n")
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_ends_with_the_counts() {
        let row = |name, millis, end| Row { name, time: Duration::from_millis(millis), end };
        let rows = [
            row("fmt", 1500, End::Passed),
            row("clippy", 2000, End::Failed("one\ntwo".to_owned())),
            row("docs", 0, End::NotRun),
        ];
        let lines: Vec<String> = summary(&rows).lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "fmt         1.5 s  passed");
        assert_eq!(lines[1], "clippy      2.0 s  FAILED: one");
        assert_eq!(lines[2], "docs            -  not run");
        assert_eq!(lines[3], "total       3.5 s");
        assert_eq!(lines[4], "1 passed, 1 failed");
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn only_the_named_steps_run() {
        let ran = std::cell::RefCell::new(Vec::new());
        let steps: Vec<_> = ["a", "b", "c"]
            .map(|name| {
                let ran = &ran;
                Step::new(name, move || {
                    ran.borrow_mut().push(name);
                    Ok(())
                })
            })
            .into();
        let choice = Choice { only: vec!["c".to_owned(), "a".to_owned()], keep_going: false };
        run(&steps, &choice).unwrap();
        assert_eq!(*ran.borrow(), ["a", "c"]);
    }

    fn ends(keep_going: bool) -> Vec<End> {
        let steps =
            [Step::new("a", || Ok(())), Step::new("b", || bail!("no")), Step::new("c", || Ok(()))];
        let rows = rows(&steps, &Choice { only: Vec::new(), keep_going }).unwrap();
        rows.into_iter().map(|row| row.end).collect()
    }

    #[test]
    fn the_first_failure_stops_the_run() {
        assert_eq!(ends(false), [End::Passed, End::Failed("no".to_owned()), End::NotRun]);
    }

    #[test]
    fn keep_going_runs_the_rest() {
        assert_eq!(ends(true), [End::Passed, End::Failed("no".to_owned()), End::Passed]);
    }

    #[test]
    fn an_unknown_step_is_refused_before_anything_runs() {
        let steps = [Step::new("a", || panic!("must not run"))];
        let choice = Choice { only: vec!["b".to_owned()], keep_going: false };
        let error = run(&steps, &choice).unwrap_err().to_string();
        assert_eq!(error, "unknown step `b`; there are: a");
    }

    #[test]
    fn flags_are_told_from_names() {
        let args = ["docs".to_owned(), "--keep-going".to_owned()];
        let choice = Choice::parse(&args).unwrap();
        assert_eq!(choice, Choice { only: vec!["docs".to_owned()], keep_going: true });
        assert!(Choice::parse(&["--fast".to_owned()]).is_err());
    }
}
