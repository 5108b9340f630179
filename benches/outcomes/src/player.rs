//! What a policy can see and do: the interface between the model and its players.

use rand_pcg::Pcg64Mcg;

use crate::model::{AttemptId, Class, Outcome, Request, RequestId, World};
use crate::players::naive;
use crate::scenario::Scenario;
use crate::time::Micros;

/// The policy of one client. It sees what a real client would see, and nothing else.
///
/// A request ends by itself with its first good answer, and at its deadline. Attempts are ended
/// with it.
pub(crate) trait Player {
    /// Somebody asks for something.
    fn asked(&mut self, request: &Request, desk: &mut Desk<'_>);

    /// An attempt ended.
    fn ended(&mut self, end: &Ended, desk: &mut Desk<'_>);

    /// The moment has come that [`Desk::wake_at`] was told.
    fn woken(&mut self, _token: u64, _desk: &mut Desk<'_>) {}

    /// The deadline of a request has passed. Its attempts have been ended before.
    fn expired(&mut self, _request: RequestId, _desk: &mut Desk<'_>) {}

    /// An answer came to an attempt that had been given up.
    fn late(&mut self, _end: &Ended, _desk: &mut Desk<'_>) {}
}

/// The end of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) attempt: AttemptId,
    pub(crate) request: RequestId,
    pub(crate) class: Class,
    pub(crate) dependency: u32,
    pub(crate) address: u32,
    pub(crate) sent: Micros,
    /// From sending to the end.
    pub(crate) took: Micros,
    pub(crate) deadline: Micros,
    pub(crate) outcome: Outcome,
}

/// Where a player acts.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) client: u32,
    /// The player's own stream.
    pub(crate) rng: &'a mut Pcg64Mcg,
}

impl Desk<'_> {
    pub(crate) const fn now(&self) -> Micros {
        self.world.now
    }

    pub(crate) fn request(&self, request: RequestId) -> &Request {
        self.world.request(request)
    }

    /// How many addresses a dependency can be called at.
    pub(crate) const fn addresses(&self) -> u32 {
        if self.world.scenario.hidden { 1 } else { self.world.scenario.replicas }
    }

    /// Makes an attempt, which ends as [`Outcome::TimedOut`] after `limit`.
    pub(crate) fn send(
        &mut self,
        request: RequestId,
        address: u32,
        limit: Option<Micros>,
    ) -> AttemptId {
        self.world.send(request, Some(address).filter(|_| !self.world.scenario.hidden), limit)
    }

    /// Makes an attempt at a replica, also where clients see only one address. Only the
    /// clairvoyant may.
    pub(crate) fn send_exactly(&mut self, request: RequestId, replica: u32) -> AttemptId {
        self.world.send(request, Some(replica), None)
    }

    /// Gives the request up. Attempts that are under way are no longer waited for.
    pub(crate) fn fail(&mut self, request: RequestId) {
        self.world.give_up(request, false);
    }

    /// Refuses the request here: nothing was sent, or nothing more is.
    pub(crate) fn reject(&mut self, request: RequestId) {
        self.world.give_up(request, true);
    }

    /// Has [`Player::woken`] called at `at`.
    pub(crate) fn wake_at(&mut self, at: Micros, token: u64) {
        self.world.wake(self.client, at, token);
    }

    /// Whether there is a front between this caller and the replicas.
    pub(crate) fn calls_front(&self) -> bool {
        self.world.calls_front(self.client)
    }

    /// What goes wrong and when. Only the clairvoyant may look.
    pub(crate) const fn foresee(&self) -> &Scenario {
        &self.world.scenario
    }
}

/// A policy that is scored.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Whose policy it is, and where it is described.
    pub(crate) source: &'static str,
    pub(crate) make: Make,
}

/// How the players of a run are made.
#[derive(Clone, Copy)]
pub(crate) enum Make {
    /// One for each dependency of each client, which shares nothing with the others.
    Each(fn(&Scenario) -> Box<dyn Player>),
    /// All at once, so that they may share what they know.
    Together(fn(&Scenario) -> Vec<Box<dyn Player>>),
}

impl Entry {
    /// One for each caller of the scenario, in order.
    pub(crate) fn players(&self, scenario: &Scenario) -> Vec<Box<dyn Player>> {
        let mut players = match self.make {
            Make::Each(make) => (0..scenario.callers()).map(|_| each(make, scenario)).collect(),
            Make::Together(make) => make(scenario),
        };
        for (caller, player) in (0..).zip(&mut players) {
            if scenario.is_naive(caller) {
                *player = each(naive, scenario);
            }
        }
        players
    }
}

fn each(make: fn(&Scenario) -> Box<dyn Player>, scenario: &Scenario) -> Box<dyn Player> {
    match scenario.dependencies {
        1 => make(scenario),
        several => Box::new(Several((0..several).map(|_| make(scenario)).collect())),
    }
}

/// One player for each dependency of a client.
struct Several(Vec<Box<dyn Player>>);

impl Several {
    fn of(&mut self, dependency: u32) -> &mut dyn Player {
        &mut *self.0[dependency as usize]
    }
}

impl Player for Several {
    fn asked(&mut self, request: &Request, desk: &mut Desk<'_>) {
        self.of(request.dependency).asked(request, desk);
    }

    fn ended(&mut self, end: &Ended, desk: &mut Desk<'_>) {
        self.of(end.dependency).ended(end, desk);
    }

    // Whoever did not ask for it knows no such token.
    fn woken(&mut self, token: u64, desk: &mut Desk<'_>) {
        for player in &mut self.0 {
            player.woken(token, desk);
        }
    }

    fn expired(&mut self, request: RequestId, desk: &mut Desk<'_>) {
        let dependency = desk.request(request).dependency;
        self.of(dependency).expired(request, desk);
    }

    fn late(&mut self, end: &Ended, desk: &mut Desk<'_>) {
        self.of(end.dependency).late(end, desk);
    }
}
