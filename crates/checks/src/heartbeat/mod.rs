//! Heartbeats that a worker sends: its silence is judged by how regular it used to be.

mod accrual;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salve_core::sync::Lock;
use salve_core::{Check as Bounds, ConfigError, clock};
use salve_health::{Check, Finding, Running};

use self::accrual::{Accrual, Look, Rules};
use crate::Thresholds;

const ROOM: &str = "checks/heartbeat";

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The settings of a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// How often the worker is expected to tell that it lives, until it is known. Default 1 s;
    /// 1 ms to 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub expected: Duration,
    /// Bounds of phi, the suspicion: 8 means that one in a hundred million is wrong. Default: 8
    /// fails. `fail` is from 1 to 100, and needed.
    pub phi: Thresholds,
    /// What a silence may last beyond the usual interval, for a collection of garbage or a slow
    /// network. Default 3 s; at most 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub pause: Duration,
    /// The least standard deviation of intervals, so that a very regular worker is not suspected
    /// at the first delay. Default 100 ms; 1 ms to 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub least_deviation: Duration,
    /// How many intervals are kept, 4 bytes each. Default 1,000; 2 to 100,000.
    pub samples: usize,
    /// A silence of this length fails whatever phi says, also before the first heartbeat: the dead-man's switch. Default 60 s;
    /// at least `expected` and `pause` together, at most 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub silence: Duration,
    /// How often it is looked at, at most. A look that comes later than after three times that (and
    /// 5 s) is unknown: the watcher itself stood still. Default 30 s; 1 ms to 24 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub looked_at_every: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            expected: SECOND,
            phi: Thresholds::rising(8.0, 8.0).without_warn(),
            pause: 3 * SECOND,
            least_deviation: Duration::from_millis(100),
            samples: 1_000,
            silence: 60 * SECOND,
            looked_at_every: 30 * SECOND,
        }
    }
}

impl Config {
    /// Sets how often a heartbeat is expected.
    #[must_use]
    pub const fn with_expected(mut self, every: Duration) -> Self {
        self.expected = every;
        self
    }

    /// Sets the bounds of phi.
    #[must_use]
    pub const fn with_phi(mut self, bounds: Thresholds) -> Self {
        self.phi = bounds;
        self
    }

    /// Sets what a silence may last beyond the usual interval.
    #[must_use]
    pub const fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sets the least standard deviation of intervals.
    #[must_use]
    pub const fn with_least_deviation(mut self, deviation: Duration) -> Self {
        self.least_deviation = deviation;
        self
    }

    /// Sets how many intervals are kept.
    #[must_use]
    pub const fn with_samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// Sets the silence that fails whatever phi says.
    #[must_use]
    pub const fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Sets how often it is looked at, at most: the interval of its target.
    #[must_use]
    pub const fn with_looked_at_every(mut self, interval: Duration) -> Self {
        self.looked_at_every = interval;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        let (ms, hour) = (Duration::from_millis(1), 3_600 * SECOND);
        bounds.duration("expected", self.expected, ms, hour)?;
        self.phi.validate(ROOM, "phi", (1.0, 100.0))?;
        let rises = self.phi.direction == crate::Direction::Rising;
        bounds.that("phi.direction", "falling", rises, "rising")?;
        bounds.that("phi.fail", "missing", self.phi.fail.is_some(), "there")?;
        bounds.duration("pause", self.pause, Duration::ZERO, hour)?;
        bounds.duration("least_deviation", self.least_deviation, ms, hour)?;
        bounds.range("samples", self.samples, 2, 100_000)?;
        bounds.duration("silence", self.silence, self.expected + self.pause, DAY)?;
        bounds.duration("looked_at_every", self.looked_at_every, ms, DAY)
    }

    fn rules(&self) -> Rules {
        Rules {
            expected: self.expected,
            pause: self.pause,
            least_deviation: self.least_deviation,
            samples: self.samples,
            suspicious: self.phi.fail.unwrap_or(f64::INFINITY),
            silence: self.silence,
            longest_gap: (3 * self.looked_at_every).max(5 * SECOND),
        }
    }

    fn judge(&self, look: Look) -> Finding {
        match look {
            Look::Never(silence) if silence >= self.silence => {
                Finding::fail("there was never a heartbeat").with_value(silence.as_secs_f64(), "s")
            }
            Look::Never(_) => Finding::unknown("there was no heartbeat yet"),
            Look::Blind(gap) => Finding::unknown(format!("nobody looked for {} s", gap.as_secs())),
            Look::Silent(silence, _) if silence >= self.silence => {
                let (silence, limit) = (silence.as_secs_f64(), self.silence);
                Finding::fail(format!("no heartbeat for {silence:.1} s, {limit:?} or more"))
                    .with_value(silence, "s")
            }
            Look::Silent(silence, phi) => {
                let silence = silence.as_secs_f64();
                let mut finding = self.phi.judge(phi, "phi", "suspicion");
                if let Some(reason) = &mut finding.reason {
                    *reason = format!("no heartbeat for {silence:.1} s: {reason}").into();
                }
                finding.with_value(silence, "s")
            }
        }
    }
}

/// A worker's heartbeat: the worker calls [`beat`](Self::beat), the registry runs the check.
///
/// Clones are the same heart. Beating costs a lock that is held for some tens of nanoseconds. The value
/// is the length of the silence in seconds.
#[derive(Clone)]
pub struct Heartbeat {
    config: Config,
    heart: Arc<Lock<Accrual>>,
}

impl Heartbeat {
    /// Waits for the first heartbeat from here on.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let heart = Accrual::new(config.rules(), clock::now());
        Ok(Self { config, heart: Arc::new(Lock::new(heart)) })
    }

    /// The worker lives.
    pub fn beat(&self) {
        let now = clock::now();
        self.heart.lock().beat(now);
    }

    /// The settings it follows.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }
}

impl Check for Heartbeat {
    fn run(&self) -> Running<'_> {
        let now = clock::now();
        let look = self.heart.lock().look(now);
        Box::pin(std::future::ready(self.config.judge(look)))
    }
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use salve_health::Status;
    use tokio::time::{advance, sleep};

    use super::*;

    async fn beating(config: Config, beats: u32) -> Heartbeat {
        let heartbeat = Heartbeat::new(config).unwrap();
        for _ in 0..beats {
            heartbeat.beat();
            sleep(SECOND).await;
            let _ = heartbeat.run().await;
        }
        heartbeat
    }

    /// How long after the last beat it fails, looked at every 100 ms.
    async fn fails_after(heartbeat: &Heartbeat) -> Duration {
        let began = clock::now();
        while heartbeat.run().await.status != Status::Fail {
            sleep(Duration::from_millis(100)).await;
        }
        clock::now().since(began)
    }

    #[tokio::test(start_paused = true)]
    async fn a_regular_worker_is_convicted_soon_after_its_pause_and_an_irregular_one_later() {
        let config = Config::default();
        let heartbeat = beating(config, 100).await;
        assert_eq!(heartbeat.run().await.status, Status::Pass);
        let regular = fails_after(&heartbeat).await;
        // Beats each second, 3 s of pause, and some deviations of 100 ms: the last was 1 s ago.
        assert!((3 * SECOND..4 * SECOND).contains(&regular), "{regular:?}");
        let irregular = Heartbeat::new(config).unwrap();
        for step in 0..100 {
            irregular.beat();
            sleep(Duration::from_millis(if step % 2 == 0 { 100 } else { 1_900 })).await;
            let _ = irregular.run().await;
        }
        let later = fails_after(&irregular).await;
        assert!(later > regular + 2 * SECOND, "{later:?} after {regular:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_not_learned() {
        let heartbeat = beating(Config::default(), 20).await;
        let first = fails_after(&heartbeat).await;
        sleep(20 * SECOND).await;
        heartbeat.beat();
        assert_eq!(heartbeat.run().await.status, Status::Pass);
        sleep(SECOND).await;
        assert_eq!(fails_after(&heartbeat).await, first);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_beats_is_unknown_and_then_dead() {
        let heartbeat = Heartbeat::new(Config::default()).unwrap();
        sleep(59 * SECOND).await;
        assert_eq!(heartbeat.run().await, Finding::unknown("there was no heartbeat yet"));
        sleep(SECOND).await;
        let dead = Finding::fail("there was never a heartbeat").with_value(60.0, "s");
        assert_eq!(heartbeat.run().await, dead);
    }

    #[tokio::test(start_paused = true)]
    async fn the_switch_trips_where_phi_does_not() {
        let patient = Config::default().with_least_deviation(3_600 * SECOND);
        let heartbeat = beating(patient, 10).await;
        sleep(58 * SECOND).await;
        assert_eq!(heartbeat.run().await.status, Status::Pass);
        sleep(SECOND).await;
        let reason = heartbeat.run().await.reason.unwrap();
        assert_eq!(&*reason, "no heartbeat for 60.0 s, 60s or more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watcher_that_stood_still_concludes_nothing() {
        let heartbeat = beating(Config::default(), 20).await;
        assert_eq!(heartbeat.run().await.status, Status::Pass);
        advance(600 * SECOND).await;
        let blind = heartbeat.run().await;
        assert_eq!(blind, Finding::unknown("nobody looked for 600 s"));
        // The worker has the time it would have had.
        assert_eq!(heartbeat.run().await.status, Status::Pass);
        assert!(fails_after(&heartbeat).await > 3 * SECOND);
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        let refused = |config: Config| Heartbeat::new(config).unwrap_err().to_string();
        let config = Config::default();
        assert!(refused(config.with_samples(1)).contains("`samples` is 1"));
        assert!(refused(config.with_silence(3 * SECOND)).contains("`silence` is 3s"));
        assert!(refused(config.with_phi(Thresholds::NONE)).contains("`phi.fail`"));
        assert!(
            refused(config.with_phi(Thresholds::falling(9.0, 8.0))).contains("`phi.direction`")
        );
    }
}
