//! Random walks of the board beside a slow twin that keeps every caller in one list.

use std::borrow::Cow;

use proptest::prelude::*;

use super::board::{Board, FlightId, Joined};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A caller of this key comes in.
    Join(u8),
    /// A caller that waits leaves.
    Leave(usize),
    /// A leader leaves.
    LeaderLeaves(usize),
    /// A leader's call ends; whoever waits is seated up to the end, or the flight ends only if
    /// nobody does.
    Land(usize, bool),
}

/// A caller on the board: what it was named, its key, its flight, and its seat unless it leads.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Caller {
    name: u64,
    key: u8,
    flight: FlightId,
    seat: Option<u64>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5_u8).prop_map(Step::Join),
        2 => any::<usize>().prop_map(Step::Leave),
        2 => any::<usize>().prop_map(Step::LeaderLeaves),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(nth, all)| Step::Land(nth, all)),
    ];
    prop::collection::vec(step, 1..60)
}

/// The nth of those that lead, or of those that wait.
fn pick(callers: &[Caller], nth: usize, leads: bool) -> Option<Caller> {
    let some: Vec<_> = callers.iter().filter(|it| it.seat.is_none() == leads).collect();
    (!some.is_empty()).then(|| *some[nth % some.len()])
}

/// All keys have one of two hashes, so that they meet in the table.
fn hash(key: u8) -> u64 {
    u64::from(key % 2)
}

proptest! {
    #[test]
    fn the_board_seats_and_calls_up_whom_its_twin_does(steps in steps(), max_keys in 1..5_usize) {
        let mut board = Board::<u8, u64>::new(max_keys);
        // In the order in which they came.
        let mut callers = Vec::<Caller>::new();
        for (name, step) in (0..).zip(steps) {
            match step {
                Step::Join(key) => {
                    let leader = callers.iter().find(|it| it.key == key).map(|it| it.flight);
                    prop_assert_eq!(board.has(hash(key), &key), leader.is_some());
                    let keys = callers.iter().filter(|it| it.seat.is_none()).count();
                    match board.join(hash(key), Cow::<u8>::Owned(key), || name) {
                        Joined::Leads(flight) => {
                            prop_assert!(leader.is_none() && keys < max_keys);
                            prop_assert!(callers.iter().all(|it| it.flight != flight));
                            callers.push(Caller { name, key, flight, seat: None });
                        }
                        Joined::Waits(flight, seat) => {
                            prop_assert_eq!(Some(flight), leader);
                            callers.push(Caller { name, key, flight, seat: Some(seat) });
                        }
                        Joined::Alone => prop_assert!(leader.is_none() && keys == max_keys),
                    }
                }
                Step::Leave(nth) => {
                    let Some(gone) = pick(&callers, nth, false) else { continue };
                    let seat = gone.seat.unwrap();
                    prop_assert_eq!(board.leave(gone.flight, seat), Some(gone.name));
                    prop_assert_eq!(board.leave(gone.flight, seat), None, "it has left");
                    callers.retain(|it| *it != gone);
                }
                Step::LeaderLeaves(nth) => {
                    let Some(gone) = pick(&callers, nth, true) else { continue };
                    callers.retain(|it| *it != gone);
                    let next = callers.iter_mut().find(|it| it.key == gone.key);
                    let expected = next.map(|next| {
                        next.seat = None;
                        next.name
                    });
                    prop_assert_eq!(board.promote(gone.flight), expected);
                }
                Step::Land(nth, all) => {
                    let Some(gone) = pick(&callers, nth, true) else { continue };
                    let waiting: Vec<_> =
                        callers.iter().filter(|it| it.key == gone.key && **it != gone).collect();
                    if all {
                        let names: Vec<_> = waiting.iter().map(|it| it.name).collect();
                        let seats = board.land(gone.flight);
                        let called: Vec<_> = seats.into_iter().map(|(_, name)| name).collect();
                        prop_assert_eq!(called, names);
                    } else {
                        let ends = waiting.is_empty();
                        prop_assert_eq!(board.end_if_alone(gone.flight), ends);
                        if !ends {
                            continue;
                        }
                    }
                    callers.retain(|it| it.key != gone.key);
                }
            }
            let leading = callers.iter().filter(|it| it.seat.is_none()).count();
            prop_assert_eq!(board.size(), (leading, callers.len() - leading));
        }
    }
}
