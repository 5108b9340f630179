//! A budget that is a share of recent traffic: an exact ledger behind one counter.

use std::time::Duration;

use crate::sync::{AtomicU64, Lock, Ordering};
use crate::{Buckets, Moment, Ratio};

/// Calls and repeats within the last horizon, in steps of a tenth.
#[derive(Debug)]
struct Ledger {
    steps: Buckets<Step>,
    share: Ratio,
    reserve: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    calls: u64,
    repeats: u64,
}

impl Ledger {
    fn new(share: Ratio, minimum_per_second: u32, horizon: Duration) -> Self {
        let reserve = u128::from(minimum_per_second) * horizon.as_millis() / 1_000;
        Self { steps: Buckets::new(horizon), share, reserve: reserve as u64 }
    }

    fn available(&self) -> u64 {
        let calls = self.steps.iter().map(|step| step.calls).sum();
        let repeats: u64 = self.steps.iter().map(|step| step.repeats).sum();
        (self.share.of(calls) + self.reserve).saturating_sub(repeats)
    }
}

/// The ledger behind a counter, so that a call only adds to the counter.
///
/// # Invariants
/// 1. What `pending` holds belongs to the ledger's current step: only the lock's holder moves the
///    step on, and takes `pending` before it does. A call that reads the old step's end and is
///    then overtaken counts in the new step, as if it had come a little later.
/// 2. A withdrawal sees every call that was counted before it.
/// 3. `plain_until` is the end of the step, or zero while the ledger allows nothing. The ledger
///    loses what it allows only under the lock: until that moment something is left.
#[derive(Debug)]
pub(super) struct Share {
    pending: AtomicU64,
    plain_until: AtomicU64,
    ledger: Lock<Ledger>,
}

impl Share {
    pub(super) fn new(share: Ratio, minimum_per_second: u32, horizon: Duration) -> Self {
        Self {
            pending: AtomicU64::new(0),
            plain_until: AtomicU64::new(0),
            ledger: Lock::new(Ledger::new(share, minimum_per_second, horizon)),
        }
    }

    /// Counts a call, and says whether a withdrawal would be granted.
    #[inline]
    pub(super) fn call_started(&self, now: Moment) -> bool {
        if self.is_plain(now) {
            self.pending.fetch_add(1, Ordering::Release);
            return true;
        }
        self.with_ledger(now, |ledger| {
            ledger.steps.current().calls += 1;
            ledger.available() > 0
        })
    }

    pub(super) fn withdraw(&self, now: Moment) -> bool {
        self.with_ledger(now, |ledger| {
            let allowed = ledger.available() > 0;
            if allowed {
                ledger.steps.current().repeats += 1;
            }
            allowed
        })
    }

    pub(super) fn available(&self, now: Moment) -> u64 {
        self.with_ledger(now, |ledger| ledger.available())
    }

    /// Whether a withdrawal would be granted; costs one read unless the budget was used up.
    #[inline]
    pub(super) fn has_some(&self, now: Moment) -> bool {
        self.is_plain(now) || self.available(now) > 0
    }

    /// Whether the step lasts and something is left.
    #[inline]
    fn is_plain(&self, now: Moment) -> bool {
        now.as_nanos() < self.plain_until.load(Ordering::Acquire)
    }

    #[cold]
    fn with_ledger<T>(&self, now: Moment, work: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledger = self.ledger.lock();
        ledger.steps.current().calls += self.pending.swap(0, Ordering::AcqRel);
        ledger.steps.advance(now);
        let result = work(&mut ledger);
        let plain_until = if ledger.available() > 0 { ledger.steps.end() } else { Moment::ZERO };
        self.plain_until.store(plain_until.as_nanos(), Ordering::Release);
        result
    }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use super::*;
    use crate::nanos;
    use proptest::prelude::*;

    /// The slow obvious twin: every call and repeat with its time.
    #[derive(Default)]
    struct Twin {
        calls: Vec<u64>,
        repeats: Vec<u64>,
    }

    impl Twin {
        fn withdraw(&mut self, now: u64, step: u64, share: Ratio, reserve: u64) -> bool {
            let recent = |times: &[u64]| {
                times
                    .iter()
                    .filter(|&&time| time / step + Buckets::<Step>::COUNT > now / step)
                    .count() as u64
            };
            let allowed = share.of(recent(&self.calls)) + reserve;
            let granted = recent(&self.repeats) < allowed;
            if granted {
                self.repeats.push(now);
            }
            granted
        }
    }

    proptest! {
        #[test]
        fn model(
            walk in prop::collection::vec((0_u64..40, 0_u8..3), 1..400),
            parts in prop::sample::select(vec![0_u32, 100_000, 300_000, 400_000, 600_000, 750_000, 900_000, 1_000_000]),
            minimum in 0_u32..50,
        ) {
            let share = Ratio::from_parts_per_million(parts).unwrap();
            let horizon = Duration::from_millis(200);
            let budget = Share::new(share, minimum, horizon);
            let step = nanos(horizon) / Buckets::<Step>::COUNT;
            let reserve = u64::from(minimum) * 200 / 1_000;
            let mut twin = Twin::default();
            let mut now = 1_000_000_000_u64;
            for (millis, act) in walk {
                now += millis * 1_000_000;
                let moment = Moment::from_nanos(now);
                prop_assert_eq!(budget.has_some(moment), budget.available(moment) > 0);
                if act == 0 {
                    let expected = twin.withdraw(now, step, share, reserve);
                    prop_assert_eq!(budget.withdraw(moment), expected);
                } else {
                    let has_some = budget.call_started(moment);
                    twin.calls.push(now);
                    prop_assert_eq!(has_some, budget.available(moment) > 0);
                }
            }
        }
    }

    #[test]
    fn shares_are_exact() {
        for (percent, expected) in [(30, 300), (40, 400), (60, 600), (75, 750), (90, 900)] {
            let share = Ratio::from_parts_per_million(percent * 10_000).unwrap();
            let budget = Share::new(share, 0, Duration::from_secs(10));
            let now = Moment::from_nanos(1);
            for _ in 0..1_000 {
                budget.call_started(now);
            }
            let granted = (0..1_000).filter(|_| budget.withdraw(now)).count();
            assert_eq!(granted, expected, "at {percent} %");
        }
    }
}
