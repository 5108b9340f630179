//! Probes: however many threads ask a half-open breaker, no more are out at once than it allows.

use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use salve_circuit_breaker::{Config, Handle, OpenWait, State};

/// Takes a probe if it gets one, and gives it back; asserts that no other is out.
fn probe(breaker: &Handle, out: &AtomicUsize, succeed: bool) {
    if let Ok(permit) = breaker.admit() {
        assert_eq!(out.fetch_add(1, Ordering::SeqCst), 0, "too many probes are out");
        out.fetch_sub(1, Ordering::SeqCst);
        if succeed { permit.success() } else { permit.ignore() }
    }
}

fn half_open() -> Handle {
    let config = Config::new("loom")
        .without_rules()
        .with_consecutive_failures(1)
        .with_probes(1, 1)
        .with_open_wait(OpenWait::computed(|_| Duration::ZERO));
    let breaker = Handle::new(config).expect("the settings are valid");
    breaker.open();
    breaker
}

#[test]
fn one_place_is_never_given_to_two_probes() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (breaker, out) = (half_open(), Arc::new(AtomicUsize::new(0)));
        let threads = [0, 1].map(|_| {
            let (breaker, out) = (breaker.clone(), Arc::clone(&out));
            thread::spawn(move || probe(&breaker, &out, false))
        });
        for thread in threads {
            thread.join().expect("no probe too many");
        }
        assert_eq!(breaker.state(), State::HalfOpen);
        probe(&breaker, &out, true);
        assert_eq!(breaker.state(), State::Closed, "every place was given back");
    });
}

/// The protocol with its place counted by a load and a store.
fn twin(bug: bool) {
    let (places, out) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(0)));
    let take = move |places: &AtomicUsize, out: &AtomicUsize| {
        let free = places.load(Ordering::SeqCst);
        let mine = if bug {
            places.store(free.saturating_sub(1), Ordering::SeqCst);
            free > 0
        } else {
            places.compare_exchange(1, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        };
        if mine {
            assert_eq!(out.fetch_add(1, Ordering::SeqCst), 0, "too many probes are out");
            out.fetch_sub(1, Ordering::SeqCst);
            places.fetch_add(1, Ordering::SeqCst);
        }
    };
    let (other_places, other_out) = (Arc::clone(&places), Arc::clone(&out));
    let other = thread::spawn(move || take(&other_places, &other_out));
    take(&places, &out);
    other.join().expect("too many probes are out");
}

#[test]
fn the_twin_without_a_bug_passes() {
    loom::model(|| twin(false));
}

#[test]
#[should_panic(expected = "too many probes are out")]
fn a_load_and_a_store_are_caught() {
    loom::model(|| twin(true));
}
