//! Jobs that fail again and again: too many failures of one kind within a day.

use std::fmt;
use std::future::Future;

use salve_core::ConfigError;
use salve_health::{Check, Finding, Running, Status};

use crate::Thresholds;
use crate::reason::line;

const ROOM: &str = "checks/failures";

/// How often jobs of a kind have failed within the last day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The kind of job.
    pub kind: String,
    /// How many of them failed within the last 24 h.
    pub last_day: u64,
}

/// The settings of a check for jobs that keep failing.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Bounds of the failures of any one kind within the day. Default: 5 warn, none fails, since
    /// the service itself may be well.
    pub of_a_kind: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self { of_a_kind: Thresholds::rising(5.0, 5.0).without_fail() }
    }
}

impl Config {
    /// Sets the bounds of the failures of any one kind within the day.
    #[must_use]
    pub const fn with_of_a_kind(mut self, bounds: Thresholds) -> Self {
        self.of_a_kind = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.of_a_kind.validate(ROOM, "of_a_kind", (0.0, f64::MAX))
    }

    /// The worst kind decides, and the others that are as bad are counted.
    fn judge(&self, failed: impl IntoIterator<Item = Failed>) -> Finding {
        let judge =
            |failures: u64| self.of_a_kind.judge(failures as f64, "failures", "failed jobs");
        let (mut worst, mut bad) = (Failed { kind: String::new(), last_day: 0 }, 0_u64);
        for one in failed {
            bad += u64::from(judge(one.last_day).status != Status::Pass);
            if one.last_day > worst.last_day {
                worst = one;
            }
        }
        let mut finding = judge(worst.last_day);
        if finding.status != Status::Pass {
            let Failed { kind, last_day } = worst;
            let kinds = if bad == 1 { "kind" } else { "kinds" };
            let text =
                format!("`{kind}` failed {last_day} times in a day; {bad} {kinds} keep failing");
            finding.reason = Some(line(&text).into());
        }
        finding
    }
}

/// Asks a closure how often the jobs of each kind have failed within the last 24 h. An interval of
/// an hour is often enough.
///
/// ```
/// use salve_checks::failures::{Config, Failed, FailuresCheck};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // SELECT kind, count(*) FROM failed_jobs WHERE failed_at > now() - interval '1 day' GROUP BY kind
/// let check = FailuresCheck::new(Config::default(), || async {
///     Ok::<_, std::io::Error>(vec![Failed { kind: "send-mail".to_owned(), last_day: 2 }])
/// })?;
/// # Ok(())
/// # }
/// ```
pub struct FailuresCheck<F> {
    config: Config,
    ask: F,
}

impl<F> FailuresCheck<F> {
    /// Asks `ask` in each run.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, ask: F) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, ask })
    }
}

impl<F, Asked, All, E> Check for FailuresCheck<F>
where
    F: Fn() -> Asked + Send + Sync + 'static,
    Asked: Future<Output = Result<All, E>> + Send + 'static,
    All: IntoIterator<Item = Failed>,
    E: fmt::Display,
{
    fn run(&self) -> Running<'_> {
        let asked = (self.ask)();
        Box::pin(async {
            match asked.await {
                Ok(failed) => self.config.judge(failed),
                Err(error) => Finding::unknown(line(&error.to_string())),
            }
        })
    }
}

impl<F> fmt::Debug for FailuresCheck<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailuresCheck").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: Config, kinds: &[(&str, u64)]) -> Finding {
        let failed = |(kind, last_day): &(&str, u64)| Failed {
            kind: (*kind).to_owned(),
            last_day: *last_day,
        };
        config.judge(kinds.iter().map(failed))
    }

    #[test]
    fn the_fifth_failure_of_one_kind_warns_and_many_kinds_that_fail_seldom_do_not() {
        let seldom: Vec<_> = (0..50).map(|_| ("seldom", 4)).collect();
        assert_eq!(found(Config::default(), &seldom).status, Status::Pass);
        assert_eq!(found(Config::default(), &[]).status, Status::Pass);
        let finding = found(Config::default(), &[("mail", 5), ("sync", 9), ("seldom", 4)]);
        assert_eq!((finding.status, finding.value.unwrap().value), (Status::Warn, 9.0));
        let reason = finding.reason.unwrap();
        assert_eq!(&*reason, "`sync` failed 9 times in a day; 2 kinds keep failing");
        let strict = Config::default().with_of_a_kind(Thresholds::rising(1.0, 3.0));
        assert_eq!(found(strict, &[("mail", 3)]).status, Status::Fail);
    }

    #[tokio::test]
    async fn who_cannot_be_asked_is_unknown() {
        let asked = || async { Err::<Vec<Failed>, _>("no\nconnection") };
        let check = FailuresCheck::new(Config::default(), asked).unwrap();
        assert_eq!(check.run().await, Finding::unknown("no connection"));
        let wrong = Config::default().with_of_a_kind(Thresholds::rising(-1.0, 5.0));
        assert_eq!(FailuresCheck::new(wrong, || ()).unwrap_err().field(), "of_a_kind");
    }
}
