//! In what order things are tried: by the chance for the time that a try takes, whatever comes of it.

mod world;

use std::time::Duration;

use salve_core::{Place, Ratio};
use salve_healer::{
    ActionMeta, Condition, Fact, HoldReason, Kind, Policy, Prior, Report, Severity, Step, Strategy,
    Target,
};
use world::{World, does_nothing, lone, secs};

fn expected(percent: u32) -> Prior {
    Prior::new(Ratio::try_from(f64::from(percent) / 100.0).unwrap(), 10)
}

fn act(cost: u64) -> ActionMeta {
    ActionMeta::default().idempotent().with_cost(secs(cost), Duration::ZERO)
}

/// How often each action is the first of a fresh healer, over many seeds.
fn firsts(policy: &Policy, changed: bool) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for seed in 0..200 {
        let mut world = World::new(policy.clone(), &[lone("api")]);
        world.rng = fastrand::Rng::with_seed(seed);
        if changed {
            world.tell(Fact::ChangeSeen { target: "api".into(), what: "release".into() });
        }
        world.fail("api");
        let first = world.started().remove(0);
        match counts.iter_mut().find(|(name, _)| *name == first) {
            Some((_, count)) => *count += 1,
            None => counts.push((first, 1)),
        }
    }
    counts
}

fn count(counts: &[(String, usize)], name: &str) -> usize {
    counts.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count)
}

/// A try in three seconds that helps half the time, and is watched for a minute if it does not,
/// takes longer than a restart that helps nearly always.
#[test]
fn a_try_that_does_not_help_costs_its_whole_verification() {
    let policy = |verify: u64| {
        let step = |name: &'static str, percent: u32| {
            Step::new(name).expecting(expected(percent)).verified_within(secs(verify))
        };
        Policy::default().with_action("nudge", act(3)).with_action("restart", act(8)).with_strategy(
            Strategy::new(Kind::Service).then(step("nudge", 50)).then(step("restart", 90)),
        )
    };
    let slow = firsts(&policy(60), false);
    assert!(count(&slow, "restart@api") > 150, "{slow:?}");
    // Where it is known at once, the cheap one comes first.
    let quick = firsts(&policy(0), false);
    assert!(count(&quick, "nudge@api") > 120, "{quick:?}");
}

/// What has just been tried in vain comes again only when nothing else is as likely.
#[test]
fn what_did_not_help_here_is_less_likely_to_help_again() {
    let step =
        |name: &'static str, percent| Step::new(name).with_attempts(2).expecting(expected(percent));
    let policy = Policy::default()
        .with_action("restart", act(8))
        .with_action("rebuild", act(8))
        .with_strategy(
            Strategy::new(Kind::Service).then(step("restart", 95)).then(step("rebuild", 85)),
        );
    let mut alternates = 0;
    for seed in 0..100 {
        let mut world = World::new(policy.clone(), &[lone("api")]);
        world.rng = fastrand::Rng::with_seed(seed);
        world.effects = Box::new(|_| does_nothing());
        world.fail("api");
        world.pass(600);
        let started = world.started();
        assert_eq!(started.len(), 4, "each as often as it may: {started:?}");
        alternates += usize::from(started[0] != started[1]);
    }
    assert!(alternates > 90, "{alternates}");
}

/// After a release the way back comes first; without one it is no choice at all.
#[test]
fn a_change_just_before_is_taken_back() {
    let policy = Policy::default()
        .with_action("restart", act(8))
        .with_action("roll_back", act(25))
        .with_strategy(
            Strategy::new(Kind::Service)
                .then(Step::new("restart").expecting(expected(85)))
                .then(Step::new("roll_back").expecting(expected(90)).taking_back()),
        );
    let after = firsts(&policy, true);
    assert!(count(&after, "roll_back@api") > 170, "{after:?}");
    let before = firsts(&policy, false);
    assert_eq!(count(&before, "restart@api"), 200);
}

/// Who has seen five quick successes does not wait a minute for the next.
#[test]
fn what_never_helped_so_late_is_not_waited_for() {
    let policy = Policy::default()
        .with_action("restart", act(8))
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart").with_attempts(3)));
    let waited = |successes: u64| {
        let mut world = World::new(policy.clone(), &[lone("api")]);
        for _ in 0..successes {
            world.fail("api");
            world.pass(5_000);
        }
        world.effects = Box::new(|_| does_nothing());
        world.fail("api");
        let began = world.now;
        while world.count(|fact| matches!(fact, Fact::RollbackAsked(_) | Fact::Learned { .. }))
            == successes as usize
        {
            world.pass(1);
        }
        world.now.since(began)
    };
    assert_eq!(waited(4), secs(62), "two seconds, and the minute that the step allows");
    assert!(waited(5) <= secs(5), "twice two seconds");
}

/// What others need is not stopped while it works and something else may help.
#[test]
fn what_others_rely_on_is_stopped_last() {
    let web = Target::new("web", "service").with_place(Place::new().needs("db"));
    let policy = Policy::default()
        .with_action("restart", act(1).restarts())
        .with_action("raise", act(100))
        .with_strategy(
            Strategy::new(Kind::HighMemory)
                .then(Step::new("restart").expecting(expected(99)))
                .then(Step::new("raise").expecting(expected(50))),
        );
    let first = |targets: &[Target]| {
        let mut world = World::new(policy.clone(), targets);
        world.report(&Report::new("db", Kind::HighMemory, Severity::High));
        world.turn();
        world.started().remove(0)
    };
    assert_eq!(first(&[lone("db"), web]), "raise@db");
    assert_eq!(first(&[lone("db"), lone("web")]), "restart@db");
}

/// A suspicion that passes is no reason to do anything.
#[test]
fn a_suspicion_has_to_last() {
    let policy = Policy::default()
        .with_action("raise", act(1))
        .with_strategy(Strategy::new(Kind::HighMemory).then(Step::new("raise")));
    let mut world = World::new(policy, &[lone("api")]);
    world.report(&Report::new("api", Kind::HighMemory, Severity::Low).suspected());
    world.pass(299);
    assert!(matches!(world.held("api"), Some(HoldReason::Suspicion { .. })));
    assert_eq!(world.started(), [""; 0]);
    world.pass(1);
    assert_eq!(world.started(), ["raise@api"]);
}

/// INV-12: who is convicted a check before all others does not fail alone.
#[test]
fn inv_12_suspects_make_a_storm_of_one_failure() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let policy = Policy::default()
        .with_action("restart", act(8))
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
    let mut world = World::new(policy, &names.map(lone));
    names[1..].iter().for_each(|name| world.observe(name, Condition::Unhealthy));
    world.fail("a");
    assert_eq!(world.started(), [""; 0]);
    names[1..].iter().for_each(|name| world.observe(name, Condition::Healthy));
    world.turn();
    assert_eq!(world.started(), ["restart@a"]);
}

/// INV-12: where none of five is well, three that do not explain each other are enough; it is rather
/// the watcher who is ill.
#[test]
fn inv_12_when_nobody_is_well_three_are_a_storm() {
    let needs = |name| lone(name).with_place(Place::new().needs("a"));
    let targets = [lone("a"), lone("b"), lone("c"), needs("d"), needs("e")];
    let policy = Policy::default()
        .with_action("restart", act(8))
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
    let started = |failed: &[&'static str]| {
        let mut world = World::new(policy.clone(), &targets);
        failed.iter().for_each(|name| world.observe(name, Condition::Failed));
        world.turn();
        world.started().len()
    };
    assert_eq!(started(&["a", "b", "c", "d", "e"]), 0);
    assert_eq!(started(&["a", "b", "c", "d"]), 3);
}

/// INV-07: a provider that fails its checks explains, though it is not yet convicted, or has come
/// up for a moment only.
#[test]
fn inv_07_a_provider_that_comes_and_goes_explains_as_well() {
    let worker = Target::new("worker", "service").with_place(Place::new().needs("queue"));
    let queue = lone("queue").only_reported();
    let chain = Strategy::new(Kind::Service).then(Step::new("restart"));
    let policy = Policy::default().with_action("restart", act(8)).with_strategy(chain);
    let mut world = World::new(policy, &[queue, worker]);
    world.observe("queue", Condition::Unhealthy);
    world.fail("worker");
    assert!(matches!(world.held("worker"), Some(HoldReason::Dependency { .. })));
    world.observe("queue", Condition::Failed);
    world.pass(10);
    world.observe("queue", Condition::Healthy);
    world.pass(20);
    world.observe("queue", Condition::Unhealthy);
    world.pass(30);
    assert_eq!(world.started(), [""; 0]);
    world.observe("queue", Condition::Healthy);
    world.pass(61);
    assert_eq!(world.started(), ["restart@worker"]);
}

/// The order is drawn at each turn; the reason that is told does not change with it.
#[test]
fn a_hold_is_told_once_though_the_order_is_drawn() {
    let step = |name: &'static str| Step::new(name).expecting(expected(80));
    let meta = act(8);
    let policy = Policy::default()
        .with_action("restart", meta.clone().restarts())
        .with_action("trim", meta.reduces_capacity())
        .with_strategy(Strategy::new(Kind::Service).then(step("restart")).then(step("trim")));
    let mut world = World::new(policy, &[lone("api")]);
    let kind = Kind::from("other");
    world.report(&Report::new("api", kind, Severity::Low));
    world.policy.calm.flaps = 2;
    world.fail("api");
    world.observe("api", Condition::Healthy);
    world.turn();
    world.observe("api", Condition::Failed);
    let before = world.count(|fact| matches!(fact, Fact::Held { .. }));
    world.pass(300);
    let after = world.count(|fact| matches!(fact, Fact::Held { .. }));
    assert!(after - before <= 3, "{} holds were told", after - before);
}
