//! Who says whether a result is an answer: the stack's classifier, after the family's own refusals.

use salve_core::{Classify, ErrorsAreFailures, Refusable, Settlement, Verdict, judge};

use crate::order::{Why, worth};

/// Says whether a result is an answer. Only the types of this crate do.
pub trait Judge<Res, Err>: sealed::Judge<Res, Err> {}

pub(crate) mod sealed {
    use super::*;

    pub trait Judge<Res, Err> {
        fn judge<'a>(&self, result: Result<&Res, &'a Err>) -> Verdict<'a>;

        /// Why the result is worth an alternative; `None` if it is an answer.
        #[inline]
        fn worth(&self, result: Result<&Res, &Err>) -> Option<Why> {
            worth(self.judge(result))
        }

        fn settlement<'a>(&self, response: &'a Res) -> Option<&'a Settlement>;
    }
}

/// Errors that can hold a [`Rejection`](salve_core::Rejection), which is always worth an
/// alternative; the classifier `C` judges all else.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefusableErrors<C = ErrorsAreFailures>(pub(crate) C);

/// Errors of any type, judged by the classifier `C` alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyErrors<C = ErrorsAreFailures>(pub(crate) C);

impl<C: Classify<Res, Err>, Res, Err: Refusable> Judge<Res, Err> for RefusableErrors<C> {}
impl<C: Classify<Res, Err>, Res, Err> Judge<Res, Err> for AnyErrors<C> {}

impl<C: Classify<Res, Err>, Res, Err: Refusable> sealed::Judge<Res, Err> for RefusableErrors<C> {
    #[inline]
    fn judge<'a>(&self, result: Result<&Res, &'a Err>) -> Verdict<'a> {
        judge(&self.0, result)
    }

    fn settlement<'a>(&self, response: &'a Res) -> Option<&'a Settlement> {
        self.0.settlement(response)
    }
}

impl<C: Classify<Res, Err>, Res, Err> sealed::Judge<Res, Err> for AnyErrors<C> {
    #[inline]
    fn judge<'a>(&self, result: Result<&Res, &'a Err>) -> Verdict<'a> {
        Verdict::Judged(self.0.classify(result))
    }

    fn settlement<'a>(&self, response: &'a Res) -> Option<&'a Settlement> {
        self.0.settlement(response)
    }
}
