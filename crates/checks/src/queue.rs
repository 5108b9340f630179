//! A queue: how many jobs wait, and how many failed within the last hour.

use std::fmt;
use std::future::Future;

use salve_core::ConfigError;
use salve_health::{Check, Finding, Running};

use crate::Thresholds;
use crate::reason::{line, worse};

const ROOM: &str = "checks/queue";

/// How much a queue has to carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs that failed within the last hour.
    pub failed_last_hour: u64,
}

/// The settings of a check of a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Bounds of the number of jobs that wait. Default 100 and 1,000.
    pub waiting: Thresholds,
    /// Bounds of the number of jobs that failed within the hour. Default 20 and 100.
    pub failed_last_hour: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            waiting: Thresholds::rising(100.0, 1_000.0),
            failed_last_hour: Thresholds::rising(20.0, 100.0),
        }
    }
}

impl Config {
    /// Sets the bounds of the number of jobs that wait.
    #[must_use]
    pub const fn with_waiting(mut self, bounds: Thresholds) -> Self {
        self.waiting = bounds;
        self
    }

    /// Sets the bounds of the number of jobs that failed within the last hour.
    #[must_use]
    pub const fn with_failed_last_hour(mut self, bounds: Thresholds) -> Self {
        self.failed_last_hour = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.waiting.validate(ROOM, "waiting", (0.0, f64::MAX))?;
        self.failed_last_hour.validate(ROOM, "failed_last_hour", (0.0, f64::MAX))
    }

    fn judge(&self, load: Load) -> Finding {
        // Exact up to 2^53 jobs.
        let (waiting, failed) = (load.waiting as f64, load.failed_last_hour as f64);
        let waiting = self.waiting.judge(waiting, "jobs", "the queue");
        worse(waiting, self.failed_last_hour.judge(failed, "jobs", "what failed within the hour"))
    }
}

/// Asks a closure how much a queue has to carry. Where it cannot tell, the queue is unknown.
///
/// ```
/// use salve_checks::queue::{Config, Load, QueueCheck};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let check = QueueCheck::new(Config::default(), || async {
///     Ok::<_, std::io::Error>(Load { waiting: 3, failed_last_hour: 0 })
/// })?;
/// # Ok(())
/// # }
/// ```
pub struct QueueCheck<F> {
    config: Config,
    ask: F,
}

impl<F> QueueCheck<F> {
    /// Asks `ask` in each run.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, ask: F) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, ask })
    }
}

impl<F, Asked, E> Check for QueueCheck<F>
where
    F: Fn() -> Asked + Send + Sync + 'static,
    Asked: Future<Output = Result<Load, E>> + Send + 'static,
    E: fmt::Display,
{
    fn run(&self) -> Running<'_> {
        let asked = (self.ask)();
        Box::pin(async {
            match asked.await {
                Ok(load) => self.config.judge(load),
                Err(error) => Finding::unknown(line(&error.to_string())),
            }
        })
    }
}

impl<F> fmt::Debug for QueueCheck<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueCheck").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use salve_health::Status;

    use super::*;

    async fn found(answer: Result<Load, &'static str>) -> Finding {
        let check = QueueCheck::new(Config::default(), move || async move { answer }).unwrap();
        check.run().await
    }

    #[tokio::test]
    async fn the_worse_of_both_numbers_is_told() {
        let load = |waiting, failed_last_hour| found(Ok(Load { waiting, failed_last_hour }));
        assert_eq!(load(99, 19).await.status, Status::Pass);
        assert_eq!(load(100, 0).await.status, Status::Warn);
        let failed = load(100, 100).await;
        assert_eq!(failed.status, Status::Fail);
        assert!(failed.reason.unwrap().starts_with("what failed within the hour is 100 jobs"));
    }

    #[tokio::test]
    async fn a_queue_that_cannot_be_asked_is_unknown() {
        let finding = found(Err("no\nconnection")).await;
        assert_eq!(finding, Finding::unknown("no connection"));
    }

    #[test]
    fn bounds_that_make_no_sense_are_refused() {
        let config = Config::default().with_waiting(Thresholds::rising(-1.0, 5.0));
        let error = QueueCheck::new(config, || ()).unwrap_err();
        assert_eq!((error.field(), error.value()), ("waiting", "-1"));
    }
}
