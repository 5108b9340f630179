//! The bulkhead's line: whoever waits is woken when it has a place, and nobody overtakes it.
//!
//! Each scene is played with the bulkhead itself and with a twin of its protocol. No call is
//! driven by a runtime: it is polled by hand, and what woke it is only looked at once every other
//! thread has ended, when nothing more could wake it.

mod twin;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use salve_bulkhead::future::Acquire;
use salve_bulkhead::{Config, Handle, Permit};

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
        Handle::try_acquire(self).ok()
    }

    fn acquire(&self) -> Waiter {
        Waiter { acquire: Box::pin(Handle::acquire(self)), woken: StdArc::default() }
    }

    fn resize(&self, places: u32) {
        Handle::resize(self, places).expect("it is within bounds");
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

/// A call that has found no place and waits.
fn waiting<D: Door>(door: &D) -> D::Call {
    let mut call = door.acquire();
    assert!(call.poll().is_none(), "it did not have to wait");
    call
}

/// Takes the place that a call was woken for.
fn served<C: Call>(call: &mut C) -> C::Place {
    assert!(call.is_woken(), "nobody woke it");
    call.poll().expect("it was woken for nothing")
}

/// Asserts that every place has been given back and can be taken without waiting.
fn assert_at_rest<D: Door>(door: &D, places: usize) {
    let all = (0..places).map_while(|_| door.try_acquire()).collect::<Vec<_>>();
    assert_eq!(all.len(), places, "a place is lost");
    assert!(door.try_acquire().is_none(), "there is a place too many");
}

/// One place is given back while a call lines up for it.
fn given_back_while_one_lines_up<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let giving = thread::spawn(move || drop(held));
    let mut call = door.acquire();
    let found = call.poll();
    giving.join().expect("given back");
    drop(found.unwrap_or_else(|| served(&mut call)));
    assert_at_rest(door, 1);
}

/// One place is given back while the call that waits for it is polled with another waker.
fn given_back_while_one_is_polled<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let mut call = waiting(door);
    let giving = thread::spawn(move || drop(held));
    let found = call.poll();
    giving.join().expect("given back");
    drop(found.unwrap_or_else(|| served(&mut call)));
    assert_at_rest(door, 1);
}

/// A waiter is cancelled as it is served, while somebody else lines up behind it.
fn cancelled_as_it_is_served<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let cancelled = waiting(door);
    let giving = thread::spawn(move || drop(held));
    let leaving = thread::spawn(move || drop(cancelled));
    let mut call = door.acquire();
    let found = call.poll();
    giving.join().expect("given back");
    leaving.join().expect("cancelled");
    drop(found.unwrap_or_else(|| served(&mut call)));
    assert_at_rest(door, 1);
}

/// A waiter is cancelled as it is served, and somebody waits behind it already.
fn cancelled_before_another<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let (cancelled, mut next) = (waiting(door), waiting(door));
    let giving = thread::spawn(move || drop(held));
    drop(cancelled);
    giving.join().expect("given back");
    drop(served(&mut next));
    assert_at_rest(door, 1);
}

/// Two contend for one place, which a third gives back; whoever does not get it at once waits.
fn two_contend_for_one_place<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let out = Arc::new(AtomicUsize::new(0));
    let contend = |door: &D| {
        let (door, out) = (door.clone(), Arc::clone(&out));
        move || {
            let mut call = door.acquire();
            match call.poll() {
                None => Some(call),
                Some(place) => {
                    use_place(place, &out);
                    None
                }
            }
        }
    };
    let other = thread::spawn(contend(door));
    let giving = thread::spawn(move || drop(held));
    let mine = contend(door)();
    giving.join().expect("given back");
    let theirs = other.join().expect("no place too many");
    // Either may be first in line, and gives its place to the other.
    let mut calls = mine.into_iter().chain(theirs).collect::<Vec<_>>();
    calls.sort_by_key(|call| !call.is_woken());
    for call in &mut calls {
        use_place(served(call), &out);
    }
    assert_at_rest(door, 1);
}

fn use_place<P>(place: P, out: &AtomicUsize) {
    assert_eq!(out.fetch_add(1, Ordering::SeqCst), 0, "too many places are in use");
    out.fetch_sub(1, Ordering::SeqCst);
    drop(place);
}

/// Somebody waits while the place is given back; whoever comes then must not get it first.
fn nobody_overtakes<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let mut first = waiting(door);
    let giving = thread::spawn(move || drop(held));
    let taken = door.try_acquire();
    let mut second = door.acquire();
    let found = second.poll();
    let overtaken = taken.is_some() || found.is_some();
    giving.join().expect("given back");
    assert!(!overtaken, "the first in line is overtaken");
    assert!(!second.is_woken(), "the first in line is overtaken");
    drop(served(&mut first));
    drop(served(&mut second));
    assert_at_rest(door, 1);
}

/// Two places are added while one call waits and another lines up.
fn grown_while_one_lines_up<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let mut first = waiting(door);
    let growing = door.clone();
    let growing = thread::spawn(move || growing.resize(3));
    let mut second = door.acquire();
    let found = second.poll();
    growing.join().expect("grown");
    let places = (held, served(&mut first), found.unwrap_or_else(|| served(&mut second)));
    assert!(door.try_acquire().is_none(), "there is a place too many");
    drop(places);
    assert_at_rest(door, 3);
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
