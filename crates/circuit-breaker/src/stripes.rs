//! Counters of successes, one per thread where threads meet, so that nothing shared is written.

use std::cell::Cell;
use std::num::NonZeroUsize;

use salve_core::sync::{AtomicU64, Ordering};

use crate::breaker::Ticket;

/// A counter of successes that belongs to one stay.
///
/// # Invariants
/// 1. The upper half is the number of the stay, the lower half a count of at most [`FULL`], and
///    [`STEPPED`]. A claim with another stay or other flags never adds to it: it compares and
///    adds in one step.
/// 2. Only the holder of the engine's lock takes the count out or changes stay and flags.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Padded(pub(crate) Stripe);

/// See [`Padded`], which keeps stripes of different threads on different cache lines.
#[derive(Debug)]
pub struct Stripe(AtomicU64);

/// A count that must be taken out before more is added.
const FULL: u64 = 1 << 29;
/// In claims only: a success may be a probe's, or slow, and is never just added.
const WATCHED: u64 = 1 << 30;
/// When a call ends matters, so that a success must look at the clock before it is added.
const STEPPED: u64 = 1 << 31;

/// Which stripes a success may be added to, and what its call was.
///
/// Laid out like a stripe, so that one comparison finds out all that could hinder the addition:
/// the stay in the upper half, flags and the number of the probe in the lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim(u64);

impl Claim {
    /// A call of this stay whose success need only be added.
    #[inline]
    pub(crate) const fn plain(stay: u32) -> Self {
        Self((stay as u64) << 32)
    }

    /// A call whose success must be looked at.
    pub(crate) const fn watched(ticket: Ticket) -> Self {
        Self(Self::plain(ticket.stay).0 | WATCHED | ticket.probe as u64)
    }

    /// The same stay's claim on stripes that are stepped, or not.
    pub(crate) const fn stepped(self, stepped: bool) -> Self {
        Self(Self::plain(self.stay()).0 | if stepped { STEPPED } else { 0 })
    }

    pub(crate) const fn stay(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn ticket(self) -> Ticket {
        Ticket { stay: self.stay(), probe: self.0 as u32 & LAST_PROBE }
    }
}

/// Probe numbers must leave the flags of a claim alone.
pub(crate) const LAST_PROBE: u32 = WATCHED as u32 - 1;

/// Whether it is time to look whether threads meet, after so many successes. Finding out costs
/// more than adding one does; done so seldom it costs nothing. Two in a row are looked at, an even
/// and an odd one, since threads that meet may take turns strictly.
#[inline]
pub(crate) const fn is_time_to_look(successes: u64) -> bool {
    successes & 0b111_1110 == 0
}

impl Stripe {
    pub(crate) fn new(claim: Claim) -> Self {
        Self(AtomicU64::new(claim.0))
    }

    /// Adds a success and returns what was there before; nothing is added if the success must be
    /// looked at, its stay is over, the count is full, or another thread adds at this moment.
    #[inline]
    pub(crate) fn add_alone(&self, claim: Claim) -> Option<u64> {
        let seen = self.0.load(Ordering::Relaxed);
        (seen ^ claim.0 < FULL && self.add_to(seen).is_ok()).then_some(seen)
    }

    /// Like [`add_alone`](Self::add_alone), but takes turns with other threads.
    #[inline]
    pub(crate) fn add(&self, claim: Claim) -> Option<u64> {
        let mut seen = self.0.load(Ordering::Relaxed);
        while seen ^ claim.0 < FULL {
            match self.add_to(seen) {
                Ok(_) => return Some(seen),
                Err(now) => seen = now,
            }
        }
        None
    }

    #[inline]
    fn add_to(&self, seen: u64) -> Result<u64, u64> {
        self.0.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed)
    }

    /// Takes the count out and opens the stripe to `claim`. Only under the engine's lock.
    pub(crate) fn take(&self, claim: Claim) -> u64 {
        self.0.swap(claim.0, Ordering::AcqRel) & (FULL * 2 - 1)
    }
}

/// How many stripes a contended breaker gets: enough that threads seldom share one.
pub(crate) fn stripe_count() -> usize {
    if cfg!(salve_loom) {
        // As few as show what more would: each one multiplies what there is to explore.
        return 2;
    }
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    (cores * 4).next_power_of_two().min(64)
}

thread_local! {
    /// Zero until the thread has asked for its number.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// A number that no two threads share until numbers run out, counted up as threads first ask.
#[inline]
pub(crate) fn thread_number() -> usize {
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
