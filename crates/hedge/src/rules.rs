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

impl Rules {
    /// Every error is a failure, no request may be repeated, and copies are clones.
    #[must_use]
    pub const fn new() -> Self {
        Self { classifier: ErrorsAreFailures, rule: Unrepeatable, cloner: ByClone }
    }
}

impl<C, R, Q> Rules<C, R, Q> {
    /// Lets `classifier` say what a result means.
    #[must_use]
    pub fn with_classifier<N>(self, classifier: N) -> Rules<N, R, Q> {
        let Self { rule, cloner, .. } = self;
        Rules { classifier, rule, cloner }
    }

    /// Lets `rule` say which requests may be carried out twice.
    #[must_use]
    pub fn with_request_rule<N>(self, rule: N) -> Rules<C, N, Q> {
        let Self { classifier, cloner, .. } = self;
        Rules { classifier, rule, cloner }
    }

    /// Lets `cloner` copy requests, such as those that are not [`Clone`].
    #[must_use]
    pub fn with_cloner<N>(self, cloner: N) -> Rules<C, R, N> {
        let Self { classifier, rule, .. } = self;
        Rules { classifier, rule, cloner }
    }
}
