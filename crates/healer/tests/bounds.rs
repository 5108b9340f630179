//! What is remembered, and what is begun, is bounded whatever happens.

mod world;

use salve_healer::policy::Order;
use salve_healer::{ActionMeta, Condition, Fact, Kind, Policy, Step, Strategy, state};
use world::{World, does_nothing, lone, secs};

fn gentle(attempts: u32) -> Policy {
    let chain = Strategy::new(Kind::Service).then(Step::new("ask").with_attempts(attempts));
    let meta = ActionMeta::default().idempotent();
    let mut policy = Policy::default().with_action("ask", meta).with_strategy(chain);
    policy.choice.order = Order::Fixed;
    policy
}

/// INV-51: incidents come and go, a target flaps all the time, and the state stays as large as it is.
#[test]
fn inv_51_incidents_and_flapping_without_end_take_no_more_memory() {
    let mut world = World::new(gentle(1), &[lone("flaps"), lone("api")]);
    world.policy.enabled = false;
    let mut size = 0;
    for nth in 0..9_000_u32 {
        world.now = world.now.after(secs(700));
        for (name, condition) in [
            ("api", Condition::Failed),
            ("flaps", Condition::Failed),
            ("flaps", Condition::Healthy),
            ("api", Condition::Healthy),
        ] {
            world.observe(name, condition);
            world.turn();
        }
        world.records.clear();
        if nth == 6_000 {
            size = serde_json::to_string(&world.state).unwrap().len();
        }
    }
    assert_eq!(world.state.past().count(), state::MAX_PAST);
    let flaps = world.state.targets().get("flaps").unwrap();
    assert!(flaps.turns.len() <= 64, "{}", flaps.turns.len());
    let later = serde_json::to_string(&world.state).unwrap().len();
    // Later times and numbers are a digit longer here and there.
    assert!(size > 0 && later < size + size / 20, "{size} and then {later}");
}

/// INV-25: of a thousand failures at once no more are worked on than the budget says, at any time.
#[test]
fn inv_25_recovery_work_keeps_its_budget() {
    let names: Vec<String> = (0..200).map(|nth| format!("t-{nth}")).collect();
    let targets: Vec<_> =
        names.iter().map(|it| salve_healer::Target::new(it.clone(), "service")).collect();
    let mut world = World::new(gentle(3), &targets);
    world.policy.storm.independent = 1_000_000;
    world.policy.stops.no_progress = 100;
    world.effects = Box::new(|_| world::Effect { after: secs(7), ..does_nothing() });
    for name in &names {
        world.observe(name, Condition::Failed);
    }
    let mut most = 0;
    for _ in 0..300 {
        world.pass(1);
        most = most.max(world.state.incidents().filter(|it| it.phase.is_busy()).count());
    }
    assert_eq!(most, 3);
    let started = world.count(|fact| matches!(fact, Fact::ActionStarted { .. }));
    assert!((3..=100).contains(&started), "{started}");
}
