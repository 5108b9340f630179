//! What single flight has counted, and how it stands.

use crate::status::Counter;

/// What a policy has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that were answered by another's.
    pub shared: u64,
    /// Callers that waited and then made the call, since its leader had left or its result was
    /// its own.
    pub promoted: u64,
    /// Calls made as if the layer were not there, since too many keys were in flight.
    pub overflowed: u64,
    /// Calls that would have waited for another, but for shadow mode.
    pub shadow: u64,
}

/// How a policy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How many keys are in flight.
    pub keys: usize,
    /// How many callers wait for the call of another.
    pub waiting: usize,
    /// Whether calls no longer wait for each other.
    pub is_paused: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) shared: Counter,
    pub(crate) promoted: Counter,
    pub(crate) overflowed: Counter,
    pub(crate) shadow: Counter,
}

impl Totals {
    pub(crate) fn read(&self) -> Counts {
        Counts {
            shared: self.shared.get(),
            promoted: self.promoted.get(),
            overflowed: self.overflowed.get(),
            shadow: self.shadow.get(),
        }
    }
}
