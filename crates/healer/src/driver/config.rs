//! How the driver itself works; what it repairs and how is a matter of the policy.

use std::time::Duration;

use salve_core::{Check, ConfigError, Name};
use serde::{Deserialize, Serialize};

/// How the driver works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who this healer is, in its journal and in leases. Default `healer`.
    pub name: Name,
    /// How often it looks at what is due by time. Default 1 s; 1 ms to 1 min.
    #[serde(with = "salve_core::settings::duration")]
    pub tick: Duration,
    /// If its loop stood still for longer than this, and than three ticks, it does not trust what it
    /// saw. Default 5 s; 10 ms to 1 h.
    #[serde(with = "salve_core::settings::duration")]
    pub standstill: Duration,
    /// For so long after that, in which everything is to be looked at again. Default 15 s; at most
    /// 1 h.
    #[serde(with = "salve_core::settings::duration")]
    pub look_again: Duration,
    /// How long lease, precheck and capture may take together; before something drastic also the further looks at
    /// its target, each at most half of it. Default 10 s; 1 ms to 1 h.
    #[serde(with = "salve_core::settings::duration")]
    pub prepare: Duration,
    /// How long the journal may take for one write before it counts as unwritable. Default 3 s; 1 ms
    /// to 1 min.
    #[serde(with = "salve_core::settings::duration")]
    pub journal_wait: Duration,
    /// How long to wait before an unwritable journal is tried again. Default 1 s; 1 ms to 1 min.
    #[serde(with = "salve_core::settings::duration")]
    pub journal_retry: Duration,
    /// How many records are kept while the journal is unwritable. With more it is given up: the
    /// healer only watches until it is started again. Default 10,000; 1 to 1,000,000.
    pub backlog: usize,
    /// How many observations and reports wait at most. Default 1,024; 1 to 1,000,000.
    pub queue: usize,
    /// How long running actions may go on after the healer was told to end. Default 10 s; at most 1 h.
    #[serde(with = "salve_core::settings::duration")]
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            name: Name::literal("healer"),
            tick: seconds(1),
            standstill: seconds(5),
            look_again: seconds(15),
            prepare: seconds(10),
            journal_wait: seconds(3),
            journal_retry: seconds(1),
            backlog: 10_000,
            queue: 1_024,
            grace: seconds(10),
        }
    }
}

impl Config {
    /// The default settings for a healer of this name.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets how often it looks at what is due by time.
    #[must_use]
    pub const fn with_tick(mut self, tick: Duration) -> Self {
        self.tick = tick;
        self
    }

    /// Sets after what gap it doubts itself, and for how long.
    #[must_use]
    pub const fn with_doubt(mut self, standstill: Duration, look_again: Duration) -> Self {
        self.standstill = standstill;
        self.look_again = look_again;
        self
    }

    /// Sets how long a write may take, and how long to wait after one that failed.
    #[must_use]
    pub const fn with_journal(mut self, wait: Duration, retry: Duration) -> Self {
        self.journal_wait = wait;
        self.journal_retry = retry;
        self
    }

    /// Sets how long lease, precheck and capture may take together.
    #[must_use]
    pub const fn with_prepare(mut self, prepare: Duration) -> Self {
        self.prepare = prepare;
        self
    }

    /// Sets how many records are kept while the journal is unwritable.
    #[must_use]
    pub const fn with_backlog(mut self, backlog: usize) -> Self {
        self.backlog = backlog;
        self
    }

    /// Sets how many observations and reports wait at most.
    #[must_use]
    pub const fn with_queue(mut self, queue: usize) -> Self {
        self.queue = queue;
        self
    }

    /// Sets how long running actions may go on after the healer was told to end.
    #[must_use]
    pub const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (moment, minute) = (Duration::from_millis(1), Duration::from_secs(60));
        let hour = Duration::from_secs(3_600);
        let bounds = Check::room("healer");
        let named = !self.name.as_str().is_empty();
        bounds.that("name", "empty", named, "a name")?;
        bounds.duration("tick", self.tick, moment, minute)?;
        bounds.duration("standstill", self.standstill, Duration::from_millis(10), hour)?;
        bounds.duration("look_again", self.look_again, Duration::ZERO, hour)?;
        bounds.duration("prepare", self.prepare, moment, hour)?;
        bounds.duration("journal_wait", self.journal_wait, moment, minute)?;
        bounds.duration("journal_retry", self.journal_retry, moment, minute)?;
        bounds.range("backlog", self.backlog, 1, 1_000_000)?;
        bounds.range("queue", self.queue, 1, 1_000_000)?;
        bounds.duration("grace", self.grace, Duration::ZERO, hour)
    }

    /// The gap from which on the loop doubts itself.
    pub(super) fn gap(&self) -> Duration {
        self.standstill.max(self.tick * 3)
    }
}
