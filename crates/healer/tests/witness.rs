//! A healer that cannot tell "all are down" from "I am blind" asks its witnesses.

mod world;

use salve_core::Place;
use salve_healer::{
    ActionMeta, Condition, Fact, HoldReason, Intake, Kind, Opening, Phase, Policy, Report,
    Severity, Step, Strategy, Subject, Target, Verdict,
};
use world::audit::audit;
use world::{World, does_nothing, heals, lone, member, secs};

/// Restarts whatever fails.
fn restarts() -> Policy {
    Policy::default()
        .with_action("restart", ActionMeta::default().idempotent().restarts())
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart").with_attempts(3)))
}

fn watched_by(witnesses: &[&'static str], targets: &[Target]) -> World {
    let witnesses = witnesses.iter().map(|name| Target::witness(*name));
    let all: Vec<_> = targets.iter().cloned().chain(witnesses).collect();
    World::new(restarts(), &all)
}

fn see(world: &mut World, names: &[&str], condition: Condition) {
    names.iter().for_each(|name| world.observe(name, condition));
    world.turn();
}

fn told(world: &World, is: impl Fn(&Fact) -> bool) -> usize {
    world.count(is)
}

const SUSPECT: Condition = Condition::Unhealthy;
const WELL: Condition = Condition::Healthy;
const DOWN: Condition = Condition::Failed;

#[test]
fn inv_22_who_does_not_see_the_witness_convicts_nobody_and_looks_again_when_it_does() {
    let mut world = watched_by(&["gateway"], &[lone("api")]);
    see(&mut world, &["gateway"], SUSPECT);
    see(&mut world, &["api"], DOWN);
    world.pass(120);
    assert_eq!(told(&world, |it| matches!(it, Fact::Opened(_))), 0);
    assert_eq!(told(&world, |it| matches!(it, Fact::Blinded { .. })), 1, "told once");
    see(&mut world, &["gateway"], WELL);
    world.pass(14);
    assert_eq!(told(&world, |it| matches!(it, Fact::Opened(_))), 0, "it looks again first");
    world.pass(1);
    assert_eq!(world.started(), ["restart@api"]);
    assert_eq!(audit(&world.records, &world.policy), Vec::<String>::new());
}

#[test]
fn inv_53_a_dead_witness_stops_healing_for_five_minutes_and_is_told_and_believed_again() {
    let mut world = watched_by(&["gateway"], &[lone("api")]);
    see(&mut world, &["gateway"], DOWN);
    see(&mut world, &["api"], DOWN);
    world.pass(299);
    assert!(world.started().is_empty());
    world.pass(16);
    assert_eq!(told(&world, |it| matches!(it, Fact::Discredited(name) if name == "gateway")), 1);
    assert_eq!(world.started(), ["restart@api"]);
    // After a restart of the healer it is as dead as before.
    world.restart();
    see(&mut world, &["gateway"], DOWN);
    assert_eq!(world.state.blind_since(), None);
    see(&mut world, &["gateway"], WELL);
    assert_eq!(told(&world, |it| matches!(it, Fact::Trusted(_))), 1);
    see(&mut world, &["gateway"], SUSPECT);
    assert!(world.state.blind_since().is_some(), "it is believed again");
}

#[test]
fn of_several_witnesses_more_than_half_have_to_fail() {
    let mut world = watched_by(&["gateway", "resolver", "elsewhere"], &[lone("api")]);
    see(&mut world, &["gateway"], DOWN);
    assert_eq!(world.state.blind_since(), None);
    see(&mut world, &["resolver"], SUSPECT);
    assert!(world.state.blind_since().is_some());
    // What is not known says nothing: one of two is no majority.
    see(&mut world, &["resolver"], Condition::Unknown);
    assert_eq!(world.state.blind_since(), None);
    see(&mut world, &["elsewhere"], Condition::Unknown);
    assert!(world.state.blind_since().is_some(), "the only one that says anything fails");
}

#[test]
fn all_that_seemed_to_fail_while_it_was_blind_and_still_does_is_one_storm_and_nothing_flaps() {
    let targets = ["a", "b", "c", "d", "e"].map(lone);
    let names = ["a", "b", "c", "d", "e"];
    let mut world = watched_by(&["gateway"], &targets);
    for _ in 0..4 {
        see(&mut world, &["gateway"], SUSPECT);
        see(&mut world, &names, DOWN);
        world.pass(60);
        see(&mut world, &["gateway"], WELL);
        see(&mut world, &names, WELL);
        world.pass(60);
    }
    assert_eq!(told(&world, |it| matches!(it, Fact::Opened(_) | Fact::StormBegan { .. })), 0);
    see(&mut world, &["gateway"], SUSPECT);
    see(&mut world, &names, DOWN);
    world.pass(200);
    see(&mut world, &["gateway"], WELL);
    world.pass(30);
    assert_eq!(told(&world, |it| matches!(it, Fact::StormBegan { failing: 5, .. })), 1);
    assert!(world.started().is_empty());
    assert_eq!(audit(&world.records, &world.policy), Vec::<String>::new());
}

#[test]
fn what_runs_is_not_judged_while_it_is_blind() {
    let group = ["m-1", "m-2", "m-3", "m-4"].map(|name| member(name, "m", "a"));
    let mut world = watched_by(&["gateway"], &group);
    let mut tries = 0;
    world.effects = Box::new(move |_| {
        tries += 1;
        if tries == 1 { does_nothing() } else { heals() }
    });
    see(&mut world, &["m-1"], DOWN);
    world.pass(3);
    assert_eq!(world.incident("m-1").unwrap().phase, Phase::Verifying);
    see(&mut world, &["gateway"], SUSPECT);
    see(&mut world, &["m-2", "m-3", "m-4"], DOWN);
    world.pass(200);
    assert_eq!(world.incident("m-1").unwrap().phase, Phase::Verifying);
    assert_eq!(told(&world, |it| matches!(it, Fact::Harmed(_))), 0, "nobody can say");
    see(&mut world, &["gateway"], WELL);
    see(&mut world, &["m-1", "m-2", "m-3", "m-4"], WELL);
    assert_eq!(
        told(&world, |it| matches!(it, Fact::Verified { verdict: Verdict::Recovered, .. })),
        1
    );
    // While it is watched whether that lasts, a second blindness does not say that it did not.
    see(&mut world, &["gateway"], SUSPECT);
    see(&mut world, &["m-1"], DOWN);
    world.pass(30);
    see(&mut world, &["gateway"], WELL);
    see(&mut world, &["m-1"], WELL);
    world.pass(120);
    assert_eq!(told(&world, |it| matches!(it, Fact::Soaked { held: false, .. })), 0);
    assert_eq!(world.state.totals().repaired, 1);
}

#[test]
fn a_person_who_sees_for_themselves_is_obeyed() {
    let mut world = watched_by(&["gateway"], &[lone("api")]);
    world.report(&Report::new("api", Kind::Service, Severity::High));
    see(&mut world, &["gateway"], SUSPECT);
    see(&mut world, &["api"], DOWN);
    let blind =
        |it: &HoldReason| it.to_string() == "the healer is blind: it does not see `gateway`";
    world.pass(30);
    let started = world.started().len();
    assert!(world.held("api").is_none_or(|it| blind(&it)), "{:?}", world.held("api"));
    let incident = world.incident("api").unwrap().id();
    world.pass(200);
    world.force("ann", incident, "restart").unwrap();
    world.pass(3);
    assert_eq!(world.started().len(), started + 1);
}

#[test]
fn nothing_is_ever_done_to_a_witness() {
    let mut world = watched_by(&["gateway"], &[lone("api")]);
    let report = Report::new("gateway", Kind::Service, Severity::Critical);
    assert_eq!(world.report(&report), Intake::Witness);
    let opening = Opening {
        id: salve_healer::IncidentId(1),
        correlation: salve_healer::IncidentId(1),
        subject: Subject::Target("gateway".into()),
        kind: Kind::Service,
        severity: Severity::High,
        evidence: salve_healer::Evidence::Confirmed,
        fingerprint: "x".into(),
        since: world.now,
        change: None,
        follows_condition: true,
    };
    let refused = world.write(world::person("ann"), Fact::Opened(opening)).unwrap_err();
    assert!(refused.to_string().ends_with("`gateway` is a witness"), "{refused}");
    for _ in 0..6 {
        see(&mut world, &["gateway"], DOWN);
        world.pass(20);
        see(&mut world, &["gateway"], WELL);
        world.pass(20);
    }
    world.now = world.now.after(secs(1));
    assert_eq!(told(&world, |it| matches!(it, Fact::Opened(_))), 0, "it may flap as it likes");
}

#[test]
fn a_witness_stands_on_nothing_that_is_healed() {
    let mut world = World::new(restarts(), &[lone("api")]);
    let place = Place::new().needs("api");
    let leaning = Target::witness("gateway").with_place(place);
    let refused = world.write(world::person("ann"), Fact::TargetSet(leaning)).unwrap_err();
    assert!(refused.to_string().contains("no group, domain or dependencies"), "{refused}");
    see(&mut world, &["api"], DOWN);
    let turned = Target::witness("api");
    let refused = world.write(world::person("ann"), Fact::TargetSet(turned)).unwrap_err();
    assert!(refused.to_string().ends_with("`api` has an incident"), "{refused}");
}
