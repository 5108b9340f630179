//! A report of known vulnerabilities, as Trivy or an OSV scanner write it: how many there are of each
//! severity, and how old the report is.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError};
use salve_health::{Check, Finding, Running};
use serde_json::Value;

use crate::Thresholds;
use crate::reason::{line, worse};

const ROOM: &str = "checks/cve";

const DAY: f64 = 24.0 * 3_600.0;

/// The settings of a check of vulnerabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Bounds of the number of critical ones. Default: one fails.
    pub critical: Thresholds,
    /// Bounds of the number of high ones. Default: one warns.
    pub high: Thresholds,
    /// Bounds of the number of medium ones. Default none.
    pub medium: Thresholds,
    /// Bounds of the number of low ones and those of no known severity. Default none.
    pub others: Thresholds,
    /// Bounds of the age of the report in days. Default 2 and 7.
    pub age: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            critical: Thresholds::rising(1.0, 1.0).without_warn(),
            high: Thresholds::rising(1.0, 1.0).without_fail(),
            medium: Thresholds::NONE,
            others: Thresholds::NONE,
            age: Thresholds::rising(2.0, 7.0),
        }
    }
}

impl Config {
    /// Sets the bounds of the number of critical ones.
    #[must_use]
    pub const fn with_critical(mut self, bounds: Thresholds) -> Self {
        self.critical = bounds;
        self
    }

    /// Sets the bounds of the number of high ones.
    #[must_use]
    pub const fn with_high(mut self, bounds: Thresholds) -> Self {
        self.high = bounds;
        self
    }

    /// Sets the bounds of the number of medium ones.
    #[must_use]
    pub const fn with_medium(mut self, bounds: Thresholds) -> Self {
        self.medium = bounds;
        self
    }

    /// Sets the bounds of the number of low ones and those of no known severity.
    #[must_use]
    pub const fn with_others(mut self, bounds: Thresholds) -> Self {
        self.others = bounds;
        self
    }

    /// Sets the bounds of the age of the report in days.
    #[must_use]
    pub const fn with_age(mut self, bounds: Thresholds) -> Self {
        self.age = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.critical.validate(ROOM, "critical", (0.0, f64::MAX))?;
        self.high.validate(ROOM, "high", (0.0, f64::MAX))?;
        self.medium.validate(ROOM, "medium", (0.0, f64::MAX))?;
        self.others.validate(ROOM, "others", (0.0, f64::MAX))?;
        self.age.validate(ROOM, "age", (0.0, f64::MAX))?;
        let rises = self.age.direction == crate::Direction::Rising;
        Bounds::room(ROOM).that("age.direction", "falling", rises, "rising")
    }

    fn judge(&self, report: &Report) -> Finding {
        let Some(counts) = Counts::of(&report.json) else {
            return Finding::unknown("the report is neither of Trivy nor of OSV");
        };
        let count = |bounds: &Thresholds, count: u64, what| {
            bounds.judge(count as f64, "vulnerabilities", what)
        };
        let critical = count(&self.critical, counts.critical, "what is critical");
        let high = count(&self.high, counts.high, "what is high");
        let medium = count(&self.medium, counts.medium, "what is medium");
        let others = count(&self.others, counts.others, "what is low or unknown");
        let worst = worse(worse(critical, high), worse(medium, others));
        worse(
            worst,
            self.age.judge(report.age.as_secs_f64() / DAY, "days", "the age of the report"),
        )
    }
}

/// How many vulnerabilities a report has, each counted once for every package it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium or moderate ones.
    pub medium: u64,
    /// Low ones, and those of no known severity.
    pub others: u64,
}

impl Counts {
    /// Counts those of a report; `None` if it is neither Trivy's nor an OSV scanner's.
    ///
    /// Trivy's word is taken for each. In OSV a group of aliases is one, by its CVSS score: from 9 critical, from 7
    /// high, from 4 medium.
    #[must_use]
    pub fn of(report: &Value) -> Option<Self> {
        let mut counts = Self::default();
        if let Some(results) = report.get("Results").and_then(Value::as_array) {
            let lists = results.iter().filter_map(|it| it.get("Vulnerabilities")?.as_array());
            for found in lists.flatten() {
                counts.add(found.get("Severity").and_then(Value::as_str).unwrap_or_default());
            }
            return Some(counts);
        }
        // Trivy leaves out the list where it has looked at nothing that may be vulnerable.
        if report.get("SchemaVersion").is_some() && report.get("ArtifactName").is_some() {
            return Some(counts);
        }
        let results = report.get("results")?.as_array()?;
        let packages = results.iter().filter_map(|it| it.get("packages")?.as_array());
        let groups = packages.flatten().filter_map(|it| it.get("groups")?.as_array());
        for group in groups.flatten() {
            let score = group.get("max_severity").and_then(Value::as_str).unwrap_or_default();
            counts.add(match score.parse::<f64>() {
                Ok(score) if score >= 9.0 => "CRITICAL",
                Ok(score) if score >= 7.0 => "HIGH",
                Ok(score) if score >= 4.0 => "MEDIUM",
                _ => "LOW",
            });
        }
        Some(counts)
    }

    fn add(&mut self, severity: &str) {
        match severity.to_ascii_uppercase().as_str() {
            "CRITICAL" => self.critical += 1,
            "HIGH" => self.high += 1,
            "MEDIUM" | "MODERATE" => self.medium += 1,
            _ => self.others += 1,
        }
    }
}

/// A report and how old it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What the scanner wrote.
    pub json: Value,
    /// How long ago.
    pub age: Duration,
}

/// Asks a closure for the last report. Where there is none, vulnerabilities are unknown.
///
/// ```
/// use salve_checks::cve::{Config, CveCheck, Report};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let check = CveCheck::new(Config::default(), || async {
///     let json = serde_json::from_str(r#"{"Results": []}"#)?;
///     Ok::<_, serde_json::Error>(Report { json, age: Duration::from_secs(60) })
/// })?;
/// # Ok(())
/// # }
/// ```
pub struct CveCheck<F> {
    config: Config,
    ask: F,
}

impl<F> CveCheck<F> {
    /// Asks `ask` in each run.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, ask: F) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, ask })
    }
}

impl<F, Asked, E> Check for CveCheck<F>
where
    F: Fn() -> Asked + Send + Sync + 'static,
    Asked: Future<Output = Result<Report, E>> + Send + 'static,
    E: fmt::Display,
{
    fn run(&self) -> Running<'_> {
        let asked = (self.ask)();
        Box::pin(async {
            match asked.await {
                Ok(report) => self.config.judge(&report),
                Err(error) => Finding::unknown(line(&error.to_string())),
            }
        })
    }
}

impl<F> fmt::Debug for CveCheck<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CveCheck").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use salve_health::Status;
    use serde_json::json;

    use super::*;

    fn trivy(severities: &[&str]) -> Value {
        let found: Vec<_> = severities.iter().map(|it| json!({ "Severity": it })).collect();
        json!({ "SchemaVersion": 2, "Results": [{ "Target": "a" }, { "Vulnerabilities": found }] })
    }

    async fn found(json: Value, days: u64) -> Finding {
        let age = Duration::from_secs(days * 24 * 3_600);
        let ask = move || std::future::ready(Ok::<_, String>(Report { json: json.clone(), age }));
        CveCheck::new(Config::default(), ask).unwrap().run().await
    }

    #[test]
    fn both_formats_are_counted() {
        let words = ["CRITICAL", "HIGH", "HIGH", "MEDIUM", "LOW", "UNKNOWN"];
        let expected = Counts { critical: 1, high: 2, medium: 1, others: 2 };
        assert_eq!(Counts::of(&trivy(&words)), Some(expected));
        let groups: Vec<_> = ["9.8", "7.0", "8.9", "4.0", "3.9", ""]
            .iter()
            .map(|score| json!({ "ids": ["GHSA", "CVE"], "max_severity": score }))
            .collect();
        let osv = json!({ "results": [{ "packages": [{ "groups": groups }, {}] }, {}] });
        assert_eq!(Counts::of(&osv), Some(expected));
        assert_eq!(Counts::of(&json!({ "results": [] })), Some(Counts::default()));
        let nothing = json!({ "SchemaVersion": 2, "ArtifactName": "a" });
        assert_eq!(Counts::of(&nothing), Some(Counts::default()));
        assert_eq!(Counts::of(&json!({ "other": 1 })), None);
        assert_eq!(Counts::of(&json!([])), None);
    }

    #[tokio::test]
    async fn the_worst_severity_and_the_age_decide() {
        assert_eq!(found(trivy(&["LOW", "MEDIUM"]), 1).await.status, Status::Pass);
        assert_eq!(found(trivy(&["HIGH"]), 1).await.status, Status::Warn);
        let critical = found(trivy(&["HIGH", "CRITICAL"]), 1).await;
        assert_eq!((critical.status, critical.value.unwrap().value), (Status::Fail, 1.0));
        assert_eq!(found(trivy(&[]), 2).await.status, Status::Warn);
        let old = found(trivy(&[]), 7).await;
        assert_eq!(&*old.reason.unwrap(), "the age of the report is 7 days, 7 or more");
        assert_eq!(found(json!(1), 0).await.status, Status::Unknown);
    }

    #[tokio::test]
    async fn no_report_is_unknown_and_bad_bounds_are_refused() {
        let ask = || std::future::ready(Err::<Report, _>("no file"));
        let check = CveCheck::new(Config::default(), ask).unwrap();
        assert_eq!(check.run().await, Finding::unknown("no file"));
        let wrong = Config::default().with_age(Thresholds::falling(2.0, 1.0));
        assert_eq!(CveCheck::new(wrong, ask).unwrap_err().field(), "age.direction");
    }
}
