//! What a hedging service asks about requests and results.

use salve_core::{ByClone, ErrorsAreFailures, Unrepeatable};

/// What a hedging service asks: what a result means, whether a request may be repeated, and how
/// it is copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone> {
    pub(crate) classifier: C,
    pub(crate) rule: R,
    pub(crate) cloner: Q,
}
