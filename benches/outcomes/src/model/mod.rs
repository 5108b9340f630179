//! The model: clients, a wire, replicas with queues, and time that jumps from event to event.

mod arrivals;
mod event;
mod fate;
mod hops;
mod random;
mod replica;
mod request;
mod servers;
mod users;
mod world;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::player::{Desk, Ended, Entry, Player};
use crate::scenario::Scenario;
use crate::time::Micros;

use event::Event;
use random::{Purpose, stream};

#[cfg(test)]
pub(crate) use arrivals::arrivals;
pub(crate) use fate::{Fate, Fates};
pub(crate) use random::{Purpose as RandomPurpose, stream as random_stream};
pub(crate) use request::{AttemptId, Class, Outcome, Request, RequestId};
pub(crate) use users::wishes;
pub(crate) use world::World;

/// Plays `scenario` with `entry` and returns what became of every request.
pub(crate) fn play(entry: &Entry, scenario: &Scenario, seed: u64) -> Fates {
    let mut run = Run::new(entry.players(scenario), scenario, seed);
    while run.step() {}
    run.world.into_fates()
}

/// A run under way: the world, and who plays in it.
struct Run {
    world: World,
    seats: Vec<Seat>,
    /// The next request to arrive, of those that come whatever becomes of others.
    arriving: usize,
    /// Deadlines that are to come, and whose.
    expiring: BinaryHeap<Reverse<(Micros, RequestId)>>,
}

struct Seat {
    player: Box<dyn Player>,
    rng: rand_pcg::Pcg64Mcg,
}

impl Run {
    fn new(players: Vec<Box<dyn Player>>, scenario: &Scenario, seed: u64) -> Self {
        let seats = players
            .into_iter()
            .enumerate()
            .map(|(client, player)| Seat {
                player,
                rng: stream(seed, Purpose::Player(client as u32)),
            })
            .collect();
        let world = World::new(scenario, seed);
        Self { world, seats, arriving: 0, expiring: BinaryHeap::new() }
    }

    /// Lets the next thing happen; `false` at the end.
    fn step(&mut self) -> bool {
        let arrives = self.world.open().get(self.arriving).map_or(Micros::MAX, |it| it.arrives);
        let expires = self.expiring.peek().map_or(Micros::MAX, |Reverse((at, _))| *at);
        let happens = self.world.next_event().unwrap_or(Micros::MAX);
        let next = arrives.min(expires).min(happens);
        if next >= self.world.scenario.ends {
            return false;
        }
        self.world.now = next;
        // An answer that comes with the deadline is in time.
        if happens == next {
            if let Some(event) = self.world.take_event() {
                self.happen(event);
            }
        } else if expires == next {
            self.expire();
        } else {
            self.arriving += 1;
            self.ask(self.arriving as RequestId - 1);
        }
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Reached(attempt) => {
                if let Some(request) = self.world.reach(attempt) {
                    self.ask(request);
                }
            }
            Event::Asks { user } => {
                let request = self.world.asks(user);
                self.ask(request);
            }
            Event::Worked { attempt, life, took } => self.world.worked(attempt, life, took),
            Event::Changed => self.world.changed(),
            Event::Answered(attempt, answer) => {
                let (ended, awaited) = self.world.answered(attempt, answer.into());
                if awaited {
                    self.end(&ended);
                } else {
                    let client = self.world.request(ended.request).client;
                    self.with(client, |player, desk| player.late(&ended, desk));
                }
            }
            Event::TimedOut(attempt) => {
                if let Some(ended) = self.world.time_out(attempt) {
                    self.end(&ended);
                }
            }
            Event::Woken { client, token } => {
                self.with(client, |player, desk| player.woken(token, desk));
            }
        }
    }

    /// Tells the player of a request.
    fn ask(&mut self, request: RequestId) {
        let request = *self.world.request(request);
        self.expiring.push(Reverse((request.deadline, request.id)));
        self.with(request.client, |player, desk| player.asked(&request, desk));
    }

    /// Tells the player of an end, and of those of other attempts that it brings about.
    fn end(&mut self, ended: &Ended) {
        let client = self.world.request(ended.request).client;
        let lost = self.world.lost_by(ended);
        self.with(client, |player, desk| {
            player.ended(ended, desk);
            for lost in &lost {
                player.ended(lost, desk);
            }
        });
    }

    fn expire(&mut self) {
        let Some(Reverse((_, request))) = self.expiring.pop() else { return };
        let request = *self.world.request(request);
        let Some(given_up) = self.world.expire(request.id) else { return };
        self.with(request.client, |player, desk| {
            for ended in &given_up {
                player.ended(ended, desk);
            }
            player.expired(request.id, desk);
        });
    }

    fn with(&mut self, client: u32, act: impl FnOnce(&mut dyn Player, &mut Desk<'_>)) {
        let seat = &mut self.seats[client as usize];
        let mut desk = Desk { world: &mut self.world, client, rng: &mut seat.rng };
        act(&mut *seat.player, &mut desk);
    }
}
