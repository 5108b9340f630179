//! A channel to people that tries again, by the family's own retry.

use std::fmt;

use salve_actions::escalate::{Alert, Channel};
use salve_core::{Classify, ConfigError, Name, Outcome};
use salve_healer::{BoxFuture, Failure};
use salve_retry::{Config, Handle, retry_with};

/// Sends by another channel, and tries again what may be told the next time.
///
/// All tries together are bounded by the desk's patience.
///
/// ```
/// use salve::escalate::Retried;
/// use salve::retry::{Backoff, Config};
/// # use salve_actions::escalate::{Alert, Channel};
/// # use salve_core::Name;
/// # use salve_healer::{BoxFuture, Failure};
/// # struct Pager(Name);
/// # impl Channel for Pager {
/// #     fn name(&self) -> &Name { &self.0 }
/// #     fn send<'a>(&'a self, _: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
/// #         Box::pin(async { Ok(()) })
/// #     }
/// # }
/// # fn example(pager: Pager) -> Result<(), salve_core::ConfigError> {
/// let pager = Retried::new(pager, Config::new("pager").with_max_attempts(5))?;
/// # Ok(())
/// # }
/// ```
pub struct Retried<C> {
    channel: C,
    retries: Handle,
}

impl<C: Channel> Retried<C> {
    /// Tries again as `config` says. There is no budget: a message that is not told is worth every
    /// try that the settings allow.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(channel: C, config: Config) -> Result<Self, ConfigError> {
        Ok(Self { channel, retries: Handle::new(config)?.without_budget() })
    }

    /// How often it tries.
    #[must_use]
    pub const fn retries(&self) -> &Handle {
        &self.retries
    }
}

/// By what the failure itself says.
struct AsItSays;

impl Classify<(), Failure> for AsItSays {
    fn classify(&self, result: Result<&(), &Failure>) -> Outcome {
        match result {
            Ok(()) => Outcome::Success,
            Err(failure) if failure.again => Outcome::FAILURE,
            Err(_) => Outcome::PERMANENT,
        }
    }
}

impl<C: Channel> Channel for Retried<C> {
    fn name(&self) -> &Name {
        self.channel.name()
    }

    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(retry_with(&self.retries, AsItSays, || self.channel.send(alert)))
    }

    fn keeps_open(&self) -> bool {
        self.channel.keeps_open()
    }
}

impl<C: Channel> fmt::Debug for Retried<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retried").field("name", self.name()).finish_non_exhaustive()
    }
}
