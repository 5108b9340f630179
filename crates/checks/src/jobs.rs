//! Jobs that are stuck: reserved by a worker longer than any job takes.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use salve_core::{Check as Bounds, ConfigError, clock};
use salve_health::{Check, Finding, Running, Status};

use crate::Thresholds;
use crate::reason::line;

const ROOM: &str = "checks/jobs";

/// The settings of a check for stuck jobs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// A job that is reserved for longer than this is stuck. Default 1 h; 1 s to 30 days.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub limit: Duration,
    /// Bounds of the number of stuck jobs. Default: one fails.
    pub stuck: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        let stuck = Thresholds::rising(1.0, 1.0).without_warn();
        Self { limit: Duration::from_secs(3_600), stuck }
    }
}

impl Config {
    /// Sets how long a job may be reserved.
    #[must_use]
    pub const fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the bounds of the number of stuck jobs.
    #[must_use]
    pub const fn with_stuck(mut self, bounds: Thresholds) -> Self {
        self.stuck = bounds;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (second, month) = (Duration::from_secs(1), Duration::from_secs(30 * 24 * 3_600));
        Bounds::room(ROOM).duration("limit", self.limit, second, month)?;
        self.stuck.validate(ROOM, "stuck", (0.0, f64::MAX))
    }

    /// `now` and the reservations count from 1970. One that lies ahead is not stuck.
    fn judge(&self, now: Duration, reserved: impl IntoIterator<Item = Duration>) -> Finding {
        let ages = reserved.into_iter().map(|at| now.saturating_sub(at));
        let stuck = ages.filter(|age| *age > self.limit);
        let (count, oldest) = stuck
            .fold((0_u64, Duration::ZERO), |(count, oldest), age| (count + 1, oldest.max(age)));
        let mut finding = self.stuck.judge(count as f64, "jobs", "stuck");
        if finding.status != Status::Pass {
            let (oldest, limit) = (oldest.as_secs(), self.limit);
            let text =
                format!("{count} jobs reserved for over {limit:?}, the oldest for {oldest}s");
            finding.reason = Some(text.into());
        }
        finding
    }
}

/// Asks a closure when the jobs that are under way were reserved, as time since 1970 (UTC).
///
/// ```
/// use salve_checks::jobs::{Config, JobsCheck};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // SELECT reserved_at FROM jobs WHERE reserved_at IS NOT NULL
/// let check = JobsCheck::new(Config::default(), || async {
///     Ok::<_, std::io::Error>(vec![Duration::from_secs(1_767_225_600)])
/// })?;
/// # Ok(())
/// # }
/// ```
pub struct JobsCheck<F> {
    config: Config,
    ask: F,
}

impl<F> JobsCheck<F> {
    /// Asks `ask` in each run.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config, ask: F) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, ask })
    }
}

impl<F, Asked, Jobs, E> Check for JobsCheck<F>
where
    F: Fn() -> Asked + Send + Sync + 'static,
    Asked: Future<Output = Result<Jobs, E>> + Send + 'static,
    Jobs: IntoIterator<Item = Duration>,
    E: fmt::Display,
{
    fn run(&self) -> Running<'_> {
        let asked = (self.ask)();
        Box::pin(async {
            match asked.await {
                Ok(reserved) => self.config.judge(clock::since_unix_epoch(), reserved),
                Err(error) => Finding::unknown(line(&error.to_string())),
            }
        })
    }
}

impl<F> fmt::Debug for JobsCheck<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobsCheck").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn ages(ages: &[u64]) -> Finding {
        let reserved = ages.iter().map(|age| NOW - Duration::from_secs(*age));
        Config::default().judge(NOW, reserved)
    }

    #[test]
    fn an_hour_is_not_yet_stuck_and_a_second_more_is() {
        assert_eq!(ages(&[0, 3_599, 3_600]).status, Status::Pass);
        let finding = ages(&[3_601, 10, 7_200]);
        let reason = "2 jobs reserved for over 3600s, the oldest for 7200s";
        assert_eq!(finding, Finding::fail(reason).with_value(2.0, "jobs"));
    }

    #[test]
    fn a_reservation_in_the_future_is_not_stuck() {
        let ahead = NOW + Duration::from_secs(99_999);
        assert_eq!(Config::default().judge(NOW, [ahead]).status, Status::Pass);
        assert_eq!(Config::default().judge(NOW, []).status, Status::Pass);
    }

    #[tokio::test]
    async fn the_check_asks_the_time_of_day_and_is_unknown_without_an_answer() {
        let two_hours_ago = clock::since_unix_epoch() - Duration::from_secs(7_200);
        let ask = move || async move { Ok::<_, &str>([two_hours_ago]) };
        let check = JobsCheck::new(Config::default(), ask).unwrap();
        assert_eq!(check.run().await.status, Status::Fail);
        let ask = || async { Err::<Vec<Duration>, _>("gone") };
        let check = JobsCheck::new(Config::default(), ask).unwrap();
        assert_eq!(check.run().await, Finding::unknown("gone"));
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        let error = JobsCheck::new(Config::default().with_limit(Duration::ZERO), ()).unwrap_err();
        assert_eq!((error.field(), error.value()), ("limit", "0ns"));
    }
}
