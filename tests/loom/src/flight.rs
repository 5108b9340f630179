//! Single flight: whoever waits for another's call gets its answer or leads, however callers leave.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use loom::sync::{Arc, Mutex};
use loom::thread;
use salve_core::Rejection;
use salve_fallback::single_flight::{Config, Flights};

type Answer = Result<u32, Rejection>;
type Call = Pin<Box<dyn Future<Output = Answer> + Send>>;

fn flights() -> Flights<u8, u32, Rejection> {
    Flights::new(Config::default().with_max_keys(4)).expect("the settings are valid")
}

/// A call of the one key, which is not answered.
fn hangs(flights: &Flights<u8, u32, Rejection>) -> Call {
    Box::pin(flights.call(7, std::future::pending))
}

/// A call of the one key, which answers at once if it is made.
fn answers(flights: &Flights<u8, u32, Rejection>, with: u32) -> Call {
    Box::pin(flights.call(7, move || std::future::ready(Ok(with))))
}

fn poll(call: &mut Call) -> Poll<Answer> {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn model(work: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(work);
}

#[test]
fn who_waits_leads_when_the_leader_and_the_one_before_leave_at_once() {
    model(|| {
        let flights = flights();
        let (mut leader, mut first) = (hangs(&flights), hangs(&flights));
        let mut second = answers(&flights, 2);
        assert!(poll(&mut leader).is_pending() && poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending(), "it waits for the leader");
        let leaves = thread::spawn(move || drop(leader));
        drop(first);
        leaves.join().expect("it does not panic");
        assert_eq!(poll(&mut second), Poll::Ready(Ok(2)), "nobody else is left to call");
        assert_eq!(flights.handle().status().keys, 0);
    });
}

#[test]
fn who_comes_while_the_leader_leaves_waits_for_nobody() {
    model(|| {
        let flights = flights();
        let mut leader = hangs(&flights);
        assert!(poll(&mut leader).is_pending());
        let mut comes = answers(&flights, 2);
        let leaves = thread::spawn(move || drop(leader));
        let first = poll(&mut comes);
        leaves.join().expect("it does not panic");
        if first.is_pending() {
            assert_eq!(poll(&mut comes), Poll::Ready(Ok(2)), "it has been called up to lead");
        }
    });
}

#[test]
fn who_comes_while_an_answer_lands_shares_it_or_calls_anew() {
    model(|| {
        let flights = flights();
        let gate = Arc::new(Mutex::new(false));
        let opened = Arc::clone(&gate);
        // Not answered at its first poll, so that another may come.
        let mut leader: Call = Box::pin(flights.call(7, move || {
            std::future::poll_fn(move |_| match *opened.lock().expect("nobody panics") {
                true => Poll::Ready(Ok(1)),
                false => Poll::Pending,
            })
        }));
        assert!(poll(&mut leader).is_pending());
        *gate.lock().expect("nobody panics") = true;
        let lands = thread::spawn(move || poll(&mut leader));
        let mut comes = answers(&flights, 2);
        let first = poll(&mut comes);
        assert_eq!(lands.join().expect("it does not panic"), Poll::Ready(Ok(1)));
        let answer = if first.is_pending() { poll(&mut comes) } else { first };
        assert!(matches!(answer, Poll::Ready(Ok(1 | 2))), "{answer:?}");
        assert_eq!(flights.handle().status().keys, 0);
    });
}

/// The protocol alone: seats on a board, each with a lock of its own, and a lead to be passed on.
struct Twin {
    board: Mutex<Vec<Arc<Mutex<Seat>>>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Seat {
    Waiting,
    Leads,
    Left,
}

impl Twin {
    /// With the bug it calls up whoever is next, even if that one has left.
    fn pass_on(&self, bug: bool) {
        loop {
            let mut board = self.board.lock().expect("nobody panics");
            if board.is_empty() {
                return;
            }
            let next = board.remove(0);
            drop(board);
            let mut seat = next.lock().expect("nobody panics");
            if *seat == Seat::Waiting {
                *seat = Seat::Leads;
                return;
            }
            if bug {
                return;
            }
        }
    }

    /// A caller leaves its seat first and the board then, with no two locks held.
    fn leave(&self, seat: &Arc<Mutex<Seat>>) {
        let was = std::mem::replace(&mut *seat.lock().expect("nobody panics"), Seat::Left);
        if was == Seat::Leads {
            self.pass_on(false);
        } else {
            let mut board = self.board.lock().expect("nobody panics");
            board.retain(|other| !Arc::ptr_eq(other, seat));
        }
    }
}

fn twin(bug: bool) {
    let seats = [(); 2].map(|()| Arc::new(Mutex::new(Seat::Waiting)));
    let twin = Arc::new(Twin { board: Mutex::new(seats.to_vec()) });
    let passes = Arc::clone(&twin);
    let leader = thread::spawn(move || passes.pass_on(bug));
    twin.leave(&seats[0]);
    leader.join().expect("it does not panic");
    let second = *seats[1].lock().expect("nobody panics");
    assert_eq!(second, Seat::Leads, "who waits was lost");
}

#[test]
fn the_twin_without_a_bug_loses_nobody() {
    loom::model(|| twin(false));
}

#[test]
#[should_panic(expected = "who waits was lost")]
fn loom_finds_a_lead_that_is_given_to_who_has_left() {
    loom::model(|| twin(true));
}
