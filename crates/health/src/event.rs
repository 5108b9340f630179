//! What a registry tells its listeners, in the past tense.

use std::time::Duration;

use salve_core::Name;

use crate::state::State;

/// Something that happened to a target, which is named as the event's key, or to the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A target is watched from here on.
    Registered,
    /// A target is watched no longer.
    Removed,
    /// A target follows new settings.
    Reconfigured,
    /// A target changed its state.
    Changed {
        /// The state before.
        from: State,
        /// The state after.
        to: State,
        /// The target whose failure explains this one's.
        because: Option<Name>,
    },
    /// A failure that stood for itself is now explained by another.
    Suppressed {
        /// The target whose failure explains this one's.
        because: Name,
    },
    /// A target has changed between up and down four times within ten minutes.
    Flapped,
    /// Several targets failed together: one event for all of them.
    FailedTogether {
        /// Their group; `None` if they are all those that fail without an explanation.
        group: Option<Name>,
        /// How many.
        failed: usize,
        /// Of how many.
        of: usize,
    },
    /// Targets that failed together no longer do.
    RecoveredTogether {
        /// Their group.
        group: Option<Name>,
    },
    /// Nobody looked for this long, so that nothing is concluded from silence in that time.
    Stalled {
        /// How long.
        gap: Duration,
    },
}
