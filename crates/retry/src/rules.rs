//! What a retrying service asks about requests and results.

use salve_core::{ErrorsAreFailures, Unrepeatable};

use crate::dead_letters::NoDeadLetters;

/// Makes the copy of a request that another attempt is made with. Closures from `&Req` to
/// `Option<Req>` do.
pub trait CloneRequest<Req> {
    /// A copy, or `None` if this request cannot be copied; it then gets one attempt.
    fn clone_request(&self, request: &Req) -> Option<Req>;
}

impl<F, Req> CloneRequest<Req> for F
where
    F: Fn(&Req) -> Option<Req>,
{
    #[inline]
    fn clone_request(&self, request: &Req) -> Option<Req> {
        self(request)
    }
}

/// Copies requests with [`Clone`]: what is used unless something else is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByClone;

impl<Req: Clone> CloneRequest<Req> for ByClone {
    #[inline]
    fn clone_request(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// What a retrying service asks: what a result means, whether a request may be repeated, how it
/// is copied, and where it goes when it is given up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<C = ErrorsAreFailures, R = Unrepeatable, Q = ByClone, D = NoDeadLetters> {
    pub(crate) classifier: C,
    pub(crate) rule: R,
    pub(crate) cloner: Q,
    pub(crate) dead_letters: D,
}
