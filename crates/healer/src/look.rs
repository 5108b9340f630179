//! The port to one more look at a target, right before something drastic is done to it.

use salve_core::Name;

use crate::action::BoxFuture;

/// Looks at a target once more.
///
/// A conviction is as old as the last reading, and older by every wait between it and the action. A
/// target that has come back meanwhile, or was convicted by readings that were wrong, is not restarted.
pub trait SecondLook: Send + Sync {
    /// Whether the target is well now; none if nobody can say, and then the conviction stands.
    ///
    /// # Cancellation
    /// A look that takes too long is dropped, and has said nothing.
    fn is_well<'a>(&'a self, target: &'a Name) -> BoxFuture<'a, Option<bool>>;
}
