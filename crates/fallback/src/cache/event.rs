//! What a cache tells its listeners, in the past tense.

use std::time::Duration;

use super::life::Kept;

/// Something that happened to a call, or to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A kept answer was served, for another cause than that it is fresh.
    Served(Kept),
    /// But for shadow mode it would have been.
    WouldHaveServed(Kept),
    /// A call failed, and no answer to it was kept.
    NothingKept,
    /// The source was unreachable, and is not asked for this long where there is an answer.
    FoundUnreachable {
        /// For how long.
        wait: Duration,
    },
    /// The source was reached again.
    Reached,
    /// Everything that was kept was forgotten.
    Cleared,
    /// Kept answers are served without asking the source, until further notice.
    Held,
    /// The source is asked again.
    Released,
    /// The cache took new settings.
    Reconfigured,
}
