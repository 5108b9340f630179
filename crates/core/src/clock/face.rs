//! Clocks that are wrong on purpose, so that it can be tried what a step or a drift does.
//!
//! A program whose clocks are right pays nothing for it: the quick way to a moment is closed while
//! any clock is wrong, and nobody looks here otherwise.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{COUNT, UNKNOWN, origin};
use crate::Moment;

/// What a clock shows instead of the time.
pub trait Face: Send + Sync {
    /// What it shows at `now`, the moment that it really is.
    fn shows(&self, now: Moment) -> Moment;
}

thread_local! {
    static FACE: RefCell<Option<Arc<dyn Face>>> = const { RefCell::new(None) };
}

/// Runs `work` by a clock that shows what `face` says, or by the true one: for experiments.
///
/// It holds on this thread until `work` returns, for every function of this module; dates are
/// moved as moments are. Timers run truly all the same: only where they are set to depends on the
/// clock. So one may ring early or late by it, as with the clock of a machine.
pub fn with_face<T>(face: Option<&Arc<dyn Face>>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<dyn Face>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let face = self.0.take();
            drop(FACE.with(|now| now.replace(face)));
        }
    }
    let _wrong = face.map(|_| Wrong::begin());
    let _restore = Restore(FACE.with(|now| now.replace(face.cloned())));
    work()
}

/// The face that is looked at on this thread; the lock is gone when it is asked.
fn current() -> Option<Arc<dyn Face>> {
    FACE.try_with(|face| face.borrow().clone()).ok().flatten()
}

/// What the clock shows at this moment.
pub(super) fn shown(now: Moment) -> Moment {
    match current() {
        // By the true clock, should it read one itself.
        Some(face) => with_face(None, || face.shows(now)),
        None => now,
    }
}

/// When it really is, as far as can be known now, that the clock shows `moment`.
pub(super) fn true_moment(moment: Moment) -> Moment {
    if current().is_none() {
        return moment;
    }
    let now = with_face(None, super::now);
    let shown = shown(now);
    if shown <= moment {
        now.after(moment.since(shown))
    } else {
        Moment::from_nanos(now.as_nanos().saturating_sub(shown.since(moment).as_nanos() as u64))
    }
}

/// The date that the clock shows at this one.
pub(super) fn shown_date(date: Duration) -> Duration {
    if current().is_none() {
        return date;
    }
    let now = with_face(None, super::now);
    let shown = shown(now);
    date.saturating_add(shown.since(now)).saturating_sub(now.since(shown))
}

/// How many clocks of the program are wrong now, and the count that was put aside for them.
static WRONG: Mutex<(usize, u64)> = Mutex::new((0, UNKNOWN));

/// Keeps the quick way to a moment closed.
struct Wrong;

impl Wrong {
    fn begin() -> Self {
        // The count is found out with the origin, so that it is not opened again behind this.
        let _ = origin();
        let mut wrong = WRONG.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.0 == 0 {
            wrong.1 = COUNT.swap(UNKNOWN, Ordering::Relaxed);
        }
        wrong.0 += 1;
        Self
    }
}

impl Drop for Wrong {
    fn drop(&mut self) {
        let mut wrong = WRONG.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.0 -= 1;
        if wrong.0 == 0 {
            COUNT.store(wrong.1, Ordering::Relaxed);
        }
    }
}

/// The count as it is while no clock is wrong.
#[cfg(all(test, target_os = "linux", not(salve_loom)))]
pub(super) fn true_count() -> u64 {
    let wrong = WRONG.lock().unwrap_or_else(PoisonError::into_inner);
    if wrong.0 == 0 { COUNT.load(Ordering::Relaxed) } else { wrong.1 }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use super::super::{instant, moment, now, since_unix_epoch};
    use super::*;

    struct By(i64);

    impl Face for By {
        fn shows(&self, now: Moment) -> Moment {
            Moment::from_nanos(now.as_nanos().saturating_add_signed(self.0))
        }
    }

    const HOUR: i64 = 3_600_000_000_000;

    #[tokio::test(start_paused = true)]
    async fn every_reading_is_moved_alike_and_only_within() {
        for by in [HOUR, -HOUR] {
            let face: Arc<dyn Face> = Arc::new(By(by));
            let (truth, hour) = (now(), Duration::from_secs(3_600));
            let moved = if by > 0 {
                truth.after(hour)
            } else {
                Moment::from_nanos(truth.as_nanos() - HOUR as u64)
            };
            let read = with_face(Some(&face), || {
                let tokio = tokio::time::Instant::now();
                assert_eq!(moment(tokio), moved);
                assert_eq!(instant(moved.after(hour)), tokio + hour, "timers run truly");
                assert_eq!(with_face(None, now), truth);
                let read = std::thread::spawn(now).join();
                assert!(
                    read.is_ok_and(|other| other < truth.after(hour / 2)),
                    "on this thread alone"
                );
                now()
            });
            assert_eq!(read, moved);
            assert_eq!(now(), truth);
        }
    }

    #[test]
    fn dates_are_moved_too() {
        let face: Arc<dyn Face> = Arc::new(By(HOUR));
        let date = since_unix_epoch();
        let later = with_face(Some(&face), since_unix_epoch);
        let hour = Duration::from_secs(3_600);
        assert!(later >= date + hour && later < date + hour + Duration::from_secs(60));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_panic_sets_the_clock_right_and_opens_the_quick_way_again() {
        let before = now();
        let caught = std::panic::catch_unwind(|| {
            let face: Arc<dyn Face> = Arc::new(By(1));
            with_face(Some(&face), || with_face(Some(&face), || std::panic::panic_any("stop")))
        });
        assert!(caught.is_err() && current().is_none());
        assert!(now() >= before);
        assert_ne!(true_count(), UNKNOWN);
    }
}
