//! Successes that are added while another thread trips the breaker and moves its stay.

use std::time::Duration;

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;
use salve_circuit_breaker::{Config, Handle, OpenWait, Permit, Rate, State, Window, model};
use salve_core::Ratio;

fn breaker() -> Handle {
    let rate = Rate::of_failures(Window::Calls(8), Ratio::percent::<100>()).with_minimum_calls(8);
    let config = Config::new("loom")
        .without_rules()
        .with_consecutive_failures(1)
        .with_rate(rate)
        .with_open_wait(OpenWait::computed(|_| Duration::from_secs(60)));
    Handle::new(config).expect("the settings are valid")
}

/// Two successes race a failure that trips the breaker and an operator who closes it again.
fn race(breaker: &Handle, successes: [Permit; 2], failure: Permit) {
    let added = thread::spawn(move || successes.map(Permit::success));
    let operator = breaker.clone();
    let tripped = thread::spawn(move || {
        failure.failure();
        assert_eq!(operator.state(), State::Open);
        operator.close();
    });
    added.join().expect("the successes are added");
    tripped.join().expect("the breaker trips and closes");
    let (counts, status) = (breaker.counts(), breaker.status());
    assert_eq!((counts.successes, counts.failures, counts.trips), (2, 1, 1));
    assert!(counts.late <= 2);
    assert_eq!(status.window.calls, 0, "a success counts in a later stay");
    assert_eq!(status.state, State::Closed);
}

#[test]
fn every_success_is_counted_once_and_none_in_a_later_stay() {
    loom::model(|| {
        let breaker = breaker();
        let permit = || breaker.admit().expect("it is closed");
        race(&breaker, [permit(), permit()], permit());
    });
}

#[test]
fn the_same_holds_on_stripes_of_their_own() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let breaker = breaker();
        model::make_stripes(&breaker);
        let permit = |line| model::permit_on(&breaker, line);
        race(&breaker, [permit(0), permit(1)], permit(1));
    });
}

#[test]
fn a_failure_sees_every_success_that_ended_before_it() {
    loom::model(|| {
        let breaker = breaker();
        let (success, other, failure) = (breaker.admit(), breaker.admit(), breaker.admit());
        success.expect("it is closed").success();
        let racing = thread::spawn(move || other.expect("it is closed").success());
        failure.expect("it is closed").failure();
        let late_at_most = breaker.counts().late;
        racing.join().expect("the success is added");
        let counts = breaker.counts();
        assert_eq!((counts.successes, counts.failures), (2, 1));
        assert!(late_at_most <= counts.late && counts.late <= 1, "the first was not late");
    });
}

/// What the twin does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Bug {
    None,
    /// Adds with a load and a store instead of one step.
    LoadAndStore,
    /// Does not compare the stay.
    NoTag,
}

/// The protocol of one stripe, small enough to plant bugs in.
struct Twin {
    stripe: AtomicU64,
    /// The stay, and what has been counted in it and before it.
    engine: Mutex<(u64, u64, u64)>,
}

impl Twin {
    fn add(&self, stay: u64, bug: Bug) {
        let mut seen = self.stripe.load(Ordering::Relaxed);
        loop {
            if bug != Bug::NoTag && seen >> 32 != stay {
                self.engine.lock().expect("nobody panics").2 += 1;
                return;
            }
            if bug == Bug::LoadAndStore {
                self.stripe.store(seen + 1, Ordering::Release);
                return;
            }
            match self.stripe.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    fn trip(&self) {
        let mut engine = self.engine.lock().expect("nobody panics");
        engine.0 += 1;
        let taken = self.stripe.swap(engine.0 << 32, Ordering::AcqRel) & u64::from(u32::MAX);
        engine.2 += taken;
    }

    fn drain(&self) {
        let mut engine = self.engine.lock().expect("nobody panics");
        let taken = self.stripe.swap(engine.0 << 32, Ordering::AcqRel) & u64::from(u32::MAX);
        engine.1 += taken;
    }

    fn race(bug: Bug) {
        let engine = Mutex::new((1, 0, 0));
        let twin = Arc::new(Self { stripe: AtomicU64::new(1 << 32), engine });
        let other = Arc::clone(&twin);
        let added = thread::spawn(move || [other.add(1, bug), other.add(1, bug)]);
        twin.trip();
        added.join().expect("the successes are added");
        twin.drain();
        let engine = twin.engine.lock().expect("nobody panics");
        assert_eq!((engine.1, engine.2), (0, 2), "lost, or counted in a later stay");
    }
}

#[test]
fn the_twin_without_a_bug_passes() {
    loom::model(|| Twin::race(Bug::None));
}

#[test]
#[should_panic(expected = "lost, or counted in a later stay")]
fn a_load_and_a_store_are_caught() {
    loom::model(|| Twin::race(Bug::LoadAndStore));
}

#[test]
#[should_panic(expected = "lost, or counted in a later stay")]
fn a_missing_tag_is_caught() {
    loom::model(|| Twin::race(Bug::NoTag));
}
