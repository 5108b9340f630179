//! What a retrying service asks about requests and results.

pub use salve_core::{ByClone, CloneRequest};
use salve_core::{ErrorsAreFailures, Unrepeatable};

use crate::dead_letters::NoDeadLetters;

/// What a retrying service asks: what a result means, whether a request may be repeated, how it
/// is copied, and where it goes when it is given up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone, D = NoDeadLetters> {
    pub(crate) classifier: C,
    pub(crate) rule: R,
    pub(crate) cloner: Q,
    pub(crate) dead_letters: D,
}
