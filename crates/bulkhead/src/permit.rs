//! The right to be under way.

use std::fmt;

use salve_core::{End, Settle};

use crate::lane::{Lane, Single};

/// A place in a bulkhead. Dropped, it is given back at once, to whoever waits for one.
#[must_use = "a permit that is dropped gives its place back"]
pub struct Permit<L: Lane = Single> {
    lane: L,
}

impl<L: Lane> Permit<L> {
    /// A permit for a place that has been taken.
    #[inline]
    pub(crate) const fn taken(lane: L) -> Self {
        Self { lane }
    }

    /// Gives the place back. The same as dropping it.
    pub fn release(self) {
        drop(self);
    }
}

impl<L: Lane> Drop for Permit<L> {
    #[inline]
    fn drop(&mut self) {
        self.lane.shared().release();
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
