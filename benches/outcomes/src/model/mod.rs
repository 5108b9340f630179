//! The model: clients, a wire, replicas with queues, and time that jumps from event to event.

mod arrivals;
mod event;
mod random;
mod replica;
mod request;
mod servers;
mod world;

use crate::player::{Desk, Ended, Entry, Player};
use crate::scenario::Scenario;
use crate::time::Micros;

use event::Event;
use random::{Purpose, stream};

#[cfg(test)]
pub(crate) use arrivals::arrivals;
pub(crate) use random::{Purpose as RandomPurpose, stream as random_stream};
pub(crate) use request::{AttemptId, Class, Outcome, Request, RequestId};
pub(crate) use world::{Fate, Fates, World};

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
    /// The next request to arrive.
    arriving: usize,
    /// The next request whose deadline comes.
    expiring: usize,
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
        Self { world: World::new(scenario, seed), seats, arriving: 0, expiring: 0 }
    }

    /// Lets the next thing happen; `false` at the end.
    fn step(&mut self) -> bool {
        let requests = self.world.requests();
        let arrives = requests.get(self.arriving).map_or(Micros::MAX, |next| next.arrives);
        let expires = requests.get(self.expiring).map_or(Micros::MAX, |next| next.deadline);
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
            let request = self.world.requests()[self.arriving];
            self.arriving += 1;
            self.with(request.client, |player, desk| player.asked(&request, desk));
        }
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Reached(attempt) => self.world.reach(attempt),
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
        let request = self.world.requests()[self.expiring];
        self.expiring += 1;
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
