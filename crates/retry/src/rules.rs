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

impl Rules {
    /// Every error is a failure, no request may be repeated, copies are clones, and nothing is kept
    /// of what is given up.
    #[must_use]
    pub const fn new() -> Self {
        let (classifier, rule) = (ErrorsAreFailures, Unrepeatable);
        Self { classifier, rule, cloner: ByClone, dead_letters: NoDeadLetters }
    }
}

impl<C, R, Q, D> Rules<C, R, Q, D> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<N>(self, classifier: N) -> Rules<N, R, Q, D> {
        let Self { rule, cloner, dead_letters, .. } = self;
        Rules { classifier, rule, cloner, dead_letters }
    }

    /// Lets `rule` say which requests may be carried out twice.
    #[must_use]
    pub fn with_request_rule<N>(self, rule: N) -> Rules<C, N, Q, D> {
        let Self { classifier, cloner, dead_letters, .. } = self;
        Rules { classifier, rule, cloner, dead_letters }
    }

    /// Lets `cloner` copy requests, such as those that are not [`Clone`].
    #[must_use]
    pub fn with_cloner<N>(self, cloner: N) -> Rules<C, R, N, D> {
        let Self { classifier, rule, dead_letters, .. } = self;
        Rules { classifier, rule, cloner, dead_letters }
    }

    /// Hands requests that were given up to `sink`.
    #[must_use]
    pub fn with_dead_letters<N>(self, sink: N) -> Rules<C, R, Q, N> {
        let Self { classifier, rule, cloner, .. } = self;
        Rules { classifier, rule, cloner, dead_letters: sink }
    }
}
