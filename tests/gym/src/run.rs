//! Plays one scenario with one player, and notes what came of it.

use salve_healer::{ActionResult, PlanId};

use crate::player::{Luggage, Name, Player, Wish, ready};
use crate::scenario::Scenario;
use crate::truth::{Course, World};
use crate::watch::{Told, Watch};

/// Seconds that an undo takes.
const UNDO: u64 = 3;
/// Seconds after the end of an action for which it is compared with its absence.
const AFTER: u64 = 60;

/// What came of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Seconds for which targets were unhealthy, added up, since the first failing reading.
    pub unhealthy: u64,
    /// Actions.
    pub actions: u64,
    /// Those at a target that was well at that instant.
    pub false_actions: u64,
    /// Those after which more did not serve than without them, at any second.
    pub harm: u64,
    /// Of these, those after which more target-seconds were unhealthy up to the end as well.
    pub lasting_harm: u64,
    /// Incidents that the player has known.
    pub incidents: u64,
    /// Incidents for which it has called a person.
    pub escalated: u64,
    /// What did harm: when, what, where.
    pub harmful: Vec<String>,
}

/// A play that goes on.
struct Play<'a, 'p> {
    world: World<'a>,
    watch: Watch,
    player: &'p mut dyn Player,
    running: Vec<(u64, PlanId, ActionResult)>,
    undoing: Vec<(u64, PlanId)>,
    played: Played,
    compares: bool,
}

/// When the first reading fails that is no noise, if nobody does anything.
#[must_use]
pub fn first_failure(scenario: &Scenario) -> Option<u64> {
    let mut world = World::new(scenario);
    let mut watch = Watch::new(scenario);
    while world.now() < scenario.horizon {
        let now = world.now();
        let paused = scenario.pauses.iter().any(|(from, until)| (*from..*until).contains(&now));
        if now.is_multiple_of(scenario.every) && !paused {
            watch.read(&world);
            if watch.first_failure.is_some() {
                return watch.first_failure;
            }
        }
        world.pass();
    }
    None
}

/// Plays a scenario to its end. Harm is looked for if `compares`.
#[must_use]
pub fn play(
    name: Name,
    scenario: &Scenario,
    luggage: &Luggage,
    from: Option<u64>,
    compares: bool,
) -> (Played, Box<dyn Player>) {
    let mut player = ready(name, scenario, luggage);
    let played = play_with(scenario, &mut *player, from, compares);
    (played, player)
}

/// As [`play`], with a player that is there already.
#[must_use]
pub fn play_with(
    scenario: &Scenario,
    player: &mut dyn Player,
    from: Option<u64>,
    compares: bool,
) -> Played {
    let mut play = Play {
        world: World::new(scenario),
        watch: Watch::new(scenario),
        player,
        running: Vec::new(),
        undoing: Vec::new(),
        played: Played::default(),
        compares,
    };
    let from = from.unwrap_or(u64::MAX);
    while play.world.now() < scenario.horizon {
        play.second();
        if play.world.now() >= from {
            let ill = (0..scenario.targets.len()).filter(|at| play.world.is_unhealthy(*at));
            play.played.unhealthy += ill.count() as u64;
        }
        play.world.pass();
    }
    play.played.incidents = play.player.incidents();
    play.played.escalated = play.player.escalated();
    play.played
}

impl Play<'_, '_> {
    fn second(&mut self) {
        let (scenario, now) = (self.world.scenario, self.world.now());
        if scenario.pauses.iter().any(|(from, until)| (*from..*until).contains(&now)) {
            return;
        }
        let mut told = Vec::new();
        let woke = scenario.pauses.iter().find(|(_, until)| *until == now);
        told.extend(woke.map(|(from, until)| Told::StoodStill(until - from)));
        let changes = scenario.changes.iter().filter(|(at, _)| *at == now);
        told.extend(changes.map(|(_, target)| Told::Change(*target)));
        for (from, until, target) in &scenario.suspicions {
            if *from == now || *until == now {
                told.push(Told::Suspicion(*target, *from == now));
            }
        }
        if now.is_multiple_of(scenario.every) {
            told.extend(self.watch.read(&self.world));
        }
        if !told.is_empty() {
            self.player.see(now, &told);
        }
        self.player.look(&self.world);
        self.end(now);
        for wish in self.player.turn(now) {
            self.grant(now, wish);
        }
    }

    fn end(&mut self, now: u64) {
        let player = &mut self.player;
        self.running.retain(|(until, plan, result)| {
            let ends = *until <= now;
            if ends {
                player.finished(now, *plan, result);
            }
            !ends
        });
        self.undoing.retain(|(until, plan)| {
            let ends = *until <= now;
            if ends {
                player.rolled_back(now, *plan);
            }
            !ends
        });
    }

    fn grant(&mut self, now: u64, wish: Wish) {
        let (plan, target, action, timeout) = match wish {
            Wish::RollBack(plan) => return self.undoing.push((now + UNDO, plan)),
            Wish::Start { plan, target, action, timeout } => (plan, target, action, timeout),
        };
        self.played.actions += 1;
        let well = !self.world.is_unhealthy(target);
        self.played.false_actions += u64::from(well);
        let without = self.compares.then(|| self.world.clone());
        let (takes, course) = self.world.start(target, &action, timeout);
        if let Some(without) = without
            && is_worse(self.world.clone(), without.clone(), takes + AFTER)
        {
            self.played.harm += 1;
            let lasting = until_the_end(self.world.clone()) > until_the_end(without);
            self.played.lasting_harm += u64::from(lasting);
            let name = &self.world.scenario.targets[target].target.name;
            self.played.harmful.push(format!("{now}: {action} at {name}, well {well}"));
        }
        let result = match course {
            Course::Done => ActionResult::Done,
            Course::Failed => ActionResult::Failed { why: "it says so".to_owned(), again: true },
            Course::Cut => ActionResult::TimedOut,
        };
        self.running.push((now + takes, plan, result));
    }
}

/// Whether at any second more fail than without the action.
fn is_worse(mut with: World<'_>, mut without: World<'_>, seconds: u64) -> bool {
    for _ in 0..=seconds {
        if with.failing() > without.failing() {
            return true;
        }
        with.pass();
        without.pass();
    }
    false
}

/// Unhealthy target-seconds from now to the end, if nothing else is done.
fn until_the_end(mut world: World<'_>) -> u64 {
    let mut sum = 0;
    while world.now() < world.scenario.horizon {
        sum += world.failing() as u64;
        world.pass();
    }
    sum
}
