//! Figures, patterns and advice from a healer's past.

mod world;

use std::time::Duration;

use proptest::prelude::*;
use salve_healer::learn::{
    Advice, Cluster, Hint, Spread, advice, clusters, recurring, statistics, time_to_limit,
    under_load,
};
use salve_healer::{ActionMeta, Condition, Fact, Kind, Policy, Severity, Step, Strategy, Time};
use world::{World, does_nothing, heals, lone, secs};

fn policy() -> Policy {
    Policy::default()
        .with_action("ask", ActionMeta::default().idempotent())
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("ask")))
}

#[test]
fn figures_tell_where_the_time_went() {
    let mut world = World::new(policy(), &[lone("api")]);
    for _ in 0..3 {
        world.fail("api");
        world.leap(800);
    }
    let figures = statistics(&world.state);
    assert_eq!((figures.totals.repaired, figures.open), (3, 0));
    assert_eq!(figures.success_rate.unwrap().as_f64(), 1.0);
    assert_eq!(figures.times.act.count, 3);
    // The effect takes 2 s; it is looked at after 11.
    assert_eq!(figures.times.act.median, secs(11));
    assert_eq!(figures.times.soak.median, secs(66));
    assert_eq!(figures.times.recover.median, secs(11));
    assert_eq!((figures.actions[0].successes, figures.actions[0].failures), (3, 0));
    assert_eq!(figures.actions[0].usual, Some(secs(11)));
}

#[test]
fn a_hint_grows_graver_as_its_time_comes_near() {
    let (disk, kind) = ("disk".into(), Kind::DiskFull);
    let severity = |step: f64| {
        let readings: Vec<_> =
            (0..10).map(|m| (Time::from_secs(60 * m), 80.0 + step * m as f64)).collect();
        Hint::of(&disk, &kind, &readings, 95.0).map(|hint| hint.severity())
    };
    assert_eq!(severity(1.0), Some(Severity::High));
    assert_eq!(severity(0.1), Some(Severity::Medium));
    assert_eq!(severity(0.001), Some(Severity::Low));
    assert_eq!(severity(-1.0), None);
}

#[test]
fn what_comes_again_is_told_with_its_hour_and_its_changes() {
    let mut world = World::new(policy(), &[lone("api"), lone("other")]);
    for day in 0..4 {
        world.now = Time::from_secs(day * 86_400 + 5 * 3_600).max(world.now);
        world.tell(Fact::ChangeSeen { target: "api".into(), what: "deploy".into() });
        world.fail("api");
        world.leap(200);
    }
    let found = recurring(&world.state, world.now, secs(7 * 86_400));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].target.as_str(), found[0].incidents.len()), ("api", 4));
    assert_eq!((found[0].hour, found[0].after_change), (Some(5), 4));
    assert!(recurring(&world.state, world.now, secs(86_400)).is_empty());
    let told = advice(&world.state, &world.policy, world.now);
    assert!(told.contains(&Advice::FindTheRoot(found[0].clone())));
    assert!(told.contains(&Advice::RegisterAction("restart".into())));
}

/// Each pair of days `web` and `db` fail together, `lone` by itself at noon.
fn weeks(rounds: u64) -> World {
    let mut world = World::new(policy(), &[lone("web"), lone("db"), lone("alone")]);
    world.policy.storm.independent = 1_000;
    for day in 1..=rounds {
        world.now = Time::from_secs(day * 86_400).max(world.now);
        world.observe("web", Condition::Failed);
        world.pass(20);
        world.observe("db", Condition::Failed);
        world.leap(600);
        world.now = Time::from_secs(day * 86_400 + 43_200);
        world.fail("alone");
        world.leap(600);
    }
    world
}

#[test]
fn who_fails_together_is_told_and_who_does_not_is_not() {
    let minute = secs(60);
    let world = weeks(4);
    let found = clusters(&world.state, world.now, secs(30 * 86_400), minute);
    let expected = Cluster { targets: vec!["db".into(), "web".into()], times: 4 };
    assert_eq!(found, [expected]);
    let near = clusters(&world.state, world.now, secs(30 * 86_400), secs(5));
    assert_eq!(near, [], "they are 20 s apart");
    let world = weeks(2);
    assert_eq!(clusters(&world.state, world.now, secs(30 * 86_400), minute), [], "twice is chance");
}

#[test]
fn who_fails_under_load_is_told_with_the_chance_that_it_is_none() {
    let world = weeks(6);
    // Much to do from eleven to one, little otherwise.
    let busy = |hour: u64| if (11..=13).contains(&(hour % 24)) { 90.0 } else { 20.0 };
    let load: Vec<_> =
        (0..8 * 24).map(|hour| (Time::from_secs(hour * 3_600), busy(hour))).collect();
    // A quarter of the hours is not busy, so the highest quarter begins with those that are not.
    let noon: Vec<_> = load.iter().map(|(at, it)| (*at, it + (at.as_nanos() % 7) as f64)).collect();
    let found = under_load(&world.state, world.now, secs(30 * 86_400), &noon);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].target.as_str(), found[0].high, found[0].of), ("alone", 6, 6));
    assert!(found[0].chance < 0.003, "{found:?}");
    assert_eq!(under_load(&world.state, world.now, secs(30 * 86_400), &[]), []);
    let flat: Vec<_> = load.iter().map(|(at, _)| (*at, 50.0)).collect();
    assert_eq!(
        under_load(&world.state, world.now, secs(30 * 86_400), &flat),
        [],
        "no load is high"
    );
}

#[test]
fn a_later_step_that_helps_more_for_its_time_is_to_go_first() {
    let mut policy = policy().with_action("poke", ActionMeta::default().idempotent());
    policy
        .strategies
        .set(Strategy::new(Kind::Service).then(Step::new("poke")).then(Step::new("ask")));
    policy.choice.order = salve_healer::policy::Order::Fixed;
    policy.stops.no_progress = 100;
    policy.stops.kill_outcomes = 1_000;
    let mut world = World::new(policy, &[lone("api")]);
    let mut tries = 0;
    world.effects = Box::new(move |plan| {
        tries += u32::from(plan.action == "poke");
        if plan.action == "ask" || tries % 5 == 0 { heals() } else { does_nothing() }
    });
    for _ in 0..8 {
        world.fail("api");
        world.leap(3_600);
    }
    let told = advice(&world.state, &world.policy, world.now);
    let order = told.iter().find_map(|it| match it {
        Advice::ChangeOrder { first, before, .. } => Some((first.0.as_str(), before.0.as_str())),
        _ => None,
    });
    assert_eq!(order, Some(("ask", "poke")), "{told:?}");
}

#[test]
fn an_action_that_never_helps_and_a_jumpy_check_are_told() {
    let mut world = World::new(policy(), &[lone("api"), lone("jumpy")]);
    world.effects = Box::new(|_| does_nothing());
    for _ in 0..5 {
        world.fail("api");
        world.leap(200);
        let id = world.incident("api").unwrap().id();
        world.by("ann", Fact::Acknowledged(id)).unwrap();
        world.observe("api", Condition::Healthy);
        world.leap(3_600);
    }
    world.policy.enabled = false;
    for _ in 0..3 {
        world.fail("jumpy");
        world.observe("jumpy", Condition::Healthy);
        world.leap(1_000);
    }
    let told = advice(&world.state, &world.policy, world.now);
    let useless = |it: &Advice| matches!(it, Advice::DropAction { failures: 5.., .. });
    assert!(told.iter().any(useless), "{told:?}");
    let jumpy = Advice::RaiseThreshold { target: "jumpy".into(), by_itself: 3, of: 3 };
    assert!(told.contains(&jumpy), "{told:?}");
}

#[test]
fn what_helps_for_a_while_again_and_again_should_be_given_for_good() {
    let boost = ActionMeta::default().idempotent().reversible().lasting(secs(600));
    let policy = Policy::default()
        .with_action("boost", boost)
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("boost")));
    let mut world = World::new(policy, &[lone("api"), lone("well")]);
    let told = |world: &World| {
        let told = advice(&world.state, &world.policy, world.now);
        told.into_iter().find(|it| matches!(it, Advice::MakePermanent { .. }))
    };
    for times in 1..=3 {
        assert_eq!(told(&world), None, "{times}");
        world.fail("api");
        world.leap(3_600);
    }
    let (target, action) = ("api".into(), "boost".into());
    assert_eq!(told(&world), Some(Advice::MakePermanent { target, action, times: 3 }));
}

proptest! {
    #[test]
    fn a_spread_is_what_sorting_says(times in prop::collection::vec(0..1_000_u64, 0..60)) {
        let spread = Spread::of(times.iter().map(|it| secs(*it)));
        let mut sorted = times.clone();
        sorted.sort_unstable();
        for (percent, found) in [(50, spread.median), (95, spread.p95)] {
            let within = sorted.iter().filter(|it| secs(**it) <= found).count();
            prop_assert!(within * 100 >= times.len() * percent);
            let below = sorted.iter().filter(|it| secs(**it) < found).count();
            prop_assert!(times.is_empty() || below * 100 < times.len() * percent);
        }
    }

    #[test]
    fn a_few_odd_readings_do_not_move_the_hint(
        slope in 1..50_u32,
        odd in prop::collection::vec((0..40_usize, -1e6..1e6_f64), 0..5),
    ) {
        let slope = f64::from(slope) / 100.0;
        let mut readings: Vec<_> =
            (0..40).map(|s| (Time::from_secs(s), slope * s as f64)).collect();
        for (at, value) in odd {
            // The last reading is where it counts from.
            if at < 39 {
                readings[at].1 = value;
            }
        }
        let wanted = 100.0 / slope - 39.0;
        let found = time_to_limit(&readings, 100.0).map(|it: Duration| it.as_secs_f64());
        if wanted > 0.0 {
            prop_assert!((found.unwrap() - wanted).abs() / wanted < 0.02, "{found:?} {wanted}");
        }
    }
}
