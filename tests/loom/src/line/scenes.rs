//! The scenes at a bulkhead's line, each with what must be true however its threads interleave.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::{Call, Door};

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
pub(super) fn given_back_while_one_lines_up<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let giving = thread::spawn(move || drop(held));
    let mut call = door.acquire();
    let found = call.poll();
    giving.join().expect("given back");
    drop(found.unwrap_or_else(|| served(&mut call)));
    assert_at_rest(door, 1);
}

/// One place is given back while the call that waits for it is polled with another waker.
pub(super) fn given_back_while_one_is_polled<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let mut call = waiting(door);
    let giving = thread::spawn(move || drop(held));
    let found = call.poll();
    giving.join().expect("given back");
    drop(found.unwrap_or_else(|| served(&mut call)));
    assert_at_rest(door, 1);
}

/// A waiter is cancelled as it is served, while somebody else lines up behind it.
pub(super) fn cancelled_as_it_is_served<D: Door>(door: &D) {
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
pub(super) fn cancelled_before_another<D: Door>(door: &D) {
    let held = door.try_acquire().expect("it is free");
    let (cancelled, mut next) = (waiting(door), waiting(door));
    let giving = thread::spawn(move || drop(held));
    drop(cancelled);
    giving.join().expect("given back");
    drop(served(&mut next));
    assert_at_rest(door, 1);
}

/// Two contend for one place, which a third gives back; whoever does not get it at once waits.
pub(super) fn two_contend_for_one_place<D: Door>(door: &D) {
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
pub(super) fn nobody_overtakes<D: Door>(door: &D) {
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
pub(super) fn grown_while_one_lines_up<D: Door>(door: &D) {
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
