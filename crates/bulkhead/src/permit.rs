//! The right to be under way.

use std::fmt;

use salve_core::{End, Moment, Outcome, Settle};

use crate::lane::{Lane, Single};
use crate::limit::Ended;
use crate::word::Word;

/// A place in a bulkhead. Dropped, it is given back at once, to whoever waits for one.
///
/// Where the number of places [moves](crate::Adaptive), the call's time runs from when it has its
/// permit. [`finish`](Self::finish) says how it ended; dropped without that it counts as cancelled.
#[must_use = "a permit that is dropped gives its place back"]
pub struct Permit<L: Lane = Single> {
    lane: L,
    /// When it was given, if its call is measured.
    began: Moment,
}

/// A call that is not measured, or no longer. No clock shows it.
const UNMEASURED: Moment = Moment::ZERO;

impl<L: Lane> Permit<L> {
    /// A permit for a place that has been taken.
    #[inline]
    pub(crate) const fn taken(lane: L) -> Self {
        Self { lane, began: UNMEASURED }
    }

    /// A permit for a place that has been taken at `began`, by a call that is measured.
    pub(crate) const fn measured(lane: L, began: Moment) -> Self {
        Self { lane, began }
    }

    #[inline]
    pub(crate) fn is_measured(&self) -> bool {
        self.began != UNMEASURED
    }

    /// Says how the call ended, or began to be answered. The place stays taken.
    #[inline(never)]
    pub(crate) fn note(&mut self, ended: Option<Ended>) {
        let began = std::mem::replace(&mut self.began, UNMEASURED);
        if let Some(ended) = ended {
            let in_use = self.lane.shared().word().in_use();
            self.lane.shared().hear((began, ended), in_use, || self.lane.key());
        }
    }

    #[cold]
    fn cancelled(&self, before: Word) {
        let ended = (self.began, Ended::Unfinished);
        self.lane.shared().hear(ended, before.in_use(), || self.lane.key());
    }

    /// Says how the call ended, and gives the place back.
    pub fn finish(mut self, outcome: Outcome) {
        if self.is_measured() {
            self.note(Ended::of(outcome));
        }
    }

    /// Gives the place back. The same as dropping it.
    pub fn release(self) {
        drop(self);
    }
}

impl<L: Lane> Drop for Permit<L> {
    #[inline]
    fn drop(&mut self) {
        // Only where calls are measured is there more to do: the word says so anyway.
        if let Some(before) = self.lane.shared().release()
            && self.is_measured()
        {
            self.cancelled(before);
        }
    }
}

impl<L: Lane> Settle for Permit<L> {
    fn settle(self: Box<Self>, _: End) {
        drop(self);
    }
}

impl<L: Lane> fmt::Debug for Permit<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("key", &self.lane.key()).finish_non_exhaustive()
    }
}
