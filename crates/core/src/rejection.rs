//! The one type in which every policy says that it refused a call or gave up on it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{FailureKind, Moment, Name, Outcome, RetryAdvice, nanos};

/// A policy refused a call, or gave up waiting for it.
///
/// A layer keeps the error type of the service it wraps: it puts a rejection into it through
/// [`Refusable`], so errors stay flat however many layers are stacked.
///
/// It is small and has no padding, since every result on its way through a stack may have to
/// hold one and is copied with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Rejection {
    origin: Origin,
    /// In nanoseconds; the largest number says that it is not known.
    retry_after: u64,
    reason: Reason,
    sent: Sent,
}

/// Which policy of which room refuses: made once, and cheap to put into every rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Arc<(&'static str, Name)>);

impl Origin {
    /// The policy `name` of the room `room`, such as `circuit-breaker`.
    #[must_use]
    pub fn new(room: &'static str, name: Name) -> Self {
        Self(Arc::new((room, name)))
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> &'static str {
        self.0.0
    }

    /// The name of the policy.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.0.1
    }
}

/// Why a call was refused or given up. Reasons name causes, so that a new room needs no new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u32)]
pub enum Reason {
    /// The dependency is held to be down.
    Unavailable,
    /// The call was admitted, but the wrapped service was not ready to take it.
    NotReady,
    /// Every place is taken.
    Full,
    /// No place became free within the time the call may queue.
    QueueTimeout,
    /// Another call took its place in the queue: of a higher class, or of a tenant with fewer there.
    Displaced,
    /// Calls of its class are not served for the time being.
    Shed,
    /// More calls than the agreed rate.
    RateLimited,
    /// The call takes more at once than the policy ever grants.
    TooCostly,
    /// One attempt took longer than its limit.
    AttemptTimeout,
    /// The deadline of the whole call has passed, or would pass before an answer could come.
    DeadlineExceeded,
    /// The policy or stack is closing and takes no new calls.
    Closing,
    /// This is switched off, by an operator or at the present level of service.
    Disabled,
}

/// Whether the refused call can have reached the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Sent {
    /// It was never sent: repeating it is safe.
    No,
    /// It may have been sent and carried out.
    Unknown,
}

/// A wait that the policy does not know.
const UNKNOWN: u64 = u64::MAX;

impl Rejection {
    /// A refusal by `origin` of a call that was never sent.
    #[must_use]
    #[inline]
    pub fn new(origin: &Origin, reason: Reason) -> Self {
        Self::from_origin(origin.clone(), reason)
    }

    /// A refusal by `origin` of a call that was never sent, for who has an origin to give away.
    #[must_use]
    #[inline]
    pub const fn from_origin(origin: Origin, reason: Reason) -> Self {
        Self { origin, retry_after: UNKNOWN, reason, sent: Sent::No }
    }

    /// Says that the call may already have reached the dependency.
    #[must_use]
    #[inline]
    pub fn maybe_sent(mut self) -> Self {
        self.sent = Sent::Unknown;
        self
    }

    /// Says how long to wait before another call has a chance.
    #[must_use]
    #[inline]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        // Centuries from now, one nanosecond less than forever makes no difference.
        self.retry_after = nanos(wait).min(UNKNOWN - 1);
        self
    }

    /// Says that another call has a chance at `until`, seen from `now`; never where that is
    /// [`Moment::MAX`] seen from [`Moment::ZERO`].
    #[must_use]
    #[inline]
    pub fn with_retry_at(mut self, until: Moment, now: Moment) -> Self {
        self.retry_after = until.as_nanos().saturating_sub(now.as_nanos());
        self
    }

    /// The name of the policy that refused.
    #[must_use]
    pub fn by(&self) -> &Name {
        self.origin.name()
    }

    /// The room that the policy belongs to, such as `circuit-breaker`.
    #[must_use]
    pub fn room(&self) -> &'static str {
        self.origin.room()
    }

    /// Why it refused.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// Whether the call can have reached the dependency.
    #[must_use]
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// How long to wait before another call has a chance, if the policy knows.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.retry_after {
            UNKNOWN => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// What an outer policy that counts outcomes makes of it: a call that was never sent says
    /// nothing about the dependency, one that may have been sent and got no answer is a failure.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self.sent {
            Sent::No => Outcome::Ignored,
            Sent::Unknown => {
                Outcome::Failure { retry: self.retry_advice(), kind: FailureKind::Timeout }
            }
        }
    }

    /// Whether another attempt could fare better: not when the call's own time is over or it costs
    /// more than is ever granted, nor when the policy is switched off, is closing, or does not
    /// serve calls of its class.
    #[must_use]
    pub const fn retry_advice(&self) -> RetryAdvice {
        match (self.reason, self.retry_after()) {
            (
                Reason::DeadlineExceeded
                | Reason::TooCostly
                | Reason::Closing
                | Reason::Disabled
                | Reason::Shed,
                _,
            ) => RetryAdvice::Never,
            (_, Some(wait)) => RetryAdvice::After(wait),
            (_, None) => RetryAdvice::Yes,
        }
    }

    /// The HTTP status that says the same: 429, 503 or 504.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        match self.reason {
            Reason::RateLimited | Reason::TooCostly => 429,
            Reason::AttemptTimeout | Reason::DeadlineExceeded => 504,
            Reason::Unavailable
            | Reason::NotReady
            | Reason::Full
            | Reason::QueueTimeout
            | Reason::Displaced
            | Reason::Shed
            | Reason::Closing
            | Reason::Disabled => 503,
        }
    }
}

impl Reason {
    /// The reason in a few words, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::NotReady => "not ready",
            Self::Full => "full",
            Self::QueueTimeout => "queue timeout",
            Self::Displaced => "displaced",
            Self::Shed => "shed",
            Self::RateLimited => "rate limited",
            Self::TooCostly => "too costly",
            Self::AttemptTimeout => "attempt timeout",
            Self::DeadlineExceeded => "deadline exceeded",
            Self::Closing => "closing",
            Self::Disabled => "disabled",
        }
    }

    /// Every reason, for tables over all of them.
    pub const ALL: [Self; 12] = [
        Self::Unavailable,
        Self::NotReady,
        Self::Full,
        Self::QueueTimeout,
        Self::Displaced,
        Self::Shed,
        Self::RateLimited,
        Self::TooCostly,
        Self::AttemptTimeout,
        Self::DeadlineExceeded,
        Self::Closing,
        Self::Disabled,
    ];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("by", self.by())
            .field("room", &self.room())
            .field("reason", &self.reason)
            .field("sent", &self.sent)
            .field("retry_after", &self.retry_after())
            .finish()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` refused: {}", self.room(), self.by(), self.reason)?;
        if let Some(wait) = self.retry_after() {
            write!(f, ", retry after {wait:?}")?;
        }
        Ok(())
    }
}

impl Error for Rejection {}

/// An error type that can carry a [`Rejection`] and give it back.
///
/// An enum of your own takes a `From<Rejection>` and the method:
///
/// ```
/// use salve_core::{Refusable, Rejection};
///
/// enum StockError {
///     Refused(Rejection),
///     Unknown(u64),
/// }
///
/// impl From<Rejection> for StockError {
///     fn from(rejection: Rejection) -> Self { Self::Refused(rejection) }
/// }
/// impl Refusable for StockError {
///     fn rejection(&self) -> Option<&Rejection> {
///         if let Self::Refused(rejection) = self { Some(rejection) } else { None }
///     }
/// }
/// ```
pub trait Refusable: From<Rejection> {
    /// The rejection, if that is what this error is.
    fn rejection(&self) -> Option<&Rejection>;
}

impl Refusable for Rejection {
    fn rejection(&self) -> Option<&Rejection> {
        Some(self)
    }
}

/// `tower::BoxError`: the rejection is found anywhere along [`Error::source`].
impl Refusable for Box<dyn Error + Send + Sync> {
    fn rejection(&self) -> Option<&Rejection> {
        find_rejection(self.as_ref())
    }
}

/// Finds the rejection in an error or in what caused it.
#[must_use]
pub fn find_rejection<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Rejection> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(rejection) = error.downcast_ref() {
            return Some(rejection);
        }
        current = error.source();
    }
    None
}
