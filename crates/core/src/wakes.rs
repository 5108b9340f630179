//! Those who are to be woken once a lock is released, without an allocation.

use std::task::Waker;

/// How many are woken each time that a lock is released.
const MOST: usize = 8;

/// A few wakers, collected while a lock is held and woken when it has been released.
#[derive(Debug, Default)]
pub struct Wakes {
    wakers: [Option<Waker>; MOST],
    len: usize,
}

impl Wakes {
    /// Whether no more than one fits in: the last is kept for whoever has to make way.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len + 1 >= MOST
    }

    /// Adds one; what does not fit would be woken by nobody, so ask first.
    pub fn add(&mut self, waker: Option<Waker>) {
        if let (Some(waker), Some(free)) = (waker, self.wakers.get_mut(self.len)) {
            *free = Some(waker);
            self.len += 1;
        }
    }

    /// Wakes them all. Call it with no lock held.
    pub fn wake(self) {
        self.wakers.into_iter().flatten().for_each(Waker::wake);
    }
}
