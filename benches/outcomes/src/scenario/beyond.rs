//! What the plain model leaves out, and the scenarios that ask for it.

use super::list::plain;
use super::{Fault, Scenario};
use crate::time::{MS, Micros, SECOND};

/// Nothing of this is there unless a scenario says so.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Beyond {
    /// Requests that a replica lets wait; 500 unless told.
    pub(crate) queue: Option<usize>,
    /// Of a worker's time, in milliseconds, what it takes to turn a request away.
    pub(crate) refusal: f64,
    /// Who asks, and waits for the answer before asking again; otherwise requests come whatever
    /// became of those before.
    pub(crate) users: Option<Users>,
    /// The share of requests that may not be repeated once they may have been carried out.
    pub(crate) unrepeatable: f64,
    /// Whether clients call a front that calls the replicas, each of its nodes through a policy of
    /// the same kind. There are as many nodes as replicas, with room for all that comes.
    pub(crate) front: bool,
    /// Whether every other client retries blindly, and only the rest play and count.
    pub(crate) half_naive: bool,
    /// Replicas answer with an error, instead of working, what is past its deadline by their own
    /// clocks; so many milliseconds are these ahead, replica by replica, during the fault.
    pub(crate) clocks: Option<[i64; 4]>,
}

/// How users behave. There are as many as ask at the scenario's rate if they are answered at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Users {
    /// Until the next wish, on average, drawn from an exponential distribution.
    pub(crate) think: Micros,
    /// Until a wish that failed is asked for again by hand, likewise.
    pub(crate) pause: Micros,
    /// How often a wish is asked for before it is given up.
    pub(crate) tries: u32,
}

/// The scenarios beyond the plain model, in order.
pub(crate) fn further() -> Vec<Scenario> {
    let with = |scenario: Scenario, beyond| Scenario { beyond, ..scenario };
    let front = Beyond { front: true, ..Beyond::default() };
    vec![
        with(
            plain("X01", "capacity 40 %, refusing costs 3 ms", Fault::Workers(4)),
            Beyond { queue: Some(100), refusal: 3.0, ..Beyond::default() },
        ),
        with(
            plain("X02", "capacity 40 %, users who ask again", Fault::Workers(4)),
            Beyond {
                users: Some(Users { think: SECOND, pause: 500 * MS, tries: 3 }),
                ..Beyond::default()
            },
        ),
        with(
            plain("X03", "10 % answers lost, a third unrepeatable", Fault::LostAnswers(0.1)),
            Beyond { unrepeatable: 1.0 / 3.0, ..Beyond::default() },
        ),
        with(
            Scenario {
                rate: 2_000.0,
                ..plain("X04", "1 of 4 slow, a third unrepeatable", Fault::SlowReplica(20.0))
            },
            Beyond { unrepeatable: 1.0 / 3.0, ..Beyond::default() },
        ),
        with(plain("X05", "two hops, 30 % fast errors behind", Fault::Errors(0.3)), front),
        with(plain("X06", "two hops, capacity behind 40 %", Fault::Workers(4)), front),
        with(
            Scenario {
                clears: 13 * SECOND,
                ..plain("X07", "half the fleet naive, 3 s stall", Fault::Stall)
            },
            Beyond { half_naive: true, ..Beyond::default() },
        ),
        with(
            plain("X08", "half the fleet naive, 30 % fast errors", Fault::Errors(0.3)),
            Beyond { half_naive: true, ..Beyond::default() },
        ),
        with(
            Scenario {
                rate: 2_000.0,
                ..plain("X09", "a clock 1.5 s ahead, others 0.3 s apart", Fault::Nothing)
            },
            Beyond { clocks: Some([1_500, 300, -300, 0]), ..Beyond::default() },
        ),
        with(
            plain("X10", "clocks 0.7 s apart, capacity 40 %", Fault::Workers(4)),
            Beyond { clocks: Some([700, 300, -300, -700]), ..Beyond::default() },
        ),
    ]
}

impl Scenario {
    /// Whether it asks for more than the plain model.
    pub(crate) fn is_further(&self) -> bool {
        self.beyond != Beyond::default()
    }

    /// How many play: clients, and the nodes of a front.
    pub(crate) const fn callers(&self) -> u32 {
        self.clients + if self.beyond.front { self.replicas } else { 0 }
    }

    /// Whether `client` retries blindly and does not count.
    pub(crate) const fn is_naive(&self, client: u32) -> bool {
        self.beyond.half_naive && client % 2 == 1
    }

    /// By how many microseconds the clock of `replica` is ahead; `None` where replicas do not ask
    /// what time it is.
    pub(crate) fn clock(&self, replica: u32, now: Micros) -> Option<i64> {
        let ahead = self.beyond.clocks?[replica as usize % 4] * MS as i64;
        Some(if self.is_faulty(now) { ahead } else { 0 })
    }

    /// Whether `replica` holds everything to be past its deadline.
    pub(crate) fn is_beyond_time(&self, replica: u32, now: Micros) -> bool {
        self.clock(replica, now).is_some_and(|ahead| ahead >= self.deadline as i64)
    }

    /// How many users there are.
    pub(crate) fn users(&self) -> u32 {
        let think = self.beyond.users.map_or(0, |users| users.think);
        (self.rate * think as f64 / SECOND as f64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_each_asks_for_something_more() {
        for (index, scenario) in further().iter().enumerate() {
            assert_eq!(scenario.id, format!("X{:02}", index + 1));
            assert!(scenario.is_further(), "{}", scenario.id);
            assert!(scenario.measured_until() + scenario.deadline <= scenario.ends);
        }
        assert!(super::super::all().iter().all(|scenario| !scenario.is_further()));
    }

    #[test]
    fn clocks_are_apart_during_the_fault_alone() {
        let scenario = further().into_iter().find(|it| it.id == "X09").unwrap();
        let clock = |second: u64| scenario.clock(0, second * SECOND);
        assert_eq!((clock(9), clock(10), clock(30)), (Some(0), Some(1_500_000), Some(0)));
        assert!(scenario.is_beyond_time(0, 10 * SECOND));
        assert!((1..4).all(|replica| !scenario.is_beyond_time(replica, 10 * SECOND)));
    }
}
