//! The rate limit's word: no call is granted twice, and each is charged at the price that holds.

use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use salve_rate_limit::{Config, Handle, Quota};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn limit(quota: Quota) -> Handle {
    Handle::new(Config::new("loom", quota)).expect("the settings are valid")
}

#[test]
fn one_call_is_never_granted_to_two_threads() {
    loom::model(|| {
        let limit = limit(Quota::per_hour(1));
        let threads = [0, 1].map(|_| {
            let limit = limit.clone();
            thread::spawn(move || limit.check().is_ok())
        });
        let granted = threads.map(|thread| thread.join().expect("it does not panic"));
        assert!(granted[0] != granted[1], "{granted:?}");
    });
}

/// Whether it comes before or after the change, one call has been spent of one an hour.
#[test]
fn a_call_that_meets_a_change_is_charged_at_the_price_that_holds() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let limit = limit(Quota::per_hour(100).smooth());
        let caller = thread::spawn({
            let limit = limit.clone();
            move || assert!(limit.check().is_ok())
        });
        limit.reconfigure(Config::new("loom", Quota::per_hour(1))).expect("it is valid");
        caller.join().expect("it does not panic");
        let owed = limit.status().full_after;
        assert!(owed > HOUR - Duration::from_secs(60), "{owed:?}");
    });
}

/// The protocol alone: a price, and a word that holds what is owed above its lowest two bits.
struct Twin {
    owed: AtomicU64,
    price: AtomicU64,
}

const ASK: u64 = 1;
const VERSION: u64 = 2;

impl Twin {
    fn charge(&self) {
        loop {
            let seen = self.owed.load(Ordering::Acquire);
            let price = self.price.load(Ordering::Relaxed);
            let charged = seen + (price << 2);
            if seen & ASK == 0
                && self
                    .owed
                    .compare_exchange(seen, charged, Ordering::AcqRel, Ordering::Acquire)
                    .is_ok()
            {
                return;
            }
            thread::yield_now();
        }
    }

    /// Multiplies the price, and what is owed with it.
    fn change(&self, by: u64, bug: bool) {
        let convert = |seen: u64| (seen >> 2) * by << 2;
        let price = self.price.load(Ordering::Relaxed) * by;
        if bug {
            // Nothing tells a word of before the change from one of the same time after it.
            self.price.store(price, Ordering::Relaxed);
            let mut seen = self.owed.load(Ordering::Acquire);
            while let Err(now) =
                self.owed.compare_exchange(seen, convert(seen), Ordering::AcqRel, Ordering::Acquire)
            {
                seen = now;
            }
            return;
        }
        let seen = self.owed.fetch_or(ASK, Ordering::AcqRel);
        self.price.store(price, Ordering::Relaxed);
        self.owed.store(convert(seen) | (seen & VERSION ^ VERSION), Ordering::Release);
    }
}

fn twin(bug: bool) {
    let twin = Arc::new(Twin { owed: AtomicU64::new(0), price: AtomicU64::new(1) });
    let caller = thread::spawn({
        let twin = Arc::clone(&twin);
        move || twin.charge()
    });
    twin.change(100, bug);
    caller.join().expect("it does not panic");
    assert_eq!(twin.owed.load(Ordering::Acquire) >> 2, 100, "charged at a price that had gone");
}

#[test]
fn the_twin_charges_at_the_price_that_holds() {
    loom::model(|| twin(false));
}

#[test]
#[should_panic(expected = "charged at a price that had gone")]
fn loom_finds_a_change_that_does_not_mark_the_word() {
    loom::model(|| twin(true));
}
