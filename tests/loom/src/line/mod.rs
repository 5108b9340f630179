//! The bulkhead's line: whoever waits is woken when it has a place, and nobody overtakes it.
//!
//! Each scene is played with the bulkhead itself and with a twin of its protocol. No call is
//! driven by a runtime: it is polled by hand, and what woke it is only looked at once every other
//! thread has ended, when nothing more could wake it.

mod scenes;
mod twin;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use salve_bulkhead::future::Acquire;
use salve_bulkhead::{Adaptive, Algorithm, Config, Handle, Permit};
use salve_core::Outcome;

use scenes::{
    cancelled_as_it_is_served, cancelled_before_another, given_back_while_one_is_polled,
    given_back_while_one_lines_up, grown_while_one_lines_up, nobody_overtakes,
    two_contend_for_one_place,
};
use twin::{Bug, Twin};

/// What the scenes need of a bulkhead, and of its twin.
trait Door: Clone + 'static {
    /// A place, which is given back when it is dropped.
    type Place: 'static;
    type Call: Call<Place = Self::Place> + 'static;

    fn try_acquire(&self) -> Option<Self::Place>;
    /// A call that has not asked yet.
    fn acquire(&self) -> Self::Call;
    fn resize(&self, places: u32);
}

/// Dropped, it leaves the line.
trait Call {
    type Place;

    fn poll(&mut self) -> Option<Self::Place>;
    fn is_woken(&self) -> bool;
}

/// Remembers that it was woken. It is no part of the model: only what the lock and the word
/// order may be relied upon, so nothing is read from it until the threads have been joined.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: StdArc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Door for Handle {
    type Place = Permit;
    type Call = Waiter;

    fn try_acquire(&self) -> Option<Permit> {
        Self::try_acquire(self).ok()
    }

    fn acquire(&self) -> Waiter {
        Waiter { acquire: Box::pin(Self::acquire(self)), woken: StdArc::default() }
    }

    fn resize(&self, places: u32) {
        Self::resize(self, places).expect("it is within bounds");
    }
}

struct Waiter {
    acquire: Pin<Box<Acquire>>,
    woken: StdArc<Woken>,
}

impl Call for Waiter {
    type Place = Permit;

    fn poll(&mut self) -> Option<Permit> {
        // One of its own for each poll: the last alone counts.
        self.woken = StdArc::default();
        let waker = Waker::from(StdArc::clone(&self.woken));
        match self.acquire.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(place) => Some(place.expect("the line has room")),
            Poll::Pending => None,
        }
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::SeqCst)
    }
}

fn bulkhead(places: u32) -> Handle {
    let config = Config::new("loom").with_places(places).with_queue(4).without_max_wait();
    Handle::new(config).expect("the settings are valid")
}

fn explore(scene: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(scene);
}

#[test]
fn a_place_given_back_finds_who_lines_up() {
    explore(|| given_back_while_one_lines_up(&bulkhead(1)));
}

#[test]
fn a_place_given_back_wakes_the_last_waker() {
    explore(|| given_back_while_one_is_polled(&bulkhead(1)));
}

#[test]
fn a_cancelled_waiter_passes_its_place_to_who_lines_up() {
    explore(|| cancelled_as_it_is_served(&bulkhead(1)));
}

#[test]
fn a_cancelled_waiter_passes_its_place_to_who_waits() {
    explore(|| cancelled_before_another(&bulkhead(1)));
}

#[test]
fn one_place_is_never_used_twice_at_once() {
    explore(|| two_contend_for_one_place(&bulkhead(1)));
}

#[test]
fn who_comes_later_does_not_overtake() {
    explore(|| nobody_overtakes(&bulkhead(1)));
}

#[test]
fn places_that_are_added_find_who_lines_up() {
    explore(|| grown_while_one_lines_up(&bulkhead(1)));
}

/// An answer that moves the limit from 1 to 2, while one call waits and another lines up. How the
/// places are added is the same as in [`grown_while_one_lines_up`]; here it is the limit that does.
#[test]
fn places_that_an_answer_adds_find_who_lines_up() {
    explore(|| {
        let aimd = Adaptive::default().with_algorithm(Algorithm::aimd());
        let config = Config::new("loom").with_places(1).with_queue(4).without_max_wait();
        let door = Handle::new(config.with_adaptive(aimd)).expect("the settings are valid");
        let held = Door::try_acquire(&door).expect("it is free");
        let mut first = Door::acquire(&door);
        assert!(first.poll().is_none());
        let answered = loom::thread::spawn(move || held.finish(Outcome::Success));
        let mut second = Door::acquire(&door);
        let found = second.poll();
        answered.join().expect("answered");
        assert!(first.is_woken(), "nobody woke it");
        let places = [first.poll(), found.or_else(|| second.poll())];
        assert_eq!(door.status().in_use, 2);
        for place in places {
            place.expect("there are two places").finish(Outcome::Ignored);
        }
        let status = door.status();
        assert_eq!((status.places, status.in_use, status.queued()), (2, 0, 0));
    });
}

#[test]
fn the_twin_without_a_bug_passes_every_scene() {
    for scene in [
        given_back_while_one_lines_up::<Twin>,
        cancelled_as_it_is_served,
        cancelled_before_another,
        two_contend_for_one_place,
        nobody_overtakes,
        grown_while_one_lines_up,
    ] {
        explore(move || scene(&Twin::new(Bug::None)));
    }
}

#[test]
#[should_panic(expected = "nobody woke it")]
fn a_line_that_is_not_looked_at_again_is_caught() {
    explore(|| given_back_while_one_lines_up(&Twin::new(Bug::NoRecheck)));
}

#[test]
#[should_panic(expected = "nobody woke it")]
fn a_line_that_is_not_served_is_caught() {
    explore(|| given_back_while_one_lines_up(&Twin::new(Bug::NoServe)));
}

#[test]
#[should_panic(expected = "nobody woke it")]
fn a_cancelled_waiter_that_keeps_its_place_is_caught() {
    explore(|| cancelled_before_another(&Twin::new(Bug::KeepsPlace)));
}

#[test]
#[should_panic(expected = "too many places are in use")]
fn a_place_that_is_taken_in_two_steps_is_caught() {
    explore(|| two_contend_for_one_place(&Twin::new(Bug::TwoSteps)));
}

#[test]
#[should_panic(expected = "the first in line is overtaken")]
fn a_word_that_ignores_the_line_is_caught() {
    explore(|| nobody_overtakes(&Twin::new(Bug::IgnoresLine)));
}

#[test]
#[should_panic(expected = "nobody woke it")]
fn places_that_are_added_without_serving_are_caught() {
    explore(|| grown_while_one_lines_up(&Twin::new(Bug::GrowsSilently)));
}
