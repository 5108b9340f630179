//! What a call came to, and who decides it: one classifier serves the whole stack.

use std::time::Duration;

use crate::{Refusable, Rejection, Settlement};

/// What a finished call means to the policies around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The dependency did its work.
    Success,
    /// The dependency did not.
    Failure {
        /// Whether another attempt could help.
        retry: RetryAdvice,
        /// What kind of failure it was.
        kind: FailureKind,
    },
    /// Says nothing about the dependency, such as a fault of the caller's own.
    Ignored,
}

impl Outcome {
    /// A failure of [`FailureKind::Error`] that another attempt may mend.
    pub const FAILURE: Self = Self::Failure { retry: RetryAdvice::Yes, kind: FailureKind::Error };

    /// A failure of [`FailureKind::Error`] that would only fail again.
    pub const PERMANENT: Self =
        Self::Failure { retry: RetryAdvice::Never, kind: FailureKind::Error };

    /// Whether it is a failure of any kind.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failure { .. })
    }
}

/// Whether, and how soon, a failed call is worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// After the policy's own backoff.
    Yes,
    /// Not sooner than after this time, as the dependency asked.
    After(Duration),
    /// It would fail again.
    Never,
}

/// The kinds of failure that policies and the healer tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FailureKind {
    /// The dependency answered with an error.
    Error,
    /// No answer came in time.
    Timeout,
    /// The dependency could not be reached.
    Unreachable,
    /// The dependency said that it is overloaded, or that a quota is used up.
    Overload,
    /// The answer broke off or was malformed.
    Broken,
    /// The code that makes the call panicked.
    Panic,
}

/// Decides what a result means. Closures from `Result<&Res, &Err>` to [`Outcome`] are classifiers.
///
/// ```
/// use salve_core::{Classify, Outcome};
///
/// let by_status = |result: Result<&u16, &std::io::Error>| match result {
///     Ok(status) if *status >= 500 => Outcome::FAILURE,
///     Ok(_) => Outcome::Success,
///     Err(_) => Outcome::FAILURE,
/// };
/// assert_eq!(by_status.classify(Ok(&503)), Outcome::FAILURE);
/// ```
pub trait Classify<Res, Err> {
    /// What this result means.
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome;

    /// The token by which an answer that has only begun is settled later.
    ///
    /// By default every response is whole when it is returned.
    fn settlement<'a>(&self, response: &'a Res) -> Option<&'a Settlement> {
        let _ = response;
        None
    }
}

impl<F, Res, Err> Classify<Res, Err> for F
where
    F: Fn(Result<&Res, &Err>) -> Outcome,
{
    #[inline]
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome {
        self(result)
    }
}

/// The classifier used unless another is given: `Ok` is a success, `Err` a failure worth a retry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorsAreFailures;

impl<Res, Err> Classify<Res, Err> for ErrorsAreFailures {
    #[inline]
    fn classify(&self, result: Result<&Res, &Err>) -> Outcome {
        if result.is_ok() { Outcome::Success } else { Outcome::FAILURE }
    }
}

/// What a result means once the family's own refusals are set apart from what the dependency did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// A policy of the family refused or gave up; the classifier was not asked.
    Rejected(&'a Rejection),
    /// The classifier's word.
    Judged(Outcome),
}

/// Judges a result: a [`Rejection`] inside the error comes before any classifier.
#[inline]
pub fn judge<'a, C, Res, Err>(classifier: &C, result: Result<&Res, &'a Err>) -> Verdict<'a>
where
    C: Classify<Res, Err>,
    Err: Refusable,
{
    if let Err(error) = result
        && let Some(rejection) = error.rejection()
    {
        return Verdict::Rejected(rejection);
    }
    Verdict::Judged(classifier.classify(result))
}
