//! What a controller is asked and told, what it answers, and what it keeps of calls under way.

use salve_core::{Class, FailureKind, Moment, Outcome, Reason, RetryAdvice, Sent, Verdict};
use slotmap::DefaultKey;

use crate::queue::{Linked, Links};

/// A call, from its arrival to its end. An id that has ended is never taken for another call's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(crate) DefaultKey);

/// An attempt, from its sending to its end. An id that has ended is never taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub(crate) DefaultKey);

/// What is known of a call that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How much it matters.
    pub class: Class,
    /// The part of the dependency that it needs and that may be dead on its own, such as a shard:
    /// any number that names it, or a hash of its name.
    pub scope: Option<u64>,
    /// When its caller stops to wait.
    pub deadline: Moment,
    /// Whether carrying it out twice does no more than carrying it out once. What is not
    /// repeatable is sent again only where nothing can have been carried out.
    pub repeatable: bool,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Success,
    /// The dependency failed. Another attempt may mend it.
    Failure,
    /// The dependency failed, and would fail again.
    FinalFailure,
    /// The dependency said that it has too much to do, and did nothing.
    TurnedAway,
    /// The same, and it asked not to be called again so soon.
    PutOff,
    /// No answer came in time.
    TimedOut,
    /// Nothing was sent, for want of something on this side.
    NotSent,
    /// It was answered, and that says nothing about the dependency.
    Ignored,
    /// The caller went away, or another attempt won.
    Cancelled,
}

impl Ended {
    /// What a result is to the controller.
    pub(crate) fn of(verdict: Verdict<'_>) -> Self {
        match verdict {
            Verdict::Rejected(rejection) => match (rejection.sent(), rejection.retry_advice()) {
                (Sent::No, RetryAdvice::Yes) => Self::NotSent,
                (Sent::No, _) => Self::Ignored,
                (Sent::Unknown, _) => Self::TimedOut,
            },
            Verdict::Judged(Outcome::Success) => Self::Success,
            Verdict::Judged(Outcome::Ignored) => Self::Ignored,
            Verdict::Judged(Outcome::Failure { retry, kind }) => match (kind, retry) {
                (FailureKind::Overload, RetryAdvice::Yes) => Self::TurnedAway,
                (FailureKind::Overload, _) => Self::PutOff,
                (FailureKind::Timeout, _) => Self::TimedOut,
                (_, RetryAdvice::Yes) => Self::Failure,
                _ => Self::FinalFailure,
            },
        }
    }

    /// Whether the dependency failed; `None` if nothing is known of that.
    pub(crate) const fn has_failed(self) -> Option<bool> {
        match self {
            Self::Success => Some(false),
            Self::Failure | Self::FinalFailure | Self::TimedOut => Some(true),
            Self::TurnedAway | Self::PutOff | Self::NotSent | Self::Ignored | Self::Cancelled => {
                None
            }
        }
    }

    /// Whether the dependency said that it has too much to do.
    pub(crate) const fn is_turned_away(self) -> bool {
        matches!(self, Self::TurnedAway | Self::PutOff)
    }

    /// Whether it is what the call came to, however many attempts it may have left.
    pub(crate) const fn ends_call(self) -> bool {
        matches!(self, Self::Success | Self::Ignored)
    }
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make an attempt of this call at this replica.
    Send {
        /// Whose attempt.
        call: CallId,
        /// Which.
        attempt: AttemptId,
        /// Where.
        replica: u32,
    },
    /// Tell the caller that it is refused. Nothing of it is under way.
    Refuse {
        /// Whose call; it is over.
        call: CallId,
        /// Why.
        reason: Reason,
    },
    /// Hand the last failure to the caller.
    Fail {
        /// Whose call; it is over.
        call: CallId,
    },
}

impl Act {
    /// Whose act it is.
    #[must_use]
    pub const fn call(&self) -> CallId {
        match self {
            Self::Send { call, .. } | Self::Refuse { call, .. } | Self::Fail { call } => *call,
        }
    }
}

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    UnderWay,
    /// It waits for room within the limit.
    InLine,
    /// It waits until the dependency lives again.
    Parked,
    /// It waits until its scope lives again.
    ParkedInScope,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) ask: Ask,
    pub(crate) attempts: u32,
    pub(crate) last_replica: Option<u32>,
    pub(crate) place: Place,
    /// The class by which it is served.
    pub(crate) rank: Class,
    /// Until when it waits for room.
    pub(crate) patient_until: Moment,
    /// How many of its attempts are under way.
    pub(crate) under_way: u32,
    pub(crate) links: Links,
}

impl Linked for Call {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// May have ended before it.
    pub(crate) call: DefaultKey,
    pub(crate) replica: u32,
    pub(crate) scope: Option<u64>,
    pub(crate) sent: Moment,
    /// Whether it is overdue, and no longer in the queue of those that may become so.
    pub(crate) is_stuck: bool,
    /// Whether it was sent beside one that is overdue.
    pub(crate) is_second: bool,
    pub(crate) links: Links,
}

impl Linked for Attempt {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}
