//! The flat error of probe services: their own failure, or a rejection.

use std::fmt;

use salve_core::{Refusable, Rejection};

/// What a call of a [`Probe`](crate::Probe) fails with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestError {
    /// The probe failed as it was told to.
    Failed,
    /// The probe failed at readiness as it was told to.
    Unready,
    /// A layer refused.
    Rejected(Rejection),
}

impl From<Rejection> for TestError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Refusable for TestError {
    fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Failed | Self::Unready => None,
        }
    }
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => f.write_str("the probe failed"),
            Self::Unready => f.write_str("the probe failed at readiness"),
            Self::Rejected(rejection) => rejection.fmt(f),
        }
    }
}

impl std::error::Error for TestError {}
