//! A timeout to run futures under without tower, to read, and to reconfigure while it runs.

use std::future::Future;
use std::num::NonZeroUsize;

use salve_core::sync::Arc;
use salve_core::{
    ConfigError, ErrorsAreFailures, Name, Observe, Reading, Refusable, Sensor, Subscription, Unit,
};

use crate::config::Config;
use crate::event::Event;
use crate::future::{Begun, ResponseFuture};
use crate::shared::{Shared, TimeoutCounts};

/// One set of limits. Clones are the same, and so are the layers made from it.
///
/// ```
/// use salve_core::{Reason, Rejection};
/// use salve_timeout::{Config, Handle, preset};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let reachability = Handle::new(Config::of_attempt("ping", preset::REACHABILITY))?;
/// let reached: Result<(), Rejection> = reachability.run(std::future::pending()).await;
/// assert_eq!(reached.unwrap_err().reason(), Reason::AttemptTimeout);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

/// Runs `future` under the limits of `policy`. The same as [`Handle::run`].
pub fn timeout<F, T, E>(policy: &Handle, future: F) -> ResponseFuture<Begun<F>>
where
    F: Future<Output = Result<T, E>>,
    E: Refusable,
{
    policy.run(future)
}

impl Handle {
    /// Limits to run calls under.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self(Arc::new(Shared::new(config))))
    }

    /// Runs `future` under these limits, and those of the surrounding call. Time begins at the
    /// first poll.
    ///
    /// # Errors
    /// What `future` fails with, or a [`Rejection`](salve_core::Rejection) in its error type.
    ///
    /// # Cancellation
    /// Dropping it drops `future`.
    pub fn run<F, T, E>(&self, future: F) -> ResponseFuture<Begun<F>>
    where
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        ResponseFuture::new(self.clone(), None, ErrorsAreFailures, Begun::new(future))
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> TimeoutCounts {
        self.0.counts()
    }

    /// Follows new settings, all or nothing. Counts and the name stay; calls in flight finish
    /// under the limits they began with.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, mut config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        config.name = self.0.origin.name().clone();
        self.0.reconfigure(config);
        self.0.tell(|| Event::Reconfigured);
        Ok(())
    }

    /// The settings it follows now.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.config()
    }

    /// Opens a channel that holds up to `capacity` events, and counts those that do not fit.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.0.events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.0.events.observe(observer);
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl Sensor for Handle {
    fn name(&self) -> &Name {
        self.0.origin.name()
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let config = self.config();
        for (name, limit) in [("attempt_limit", config.attempt), ("total_limit", config.total)] {
            if let Some(limit) = limit {
                report(Reading { name, value: limit.as_secs_f64(), unit: Unit::Seconds });
            }
        }
        let counts = self.counts();
        for (name, count) in [
            ("attempt_timeouts_total", counts.attempt_timeouts),
            ("deadlines_exceeded_total", counts.deadlines_exceeded),
            ("rejected_total", counts.refused),
            ("shadow_rejected_total", counts.shadow),
        ] {
            report(Reading { name, value: count as f64, unit: Unit::Count });
        }
    }
}
