//! Counters of successes, one per thread where threads meet, so that nothing shared is written.

use std::cell::Cell;
use std::num::NonZeroUsize;

use salve_core::sync::{AtomicU64, Ordering};

/// A counter of successes that belongs to one stay.
///
/// # Invariants
/// 1. The upper half is the number of the stay, the lower half a count below [`FULL`], so a call
///    of another stay never adds to it: it compares and adds in one step.
/// 2. Only the holder of the engine's lock takes the count out or changes the stay.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Padded(pub(crate) Stripe);

/// See [`Padded`], which keeps stripes of different threads on different cache lines.
#[derive(Debug)]
pub struct Stripe(AtomicU64);

/// A count that must be taken out before more is added.
const FULL: u64 = 1 << 31;

const fn tag(stay: u32) -> u64 {
    (stay as u64) << 32
}

/// What came of adding one success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Yes,
    /// Added, but another thread was adding at the same time.
    Contended,
    /// The stay is over, or the count is full: the engine must be asked.
    No,
}

impl Stripe {
    pub(crate) fn new(stay: u32) -> Self {
        Self(AtomicU64::new(tag(stay)))
    }

    /// Adds a success of this stay.
    #[inline]
    pub(crate) fn add(&self, stay: u32) -> Added {
        let seen = self.0.load(Ordering::Relaxed);
        if seen ^ tag(stay) >= FULL {
            return Added::No;
        }
        match self.0.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Added::Yes,
            Err(_) => self.add_again(stay),
        }
    }

    #[cold]
    fn add_again(&self, stay: u32) -> Added {
        let mut seen = self.0.load(Ordering::Relaxed);
        while seen ^ tag(stay) < FULL {
            match self.0.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Added::Contended,
                Err(now) => seen = now,
            }
        }
        Added::No
    }

    /// Takes the count out and gives the stripe to `stay`. Only under the engine's lock.
    pub(crate) fn take(&self, stay: u32) -> u64 {
        self.0.swap(tag(stay), Ordering::AcqRel) & (FULL * 2 - 1)
    }
}

/// How many stripes a contended breaker gets: enough that threads seldom share one.
pub(crate) fn stripe_count() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    (cores * 4).next_power_of_two().min(64)
}

/// A number that no two threads share until numbers run out, counted up as threads first ask.
#[inline]
pub(crate) fn thread_number() -> usize {
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(0) };
    }
    match NUMBER.get() {
        0 => {
            let number = next_thread_number();
            NUMBER.set(number);
            number
        }
        number => number,
    }
}

#[cold]
fn next_thread_number() -> usize {
    use std::sync::atomic::AtomicUsize;
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).max(1)
}
