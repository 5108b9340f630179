//! The latencies of a service within a window, counted by any number of threads, and the delay.

use salve_core::sync::{AtomicU32, AtomicU64, Lock, Ordering};
use salve_core::{Moment, nanos};

use crate::config::Quantile;
use crate::latency::{BUCKETS, Tally, bucket, quantile};

/// Measures the first copies of calls, and says how late is late.
///
/// The window is two halves: the recent one fills, the older one only counts. When a half is
/// over, the recent one takes the older one's place.
///
/// # Invariants
/// 1. Counts are carried from one half to the other only under the lock, and each is taken by one
///    swap: none is lost or counted twice. What is counted while the halves change belongs to
///    either of them.
/// 2. `delay` is written only under the lock, by the settings that the lock guards.
/// 3. An answer adds to one counter and takes no lock; what was cut short is rare and takes it.
#[derive(Debug)]
pub(crate) struct Meter {
    /// In nanoseconds; `NONE` while too little was measured.
    delay: AtomicU64,
    refresh_at: AtomicU64,
    answered: [AtomicU32; BUCKETS],
    ledger: Lock<Ledger>,
}

#[derive(Debug)]
struct Ledger {
    settings: Quantile,
    /// The number of the recent half, counted from the origin of time.
    half: u64,
    cut_short: [u32; BUCKETS],
    older_answered: [u32; BUCKETS],
    older_cut_short: [u32; BUCKETS],
}

/// What a meter has measured within its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) answered: u64,
    pub(crate) cut_short: u64,
    /// In nanoseconds; `None` where it lies beyond what was seen.
    pub(crate) quantile: Option<u64>,
}

const NONE: u64 = u64::MAX;

/// How often in half a window the delay is worked out anew.
const STEPS: u64 = 16;

impl Meter {
    pub(crate) fn new(settings: Quantile) -> Self {
        let ledger = Ledger {
            settings,
            half: 0,
            cut_short: [0; BUCKETS],
            older_answered: [0; BUCKETS],
            older_cut_short: [0; BUCKETS],
        };
        Self {
            delay: AtomicU64::new(NONE),
            refresh_at: AtomicU64::new(0),
            answered: std::array::from_fn(|_| AtomicU32::new(0)),
            ledger: Lock::new(ledger),
        }
    }

    /// How long to wait for a call that begins at `now`; `None` while too little was measured.
    #[inline]
    pub(crate) fn delay(&self, now: Moment) -> Option<u64> {
        if now.as_nanos() >= self.refresh_at.load(Ordering::Acquire) {
            self.refresh(now);
        }
        match self.delay.load(Ordering::Acquire) {
            NONE => None,
            delay => Some(delay),
        }
    }

    /// Counts a first copy that was answered after so many nanoseconds.
    #[inline]
    pub(crate) fn answered(&self, latency: u64) {
        self.answered[bucket(latency)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a first copy that was watched for so many nanoseconds and not answered by then.
    #[cold]
    pub(crate) fn cut_short(&self, age: u64) {
        let mut ledger = self.ledger.lock();
        let count = &mut ledger.cut_short[bucket(age)];
        *count = count.saturating_add(1);
    }

    /// Follows new settings with what was measured; in a window of another length that counts as
    /// if it had been measured there.
    pub(crate) fn reconfigure(&self, settings: Quantile, now: Moment) {
        let mut ledger = self.ledger.lock();
        self.advance(&mut ledger, now);
        ledger.settings = settings;
        ledger.half = now.as_nanos() / half(&settings);
        self.work_out(&ledger, now);
    }

    pub(crate) fn measured(&self, now: Moment) -> Measured {
        let mut ledger = self.ledger.lock();
        self.advance(&mut ledger, now);
        self.sum_up(&ledger)
    }

    #[cold]
    fn refresh(&self, now: Moment) {
        let mut ledger = self.ledger.lock();
        // Another thread may have done it meanwhile.
        if now.as_nanos() >= self.refresh_at.load(Ordering::Relaxed) {
            self.advance(&mut ledger, now);
            self.work_out(&ledger, now);
        }
    }

    /// Moves the window on to `now`. Time that runs back stands still.
    fn advance(&self, ledger: &mut Ledger, now: Moment) {
        let target = now.as_nanos() / half(&ledger.settings);
        let passed = target.saturating_sub(ledger.half);
        if passed == 0 {
            return;
        }
        ledger.half = target;
        let answered = std::array::from_fn(|at| self.answered[at].swap(0, Ordering::Relaxed));
        let cut_short = std::mem::replace(&mut ledger.cut_short, [0; BUCKETS]);
        let over = passed > 1;
        ledger.older_answered = if over { [0; BUCKETS] } else { answered };
        ledger.older_cut_short = if over { [0; BUCKETS] } else { cut_short };
    }

    fn work_out(&self, ledger: &Ledger, now: Moment) {
        let Quantile { min_samples, floor, ceiling, .. } = ledger.settings;
        let measured = self.sum_up(ledger);
        let delay = if measured.answered < u64::from(min_samples) {
            NONE
        } else {
            measured.quantile.unwrap_or(NONE).clamp(nanos(floor), nanos(ceiling))
        };
        self.delay.store(delay, Ordering::Release);
        let step = half(&ledger.settings) / STEPS;
        let next = (now.as_nanos() / step + 1).saturating_mul(step);
        self.refresh_at.store(next, Ordering::Release);
    }

    fn sum_up(&self, ledger: &Ledger) -> Measured {
        // Read once: the counters go on while they are summed up.
        let tallies: [Tally; BUCKETS] = std::array::from_fn(|at| {
            let recent = u64::from(self.answered[at].load(Ordering::Relaxed));
            Tally {
                answered: recent + u64::from(ledger.older_answered[at]),
                cut_short: u64::from(ledger.cut_short[at]) + u64::from(ledger.older_cut_short[at]),
            }
        });
        Measured {
            answered: tallies.iter().map(|tally| tally.answered).sum(),
            cut_short: tallies.iter().map(|tally| tally.cut_short).sum(),
            quantile: quantile(ledger.settings.share, tallies.iter().copied()),
        }
    }
}

/// Half a window in nanoseconds, in whole steps.
fn half(settings: &Quantile) -> u64 {
    nanos(settings.window) / (2 * STEPS) * STEPS
}

/// What models of the lock-free parts need and nobody else: a meter whose time they choose.
#[cfg(salve_loom)]
pub mod model {
    use salve_core::Moment;

    use crate::config::Quantile;

    /// A meter with the default settings.
    #[derive(Debug)]
    pub struct Meter(super::Meter);

    impl Meter {
        /// A meter that has measured nothing.
        #[must_use]
        pub fn new() -> Self {
            Self(super::Meter::new(Quantile::default().with_min_samples(1)))
        }

        /// Counts a call that was answered at once.
        pub fn answered(&self) {
            self.0.answered(0);
        }

        /// Counts a call that was not answered.
        pub fn cut_short(&self) {
            self.0.cut_short(0);
        }

        /// Whether it knows a delay for a call that begins at `now`.
        pub fn knows_delay(&self, now: Moment) -> bool {
            self.0.delay(now).is_some()
        }

        /// How many calls it has seen answered and cut short within its window.
        pub fn measured(&self, now: Moment) -> (u64, u64) {
            let measured = self.0.measured(now);
            (measured.answered, measured.cut_short)
        }
    }

    impl Default for Meter {
        fn default() -> Self {
            Self::new()
        }
    }
}
