//! The engine: when a copy of a call is due, whether it is sent, and which failure is kept.

use salve_core::{Moment, Outcome, Rejection, Sent, Verdict};

/// The copies that may still be made of one call.
///
/// # Invariants
/// 1. No copy is due at or after the deadline.
/// 2. A copy that was refused is not made up for: it counts as one of those that may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copies {
    /// When the next is due; never where none may follow.
    due: Moment,
    /// In nanoseconds.
    delay: u64,
    left: u32,
}

/// What a copy that is due could be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Supply {
    pub(crate) request: Held,
    /// How many attempts the retries around this call have left.
    pub(crate) around: Option<u32>,
    /// Whether a pause was called for.
    pub(crate) paused: bool,
}

/// Whether there is a request to make a copy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Yes,
    /// None was kept, since the budget was used up when the call began.
    Skipped,
    /// It cannot be copied.
    No,
}

/// What is done when a copy is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A copy is sent, for which so much was paid.
    Send { paid: u32 },
    /// The budget did not allow it.
    Refused,
    /// No copy will be sent any more.
    Over,
}

impl Copies {
    /// No copy.
    pub(crate) const NONE: Self = Self { due: Moment::MAX, delay: 0, left: 0 };

    /// Up to `max` copies of a call that was made at `began`, each after a delay of so many
    /// nanoseconds.
    #[inline]
    pub(crate) fn of(max: u32, delay: u64, began: Moment, deadline: Moment) -> Self {
        let due = Moment::from_nanos(began.as_nanos().saturating_add(delay));
        if due < deadline { Self { due, delay, left: max } } else { Self::NONE }
    }

    /// When the next copy is due; [`Moment::MAX`] where none may follow.
    #[inline]
    pub(crate) const fn due(&self) -> Moment {
        self.due
    }

    /// Decides on the copy that is due, and when the next will be. `pay` asks the budget, when
    /// nothing else speaks against the copy, and says what was paid.
    pub(crate) fn decide(
        &mut self,
        now: Moment,
        deadline: Moment,
        supply: Supply,
        pay: impl FnOnce() -> Option<u32>,
    ) -> Decision {
        let Supply { request, around, paused } = supply;
        if paused || now >= deadline || request == Held::No || around == Some(0) {
            *self = Self::NONE;
            return Decision::Over;
        }
        *self = if self.left > 1 {
            Self::of(self.left - 1, self.delay, now, deadline)
        } else {
            Self::NONE
        };
        // Without the budget's veto the request would have been kept.
        let paid = if request == Held::Skipped { None } else { pay() };
        paid.map_or(Decision::Refused, |paid| Decision::Send { paid })
    }
}

/// What the result of one copy means for the call. What means more compares greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judgement {
    /// It was refused before it was sent.
    Unsent,
    /// It failed, or may have been sent and got no answer.
    Failed,
    /// The dependency answered, but the answer says nothing about the dependency.
    Ignored,
    Success,
}

impl Judgement {
    /// Whether it ends the call while other copies are under way.
    pub(crate) const fn is_answer(self) -> bool {
        matches!(self, Self::Ignored | Self::Success)
    }

    /// Whether this failure is kept for the caller and not the one kept before. The first one
    /// stands, but that a refusal says less than a failure.
    pub(crate) fn replaces(self, kept: Option<Self>) -> bool {
        kept.is_none_or(|kept| self > kept)
    }

    pub(crate) const fn rejected(rejection: &Rejection) -> Self {
        match rejection.sent() {
            Sent::No => Self::Unsent,
            Sent::Unknown => Self::Failed,
        }
    }
}

impl From<Verdict<'_>> for Judgement {
    #[inline]
    fn from(verdict: Verdict<'_>) -> Self {
        match verdict {
            Verdict::Rejected(rejection) => Self::rejected(rejection),
            Verdict::Judged(outcome) => outcome.into(),
        }
    }
}

impl From<Outcome> for Judgement {
    #[inline]
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Success,
            Outcome::Ignored => Self::Ignored,
            Outcome::Failure { .. } => Self::Failed,
        }
    }
}
