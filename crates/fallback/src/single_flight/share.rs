//! What of one call's result is shared with those that waited for it.

use salve_core::{Reason, Refusable};

/// Makes the copy of a result that a waiting caller gets. Closures from `&Result<Res, Err>` to
/// `Option<Result<Res, Err>>` do.
pub trait ShareResult<Res, Err> {
    /// A copy, or `None` if this result is for its own caller alone. Those that wait then make
    /// their own calls, one after the other, until one comes to a result that is shared.
    fn share(&self, result: &Result<Res, Err>) -> Option<Result<Res, Err>>;
}

impl<F, Res, Err> ShareResult<Res, Err> for F
where
    F: Fn(&Result<Res, Err>) -> Option<Result<Res, Err>>,
{
    fn share(&self, result: &Result<Res, Err>) -> Option<Result<Res, Err>> {
        self(result)
    }
}

/// Shares responses and errors: what is used unless something else is given.
///
/// Refusals that are about the one caller are not shared: that its own deadline has passed, that
/// calls of its class are shed, or that one of a higher class took its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShareAll;

impl<Res: Clone, Err: Clone + Refusable> ShareResult<Res, Err> for ShareAll {
    fn share(&self, result: &Result<Res, Err>) -> Option<Result<Res, Err>> {
        let reason = result.as_ref().err().and_then(Refusable::rejection).map(|it| it.reason());
        match reason {
            Some(Reason::DeadlineExceeded | Reason::Shed | Reason::Displaced) => None,
            _ => Some(result.clone()),
        }
    }
}

/// Shares responses alone, for errors that are not [`Clone`], such as `tower::BoxError`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShareAnswers;

impl<Res: Clone, Err> ShareResult<Res, Err> for ShareAnswers {
    fn share(&self, result: &Result<Res, Err>) -> Option<Result<Res, Err>> {
        result.as_ref().ok().map(|response| Ok(response.clone()))
    }
}
