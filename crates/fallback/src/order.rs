//! The engine: which failures are worth an alternative, and which alternative is next.

use salve_core::{FailureKind, Outcome, Reason, Verdict};

/// Why a call is not answered by its own result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The classifier called it a failure of this kind.
    Failed(FailureKind),
    /// A policy of the family refused it or gave up on it.
    Refused(Reason),
    /// It panicked.
    Panicked,
}

/// Why this result is worth an alternative; `None` if it is an answer.
///
/// A rejection always is, whatever a classifier would say. What is ignored never is: another
/// source would answer a faulty request no better.
#[inline]
pub(crate) const fn worth(verdict: Verdict<'_>) -> Option<Why> {
    match verdict {
        Verdict::Rejected(rejection) => Some(Why::Refused(rejection.reason())),
        Verdict::Judged(Outcome::Failure { kind, .. }) => Some(Why::Failed(kind)),
        Verdict::Judged(Outcome::Success | Outcome::Ignored) => None,
    }
}

/// What an alternative needs before it can be tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The request.
    pub(crate) request: bool,
    /// Some of the call's time.
    pub(crate) time: bool,
}

impl Needs {
    /// Whether what there is suffices.
    const fn are_met_by(self, supply: Self) -> bool {
        (supply.request || !self.request) && (supply.time || !self.time)
    }
}

/// The places of alternatives in the order in which they are tried: the lowest priority number
/// first, and those of the same number as they were given.
pub(crate) fn order(priorities: &[u32]) -> Vec<usize> {
    let mut places: Vec<_> = (0..priorities.len()).collect();
    places.sort_by_key(|&place| priorities[place]);
    places
}

/// How far one call has come through the alternatives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    next: usize,
    has_tried: bool,
}

impl Walk {
    /// Before the first alternative.
    pub(crate) const START: Self = Self { next: 0, has_tried: false };

    /// The alternative to try now, once the call or the one before has failed. Those whose needs
    /// are not met are passed over for good. Without `cascade` one is tried at most.
    pub(crate) fn next(
        &mut self,
        chain: impl IntoIterator<Item = Needs>,
        cascade: bool,
        supply: Needs,
    ) -> Option<usize> {
        if self.has_tried && !cascade {
            return None;
        }
        let mut rest = chain.into_iter().enumerate().skip(self.next);
        let found = rest.find(|(_, needs)| needs.are_met_by(supply)).map(|(place, _)| place);
        self.next = found.map_or(usize::MAX, |place| place + 1);
        self.has_tried |= found.is_some();
        found
    }
}
