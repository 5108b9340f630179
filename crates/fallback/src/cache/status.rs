//! What a cache has counted, and how it stands.

use std::time::Duration;

use crate::status::Counter;

use super::life::Cause;

/// What a cache has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers of the source that were kept.
    pub stored: u64,
    /// Calls that the source was asked for and that failed, whatever was served then.
    pub failed: u64,
    /// Panics that were caught.
    pub panics: u64,
    /// Fresh answers served without asking.
    pub served_fresh: u64,
    /// Kept answers served after a failure.
    pub served_failed: u64,
    /// Kept answers served because the source was unreachable a short time ago.
    pub served_unreachable: u64,
    /// Kept answers served while another caller asked.
    pub served_revalidating: u64,
    /// Kept answers served because an operator holds the cache to what it has.
    pub served_held: u64,
    /// Calls that failed with nothing kept to serve.
    pub nothing_kept: u64,
    /// Kept answers that would have been served, but for shadow mode.
    pub shadow: u64,
}

/// How a cache stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How many answers are kept.
    pub entries: u64,
    /// How heavy they are together; as many as there are, unless they are weighed.
    pub weight: u64,
    /// How much longer the source is not asked, if it was unreachable; not known where verdicts
    /// are about single keys.
    pub unreachable_for: Option<Duration>,
    /// Whether an operator holds the cache to what it has.
    pub is_held: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) stored: Counter,
    pub(crate) failed: Counter,
    pub(crate) panics: Counter,
    pub(crate) nothing_kept: Counter,
    pub(crate) shadow: Counter,
    served: [Counter; 5],
}

impl Totals {
    pub(crate) const fn served(&self, cause: Cause) -> &Counter {
        &self.served[cause as usize]
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            stored: self.stored.get(),
            failed: self.failed.get(),
            panics: self.panics.get(),
            served_fresh: self.served(Cause::Fresh).get(),
            served_failed: self.served(Cause::Failed).get(),
            served_unreachable: self.served(Cause::Unreachable).get(),
            served_revalidating: self.served(Cause::Revalidating).get(),
            served_held: self.served(Cause::Held).get(),
            nothing_kept: self.nothing_kept.get(),
            shadow: self.shadow.get(),
        }
    }
}
