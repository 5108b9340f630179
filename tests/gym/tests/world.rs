//! The gym's own world: what it says has to be true before anybody is judged by it.

use gym::catalogue;
use gym::dice::{About, luck};
use gym::player::{Player, Wish};
use gym::run::play_with;
use gym::scenario::{Class, Cure, Fault, Scenario, Signal, Source, Spot};
use gym::truth::World;
use gym::usual;
use gym::watch::{Told, Watch};
use salve_core::Place;
use salve_healer::{ActionResult, Condition, PlanId, Target};

fn sure(action: &'static str) -> Cure {
    Cure { action, chance: 2.0, settles: 5, topples: 0.0 }
}

/// Two targets, of which the second needs the first.
fn pair(faults: Vec<Fault>) -> Scenario {
    let web = Target::new("web", "service").with_place(Place::new().needs("db"));
    let spot = |target, needs: &[usize]| Spot { target, needs: needs.to_vec() };
    Scenario {
        seed: 7,
        source: Source::Usual,
        class: Class::Crash,
        targets: vec![spot(Target::new("db", "service"), &[]), spot(web, &[0])],
        faults,
        changes: Vec::new(),
        suspicions: Vec::new(),
        pauses: Vec::new(),
        blind: Vec::new(),
        every: 5,
        wrong: 0.0,
        lost: 0.0,
        horizon: 300,
    }
}

fn pass(world: &mut World<'_>, seconds: u64) {
    (0..seconds).for_each(|_| world.pass());
}

#[test]
fn luck_is_even_and_always_the_same() {
    let draws: Vec<f64> = (0..10_000).map(|nth| luck(1, About::Cures, [nth, 2, 3])).collect();
    let mean = draws.iter().sum::<f64>() / 10_000.0;
    // Five standard errors of a mean of even draws.
    assert!((mean - 0.5).abs() < 5.0 * 0.289 / 100.0, "{mean}");
    assert!(draws.iter().all(|it| (0.0..1.0).contains(it)));
    assert_eq!(draws[17].to_bits(), luck(1, About::Cures, [17, 2, 3]).to_bits());
}

#[test]
fn a_fault_starves_those_that_need_the_target_until_it_is_cured() {
    let scenario = pair(vec![Fault::new(0, 10, vec![sure("restart")])]);
    let mut world = World::new(&scenario);
    pass(&mut world, 9);
    assert_eq!(world.failing(), 0);
    pass(&mut world, 1);
    assert_eq!((world.failing(), world.serves(1)), (2, false));
    let (takes, _) = world.start(0, "restart", 60);
    pass(&mut world, takes + 4);
    assert_eq!(world.failing(), 2, "it needs a moment to come back");
    pass(&mut world, 1);
    assert_eq!(world.failing(), 0);
}

#[test]
fn what_does_not_help_changes_nothing_and_what_stops_stops() {
    let scenario = pair(vec![Fault::new(0, 10, vec![sure("reconnect")])]);
    let mut world = World::new(&scenario);
    let (takes, _) = world.start(0, "restart", 60);
    assert!(!world.serves(0) && !world.serves(1), "a restart stops its target");
    pass(&mut world, takes.max(10));
    assert!(!world.serves(0), "and cures nothing");
    pass(&mut world, 100);
    assert!(!world.serves(0));
}

#[test]
fn a_gauge_is_past_its_limit_long_before_the_target_falls() {
    let gauge = Signal::Gauge(salve_healer::Kind::DiskFull);
    let full = Fault { signal: gauge.clone(), grows: Some(50), ..Fault::new(0, 10, Vec::new()) };
    let scenario = pair(vec![full]);
    let mut world = World::new(&scenario);
    pass(&mut world, 20);
    assert!(world.shows(0, &gauge) && world.is_unhealthy(0) && world.serves(0));
    pass(&mut world, 40);
    assert!(world.shows(0, &Signal::Probe) && !world.serves(0) && !world.serves(1));
}

#[test]
fn three_failures_convict_and_two_passes_acquit() {
    let ends = Some(30);
    let scenario = pair(vec![Fault { ends, ..Fault::new(1, 10, Vec::new()) }]);
    let (mut world, mut watch) = (World::new(&scenario), Watch::new(&scenario));
    let mut conditions = Vec::new();
    for now in 0..60 {
        if now % 5 == 0 {
            let told = watch.read(&world);
            conditions.extend(told.into_iter().filter_map(|told| match told {
                Told::Condition(1, condition) => Some((now, condition)),
                _ => None,
            }));
        }
        world.pass();
    }
    let expected = [
        (5, Condition::Healthy),
        (10, Condition::Unhealthy),
        (20, Condition::Failed),
        (35, Condition::Healthy),
    ];
    assert_eq!(conditions, expected);
    assert_eq!(watch.first_failure, Some(10));
}

#[test]
fn the_witness_is_seen_unless_the_watcher_is_blind_whatever_fails() {
    let ill = Fault::new(0, 0, Vec::new());
    let scenario = Scenario { blind: vec![(20, 40)], ..pair(vec![ill]) };
    let (mut world, mut watch) = (World::new(&scenario), Watch::new(&scenario));
    let mut witness = Vec::new();
    for now in 0..60 {
        if now % 5 == 0 {
            witness.extend(watch.read(&world).into_iter().filter_map(|told| match told {
                Told::Witness(condition) => Some((now, condition)),
                _ => None,
            }));
        }
        world.pass();
    }
    let expected = [
        (5, Condition::Healthy),
        (20, Condition::Unhealthy),
        (30, Condition::Failed),
        (45, Condition::Healthy),
    ];
    assert_eq!(witness, expected);
}

/// Restarts one target at one second.
struct Once(u64, usize);

impl Player for Once {
    fn see(&mut self, _now: u64, _told: &[Told]) {}
    fn finished(&mut self, _now: u64, _plan: PlanId, _result: &ActionResult) {}
    fn rolled_back(&mut self, _now: u64, _plan: PlanId) {}
    fn turn(&mut self, now: u64) -> Vec<Wish> {
        let (plan, action) = (PlanId(1), "restart".to_owned());
        let wish = Wish::Start { plan, target: self.1, action, timeout: 60 };
        if now == self.0 { vec![wish] } else { Vec::new() }
    }
}

#[test]
fn harm_and_false_actions_are_seen_and_only_those() {
    let scenario = pair(vec![Fault::new(0, 50, vec![sure("restart")])]);
    let well = play_with(&scenario, &mut Once(5, 0), Some(0), true);
    assert_eq!((well.actions, well.false_actions, well.harm, well.lasting_harm), (1, 1, 1, 1));
    let ill = play_with(&scenario, &mut Once(60, 0), Some(0), true);
    assert_eq!((ill.actions, ill.false_actions, ill.harm), (1, 0, 0));
    assert!(ill.unhealthy < 60, "two targets for some twenty seconds: {ill:?}");
    // What starves is ill already: to restart it is useless, and no harm by this measure.
    let starved = play_with(&scenario, &mut Once(60, 1), Some(0), true);
    assert_eq!((starved.false_actions, starved.harm), (0, 0));
    assert_eq!(starved.unhealthy, 2 * 250);
}

#[test]
fn worlds_are_well_formed() {
    for class in Class::ALL {
        for seed in 0..40 {
            for scenario in [usual::scenario(seed, class), gym::wild::scenario(seed, class)] {
                for (at, spot) in scenario.targets.iter().enumerate() {
                    assert!(spot.needs.iter().all(|need| *need < at), "providers come first");
                }
                for fault in &scenario.faults {
                    assert!(fault.target < scenario.targets.len() && fault.at < scenario.horizon);
                    assert!(fault.cures.iter().all(|it| catalogue::find(it.action).is_some()));
                }
                let real = scenario.faults.iter().any(|fault| !fault.unreal);
                assert!(real || !class.is_fixable() || class == Class::ObserverPause, "{class:?}");
            }
        }
    }
}
