//! A meter of latencies whose window moves on while calls are counted: none is lost or counted twice.

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use salve_core::Moment;
use salve_hedge::model::Meter;

/// Two halves of one window of 30 seconds, the later one just begun.
const EARLY: Moment = Moment::from_nanos(15_000_000_000 * 9 - 1);
const LATER: Moment = Moment::from_nanos(15_000_000_000 * 9);

#[test]
fn no_call_is_lost_or_counted_twice_while_the_window_moves_on() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let meter = Arc::new(Meter::new());
        assert_eq!(meter.measured(EARLY), (0, 0));
        let others = Arc::clone(&meter);
        let counts = thread::spawn(move || {
            others.answered();
            others.cut_short();
            others.answered();
        });
        let moves = Arc::clone(&meter);
        let moved = thread::spawn(move || moves.knows_delay(LATER));
        counts.join().expect("counted");
        moved.join().expect("moved on");
        assert_eq!(meter.measured(LATER), (2, 1));
    });
}

#[test]
fn one_thread_works_the_delay_out_and_all_see_it() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let meter = Arc::new(Meter::new());
        meter.measured(EARLY);
        meter.answered();
        let other = Arc::clone(&meter);
        let theirs = thread::spawn(move || other.knows_delay(EARLY));
        assert!(meter.knows_delay(EARLY), "whoever finds the step over has the delay worked out");
        assert!(theirs.join().expect("asked"));
    });
}

/// The protocol of a counter whose half is over; with the bug it is not taken by one swap.
fn twin(bug: bool) {
    let answered = Arc::new(AtomicU32::new(0));
    let older = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&answered);
    let counts = thread::spawn(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        counter.fetch_add(1, Ordering::Relaxed);
    });
    *older.lock().expect("nobody panics") = if bug {
        let taken = answered.load(Ordering::Relaxed);
        answered.store(0, Ordering::Relaxed);
        taken
    } else {
        answered.swap(0, Ordering::Relaxed)
    };
    counts.join().expect("counted");
    let all = *older.lock().expect("nobody panics") + answered.load(Ordering::Relaxed);
    assert_eq!(all, 2, "a call was lost");
}

#[test]
fn the_twin_of_the_counter_holds() {
    loom::model(|| twin(false));
}

#[test]
#[should_panic(expected = "a call was lost")]
fn the_twin_without_the_swap_loses_calls() {
    loom::model(|| twin(true));
}
