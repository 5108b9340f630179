//! What a controller tells its listeners, in the past tense.

use salve_core::Reason;

/// Something that happened to a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The dependency is held to be dead: only probes are sent, and who can wait waits.
    Died,
    /// It answered again, and gets its calls back by and by.
    Revived,
    /// A scope of it is held to be dead.
    ScopeDied {
        /// Which, as the calls name it.
        scope: u64,
    },
    /// A scope answered again.
    ScopeRevived {
        /// Which, as the calls name it.
        scope: u64,
    },
    /// It refused a call, or would have refused it or let it wait in shadow mode.
    Rejected {
        /// Why; what would have waited in shadow mode, as [`Reason::Full`].
        reason: Reason,
        /// Whether the call was let through all the same.
        shadow: bool,
    },
    /// It takes no new calls.
    Closed,
    /// It takes calls again.
    Opened,
    /// It has forgotten what it had learnt.
    Reset,
    /// It follows new settings.
    Reconfigured,
}
