//! Where a history is, how it is written, and how long it is kept.

use std::path::PathBuf;
use std::time::Duration;

use salve_core::{Check, ConfigError};

use super::row::Table;
use crate::redaction::Redaction;

/// Where a history is, how it is written, and how long it is kept.
#[derive(Clone, Debug)]
pub struct HistoryConfig {
    /// The file; another than the journal's. Made if it is not there.
    pub file: PathBuf,
    /// How many rows are written at once. Default 100; 1 to 10,000.
    pub batch: usize,
    /// How long a row waits for others at most. Default 5 s; 1 ms to 10 min.
    pub every: Duration,
    /// How many rows wait at most; further ones are dropped and counted. Default 10,000; 1 to 1,000,000.
    pub queue: usize,
    /// How long results of checks are kept. Default 7 days; 1 h to 10 years.
    pub checks: Duration,
    /// How long incidents, what was done about them, and recovery events are kept. Default 90 days; 1 h to
    /// 10 years.
    pub incidents: Duration,
    /// How long everything else is kept. Default 30 days; 1 h to 10 years.
    pub others: Duration,
    /// How long to wait while another process holds the file. Default 1 s; 1 ms to 1 min.
    pub busy_timeout: Duration,
    /// What is taken out of texts.
    pub redaction: Redaction,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MS: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const YEARS: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

impl HistoryConfig {
    /// The default settings for a history in `file`.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            batch: 100,
            every: Duration::from_secs(5),
            queue: 10_000,
            checks: 7 * DAY,
            incidents: 90 * DAY,
            others: 30 * DAY,
            busy_timeout: Duration::from_secs(1),
            redaction: Redaction::new(),
        }
    }

    /// Sets how many rows are written at once, and how long one waits for others.
    #[must_use]
    pub const fn with_batch(mut self, rows: usize, every: Duration) -> Self {
        self.batch = rows;
        self.every = every;
        self
    }

    /// Sets how many rows wait at most.
    #[must_use]
    pub const fn with_queue(mut self, rows: usize) -> Self {
        self.queue = rows;
        self
    }

    /// Sets how long results of checks, incidents, and everything else are kept.
    #[must_use]
    pub const fn with_retention(
        mut self,
        checks: Duration,
        incidents: Duration,
        others: Duration,
    ) -> Self {
        self.checks = checks;
        self.incidents = incidents;
        self.others = others;
        self
    }

    /// Sets how long to wait while another process holds the file.
    #[must_use]
    pub const fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets what is taken out of texts.
    #[must_use]
    pub fn with_redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// How long rows of this table are kept.
    #[must_use]
    pub const fn kept(&self, table: Table) -> Duration {
        match table {
            Table::HealthChecks => self.checks,
            Table::SelfHealingIssues | Table::SelfHealingRemediations | Table::RecoveryEvents => {
                self.incidents
            }
            _ => self.others,
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room("history");
        check.range("batch", self.batch, 1, 10_000)?;
        check.duration("every", self.every, MS, 10 * MINUTE)?;
        check.range("queue", self.queue, 1, 1_000_000)?;
        for (field, time) in
            [("checks", self.checks), ("incidents", self.incidents), ("others", self.others)]
        {
            check.duration(field, time, 60 * MINUTE, YEARS)?;
        }
        check.duration("busy_timeout", self.busy_timeout, MS, MINUTE)
    }
}
