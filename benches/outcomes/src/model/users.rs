//! Users, who wait for an answer before they ask again: what they ask for depends on what they get.

use rand_distr::{Distribution, Exp};
use rand_pcg::Pcg64Mcg;

use super::arrivals::{Traits, traits};
use super::event::Event;
use super::random::{Purpose, stream};
use super::request::{Origin, Request, RequestId};
use super::world::World;
use crate::scenario::Scenario;
use crate::time::Micros;

/// One user. Each has a stream of its own, so that the wishes are the same whoever plays.
#[derive(Clone, Debug)]
pub(super) struct User {
    rng: Pcg64Mcg,
    /// What is wished for, and how often it has been asked for.
    wish: Option<(Traits, u32)>,
}

/// A time that is drawn from an exponential distribution.
fn draw(mean: Micros, rng: &mut Pcg64Mcg) -> Micros {
    Exp::new(1.0 / mean as f64).expect("a positive mean").sample(rng) as Micros
}

impl User {
    fn new(seed: u64, number: u32) -> Self {
        Self { rng: stream(seed, Purpose::User(number)), wish: None }
    }

    /// What is asked for now.
    fn ask(&mut self, scenario: &Scenario) -> Traits {
        let (wish, tries) =
            self.wish.take().unwrap_or_else(|| (traits(scenario, &mut self.rng), 0));
        self.wish = Some((wish, tries + 1));
        wish
    }

    /// How long it takes until something is asked for again.
    fn next(&mut self, scenario: &Scenario, was_answered: bool) -> Micros {
        let users = scenario.beyond.users.expect("a user of the scenario");
        match self.wish {
            Some((_, tries)) if !was_answered && tries < users.tries => {
                draw(users.pause, &mut self.rng)
            }
            _ => {
                self.wish = None;
                draw(users.think, &mut self.rng)
            }
        }
    }
}

fn request(user: u32, traits: Traits, scenario: &Scenario, arrives: Micros) -> Request {
    let client = user % scenario.clients;
    traits.request(client, scenario, arrives, Origin::User(user))
}

impl World {
    pub(super) fn invite_users(&mut self, seed: u64) {
        let scenario = self.scenario.clone();
        let all = (0..scenario.users()).map(|number| User::new(seed, number));
        self.users = all.collect();
        for (number, user) in (0..).zip(&mut self.users) {
            let first = user.next(&scenario, true);
            self.agenda.add(first, Event::Asks { user: number });
        }
    }

    /// A user asks for something.
    pub(super) fn asks(&mut self, user: u32) -> RequestId {
        let traits = self.users[user as usize].ask(&self.scenario);
        let request = request(user, traits, &self.scenario, self.now);
        self.add_request(request)
    }

    /// A user's request is over.
    pub(super) fn served(&mut self, user: u32, was_answered: bool) {
        let after = self.users[user as usize].next(&self.scenario, was_answered);
        self.agenda.add(self.now + after, Event::Asks { user });
    }
}

/// What users ask for if each wish is answered the moment it is uttered.
///
/// Whoever waits or fails asks for less: thinking takes times without memory, so at any moment no
/// user's next wish is sooner, but for those who are about to ask again for one that failed.
pub(crate) fn wishes(scenario: &Scenario, seed: u64) -> Vec<Request> {
    let mut wishes = Vec::new();
    for number in 0..scenario.users() {
        let mut user = User::new(seed, number);
        let mut now = user.next(scenario, true);
        while now < scenario.ends {
            let traits = user.ask(scenario);
            wishes.push(request(number, traits, scenario, now));
            now += user.next(scenario, true);
        }
    }
    wishes.sort_by_key(|request| request.arrives);
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::further;
    use crate::time::SECOND;

    #[test]
    fn as_many_wishes_come_as_the_scenario_says() {
        let scenario = further().into_iter().find(|it| it.beyond.users.is_some()).unwrap();
        let wishes = wishes(&scenario, 3);
        let expected = scenario.rate * scenario.ends as f64 / SECOND as f64;
        assert!((wishes.len() as f64 / expected - 1.0).abs() < 0.01, "{}", wishes.len());
    }

    #[test]
    fn a_wish_that_fails_is_asked_for_again_as_often_as_a_user_will() {
        let scenario = further().into_iter().find(|it| it.beyond.users.is_some()).unwrap();
        let mut user = User::new(1, 1);
        let wish = user.ask(&scenario);
        for _ in 1..3 {
            user.next(&scenario, false);
            assert_eq!(user.ask(&scenario), wish);
        }
        user.next(&scenario, false);
        assert_eq!(user.wish, None);
    }
}
