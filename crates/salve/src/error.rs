//! The error of a stack: the service's own, or the refusal of a policy.

use std::fmt;

use salve_core::{Classify, Outcome, Refusable, Rejection, Settlement};

/// What a call through a [`stack`](crate::stack()) fails with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// A policy refused the call, or gave up on it.
    Rejected(Rejection),
    /// The service failed.
    Service(E),
}

impl<E> Error<E> {
    /// The service's own error, if that is what this is.
    pub fn into_service(self) -> Option<E> {
        match self {
            Self::Service(error) => Some(error),
            Self::Rejected(_) => None,
        }
    }
}

impl<E> From<Rejection> for Error<E> {
    #[inline]
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl<E> Refusable for Error<E> {
    #[inline]
    fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Service(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Service(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // It is shown as itself, and found by whoever walks the causes.
            Self::Rejected(rejection) => Some(rejection),
            Self::Service(error) => error.source(),
        }
    }
}

/// A classifier of a service's own errors, where they come as [`Error`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Lifted<C>(pub C);

impl<C, Res, E> Classify<Res, Error<E>> for Lifted<C>
where
    C: Classify<Res, E>,
{
    #[inline]
    fn classify(&self, result: Result<&Res, &Error<E>>) -> Outcome {
        match result {
            Ok(response) => self.0.classify(Ok(response)),
            Err(Error::Service(error)) => self.0.classify(Err(error)),
            Err(Error::Rejected(rejection)) => rejection.outcome(),
        }
    }

    #[inline]
    fn settlement<'a>(&self, response: &'a Res) -> Option<&'a Settlement> {
        self.0.settlement(response)
    }
}
