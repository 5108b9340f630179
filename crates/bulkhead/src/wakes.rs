//! Those who are to be woken once the lock is released, without an allocation.

use std::task::Waker;

/// How many are woken each time that the lock is released.
const MOST: usize = 8;

/// A few wakers.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    wakers: [Option<Waker>; MOST],
    len: usize,
}

impl Wakes {
    /// Whether no more fit in, with one left for who is displaced.
    pub(crate) const fn is_full(&self) -> bool {
        self.len + 1 >= MOST
    }

    /// Adds one; what does not fit would be woken by nobody, so ask first.
    pub(crate) fn add(&mut self, waker: Option<Waker>) {
        if let (Some(waker), Some(free)) = (waker, self.wakers.get_mut(self.len)) {
            *free = Some(waker);
            self.len += 1;
        }
    }

    pub(crate) fn wake(self) {
        self.wakers.into_iter().flatten().for_each(Waker::wake);
    }
}
