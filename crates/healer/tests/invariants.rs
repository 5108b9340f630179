//! Invariants that an engine can show by itself, each under its number.

mod world;

use std::time::Duration;

use salve_core::{Moment, Place, Ratio};
use salve_healer::policy::{Amount, Order};
use salve_healer::{
    ActionMeta, ActionResult, Captured, Condition, DropReason, Evidence, Fact, Force, HoldReason,
    Intake, Kind, Next, Phase, Policy, Priority, Report, Resolution, Scope, Severity, Step,
    Strategy, Target, Time, Timeline, Verdict, Wall, Who, Window, decide, is_plausible,
};
use world::{World, does_nothing, fails, heals, lone, member, person, secs};

fn restart() -> ActionMeta {
    ActionMeta::default().idempotent().restarts().with_cost(secs(10), Duration::ZERO)
}

fn gentle() -> ActionMeta {
    ActionMeta::default().idempotent().with_cost(secs(10), Duration::ZERO)
}

/// A chain of these actions for failed services, in this order.
fn chain(steps: &[(&'static str, ActionMeta, u32)]) -> Policy {
    let mut policy = Policy::default();
    let mut strategy = Strategy::new(Kind::Service);
    for (name, meta, attempts) in steps {
        policy = policy.with_action(*name, meta.clone());
        strategy = strategy.then(Step::new(*name).with_attempts(*attempts));
    }
    policy.choice.order = Order::Fixed;
    policy.with_strategy(strategy)
}

fn restarts() -> Policy {
    chain(&[("restart", restart(), 3)])
}

fn group(size: usize) -> Vec<Target> {
    ["m-1", "m-2", "m-3", "m-4", "m-5"][..size].iter().map(|it| member(it, "g", "a")).collect()
}

#[test]
fn a_failed_target_is_repaired_proved_and_learned() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.fail("api");
    assert_eq!(world.started(), ["restart@api"]);
    world.pass(2);
    assert_eq!(world.incident("api").unwrap().phase, Phase::Soaking);
    world.pass(60);
    assert!(world.incident("api").is_none());
    let past = world.state.past().next().unwrap();
    assert_eq!((past.how, past.spent.acting), (Resolution::Repaired, secs(2)));
    assert_eq!(past.spent.soaking, secs(60));
    assert_eq!(world.state.totals().succeeded, 1);
}

#[test]
fn inv_03_unknown_never_selects_what_is_drastic() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.observe("api", Condition::Unknown);
    world.report(&Report::new("api", Kind::Service, Severity::Critical));
    world.pass(300);
    assert_eq!(world.held("api"), Some(HoldReason::NotKnown { condition: Condition::Unknown }));
    assert_eq!(world.started(), [""; 0]);
    let mut world = World::new(chain(&[("ask", gentle(), 1)]), &[lone("api")]);
    world.observe("api", Condition::Unknown);
    world.report(&Report::new("api", Kind::Service, Severity::Critical));
    world.turn();
    assert_eq!(world.started(), ["ask@api"], "what does no harm is allowed");
}

#[test]
fn inv_03_a_statistical_suspicion_needs_a_second_signal() {
    let mut world = World::new(restarts(), &[lone("api")]);
    let report = Report::new("api", Kind::Service, Severity::High).suspected();
    world.report(&report);
    world.pass(10);
    assert_eq!(world.held("api"), Some(HoldReason::OneSignal));
    world.fail("api");
    assert_eq!(world.started(), ["restart@api"]);
}

#[test]
fn inv_06_a_start_up_is_left_alone() {
    let mut world = World::new(chain(&[("ask", gentle(), 1)]), &[lone("api")]);
    world.observe("api", Condition::Starting);
    world.report(&Report::new("api", Kind::Service, Severity::Critical));
    world.pass(60);
    assert_eq!(world.started(), [""; 0]);
}

#[test]
fn inv_07_a_dependency_explains_and_then_no_longer_does() {
    let api = lone("api").with_place(Place::new().needs("db"));
    let mut world = World::new(restarts(), &[api, lone("db")]);
    world.policy.forbidden = vec![];
    world.tell(Fact::Paused { holder: "ann".into(), scope: Scope::Target("db".into()) });
    world.fail("db");
    world.fail("api");
    assert_eq!(world.held("api"), Some(HoldReason::Dependency { cause: "db".into() }));
    let (api, db) = (world.incident("api").unwrap(), world.incident("db").unwrap());
    assert_eq!(api.opening.correlation, db.id(), "one story");
    world.observe("db", Condition::Healthy);
    world.pass(59);
    assert_eq!(world.started(), [""; 0], "it may yet recover by itself");
    world.pass(1);
    assert_eq!(world.started(), ["restart@api"]);
}

#[test]
fn providers_come_before_dependants_and_the_graver_before_others() {
    let targets = [
        lone("shop").with_place(Place::new().can_use("db")).with_priority(Priority::Medium),
        lone("db"),
        lone("queue").with_priority(Priority::High),
    ];
    let mut world = World::new(restarts(), &targets);
    world.policy.limits.concurrent = 1;
    world.effects = Box::new(|_| does_nothing());
    for name in ["shop", "db", "queue"] {
        world.observe(name, Condition::Failed);
    }
    world.turn();
    assert_eq!(world.started(), ["restart@queue"]);
    world.pass(1);
    let seen = world.last.holds.iter().map(|hold| hold.incident);
    let names: Vec<_> =
        seen.map(|id| world.state.incident(id).unwrap().opening.subject.to_string()).collect();
    assert_eq!(names, ["`shop`", "`db`"], "an optional need orders nothing: the older is first");
}

#[test]
fn inv_08_only_so_many_of_a_group_at_once() {
    let mut world = World::new(restarts(), &group(5));
    world.effects = Box::new(|_| does_nothing());
    world.fail("m-1");
    world.pass(70);
    world.fail("m-2");
    let limit = HoldReason::MaxUnavailable { group: "g".into(), limit: 1 };
    assert_eq!(world.held("m-2"), Some(limit));
}

#[test]
fn inv_08_the_last_healthy_member_stays() {
    let mut policy = restarts();
    policy.strategies.set(Strategy::new(Kind::HighMemory).then(Step::new("restart")));
    policy.blast.min_healthy = Amount::Count(0);
    let mut world = World::new(policy, &group(2));
    world.tell(Fact::Paused { holder: "ann".into(), scope: Scope::Target("m-1".into()) });
    world.fail("m-1");
    world.report(&Report::new("m-2", Kind::HighMemory, Severity::Critical));
    world.turn();
    assert_eq!(world.held("m-2"), Some(HoldReason::LastHealthy { group: "g".into() }));
}

/// A database with a leak and a shop that needs it; both work.
fn leaking_provider() -> World {
    let mut policy = restarts();
    policy.strategies.set(Strategy::new(Kind::HighMemory).then(Step::new("restart")));
    let shop = lone("shop").with_place(Place::new().needs("db"));
    let mut world = World::new(policy, &[lone("db"), shop]);
    world.report(&Report::new("db", Kind::HighMemory, Severity::High));
    world.pass(30);
    assert_eq!(world.held("db"), Some(HoldReason::ReliedOn { by: "shop".into() }));
    world
}

#[test]
fn inv_08_what_works_and_is_needed_is_not_stopped_until_it_falls() {
    let mut world = leaking_provider();
    // A single failing reading, or silence, of those that need it is no reason either.
    for condition in [Condition::Unhealthy, Condition::Unknown, Condition::Starting] {
        world.observe("shop", condition);
        world.pass(5);
    }
    assert_eq!(world.started(), [""; 0]);
    world.fail("db");
    assert_eq!(world.started(), ["restart@db"], "it takes nothing from anybody now");
}

#[test]
fn inv_08_what_is_needed_may_be_stopped_once_nobody_loses_by_it_or_a_person_says_so() {
    let mut world = leaking_provider();
    world.fail("shop");
    world.pass(1);
    assert_eq!(world.started()[0], "restart@db", "whoever needs it is down");
    let mut world = leaking_provider();
    world.policy.blast.stop_providers = true;
    world.turn();
    assert_eq!(world.started(), ["restart@db"], "the rules allow it");

    let mut world = leaking_provider();
    let incident = world.incident("db").unwrap().id();
    world.force("ann", incident, "restart").unwrap();
    world.pass(1);
    assert_eq!(world.started(), [""; 0], "an order does not say that it may take others down");
    let force = Force { by: person("ann"), action: "restart".into(), last_member: true };
    let mut world = leaking_provider();
    world.by("ann", Fact::Forced { incident, force }).unwrap();
    world.pass(1);
    assert_eq!(world.started(), ["restart@db"]);

    let mut world = leaking_provider();
    world.policy.approvals.actions.push("restart".into());
    world.pass(1);
    let plan = world.incident("db").unwrap().plan().unwrap().id;
    world.approve("ann", plan).unwrap();
    world.pass(1);
    assert_eq!(world.started(), ["restart@db"], "whoever approves knows what it takes down");
}

#[test]
fn inv_08_shares_round_towards_safety() {
    let share = |percent: f64| Amount::Share(Ratio::try_from(percent / 100.0).unwrap());
    assert_eq!(share(40.0).at_most(6), 2);
    assert_eq!(share(51.0).at_least(3), 2);
    assert_eq!(share(50.0).at_least(4), 2);
    assert_eq!((share(0.0).at_least(5), share(100.0).at_least(5)), (0, 5));
    let mut policy = restarts();
    policy.strategies.set(Strategy::new(Kind::HighMemory).then(Step::new("restart")));
    let mut world = World::new(policy, &group(2));
    world.report(&Report::new("m-2", Kind::HighMemory, Severity::Critical));
    world.turn();
    let (group, healthy, required) = ("g".into(), 2, 2);
    assert_eq!(world.held("m-2"), Some(HoldReason::MinHealthy { group, healthy, required }));
}

#[test]
fn inv_09_an_old_token_has_no_effect() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.effects = Box::new(|_| fails(true));
    world.fail("api");
    world.pass(2);
    let plan = world.incident("api").unwrap().plan().unwrap().clone();
    world.now = plan.not_before;
    let (digest, before) = (plan.digest(), Captured::default());
    let old = Fact::ActionStarted { plan: plan.id, digest, token: 0, before };
    let refused = world.write(Who::Healer, old).unwrap_err();
    assert_eq!(refused.why, "token 0 is older than 1");
}

#[test]
fn inv_09_another_healers_lease_is_respected() {
    let mut world = World::new(restarts(), &[lone("api")]);
    let (target, holder) = ("api".into(), "other".into());
    let until = world.now.after(secs(30));
    world.tell(Fact::Leased { target, holder, ours: false, until });
    world.fail("api");
    assert_eq!(world.held("api"), Some(HoldReason::Lease { holder: "other".into(), until }));
    world.pass(30);
    assert_eq!(world.started(), ["restart@api"]);
}

#[test]
fn inv_10_a_restart_refills_nothing() {
    let mut world = World::new(chain(&[("restart", restart(), 50)]), &[lone("api")]);
    world.effects = Box::new(|_| fails(true));
    world.policy.backoff.cap = secs(1);
    world.policy.stops.kill_share = Ratio::ONE;
    world.fail("api");
    world.pass(120);
    assert_eq!(world.started().len(), 10);
    world.restart();
    world.fail("api");
    world.pass(600);
    assert_eq!(world.started().len(), 10);
    assert!(matches!(world.held("api"), Some(HoldReason::TargetRate { limit: 10, .. })));
    world.pass(3_600);
    assert_eq!(world.started().len(), 20, "an hour later there are ten more");
}

#[test]
fn inv_11_a_plan_for_a_target_that_was_changed_is_dropped() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.effects = Box::new(|_| fails(true));
    world.fail("api");
    world.pass(2);
    assert_eq!(world.incident("api").unwrap().phase, Phase::Planned);
    world.tell(Fact::TargetSet(lone("api")));
    world.turn();
    let stale = |fact: &Fact| matches!(fact, Fact::Dropped { reason: DropReason::Stale, .. });
    assert_eq!(world.count(stale), 1);
    let plan = world.incident("api").unwrap().plan().unwrap();
    assert_eq!(plan.generation, 2, "a new plan is made for the target as it is now");
}

#[test]
fn inv_12_a_group_that_fails_together_is_one_incident_and_no_restart() {
    let mut world = World::new(restarts(), &group(5));
    for name in ["m-1", "m-2", "m-3"] {
        world.observe(name, Condition::Failed);
    }
    world.turn();
    assert_eq!(world.started(), [""; 0]);
    let opened = |fact: &Fact| matches!(fact, Fact::Opened(it) if it.kind == Kind::Correlated);
    assert_eq!(world.count(opened), 1);
    let called = |fact: &Fact| matches!(fact, Fact::Escalated { .. });
    assert_eq!(world.count(called), 1);
    // INV-53: the storm ends, and they are repaired one at a time.
    world.pass(119);
    assert_eq!(world.started(), [""; 0]);
    world.pass(2);
    assert_eq!(world.started().len(), 1);
}

#[test]
fn inv_12_in_a_storm_nobody_falls_back_on_what_is_harmless() {
    let chain = chain(&[("restart", restart(), 1), ("ask", gentle(), 1)]);
    let mut world = World::new(chain, &group(5));
    for name in ["m-1", "m-2", "m-3"] {
        world.observe(name, Condition::Failed);
    }
    world.pass(60);
    assert_eq!(world.started(), [""; 0]);
    assert!(matches!(world.held("m-1"), Some(HoldReason::Storm { .. })));
}

#[test]
fn inv_12_an_overload_is_relieved_also_in_a_storm() {
    let mut world = World::new(Policy::default().with_ready_actions(), &group(5));
    for name in ["m-1", "m-2", "m-3"] {
        world.observe(name, Condition::Failed);
    }
    world.report(&Report::new("m-4", Kind::Overload, Severity::Critical));
    world.turn();
    assert_eq!(world.started().len(), 1);
    assert!(["shed_load@m-4", "scale_up@m-4"].contains(&world.started()[0].as_str()));
}

#[test]
fn inv_13_a_target_is_left_alone_after_a_repair_but_not_by_people() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.fail("api");
    world.pass(62);
    assert_eq!(world.state.totals().repaired, 1);
    world.fail("api");
    assert!(matches!(world.held("api"), Some(HoldReason::Cooldown { .. })));
    let incident = world.incident("api").unwrap().id();
    world.force("ann", incident, "restart").unwrap();
    world.turn();
    world.pass(2);
    assert_eq!(world.started().len(), 2);
}

#[test]
fn inv_13_nobody_forces_a_second_repair_beside_a_running_one() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.effects = Box::new(|_| does_nothing());
    world.fail("api");
    world.report(&Report::new("api", "odd".into(), Severity::High));
    let odd = world.state.incidents().find(|it| it.opening.kind == "odd".into()).unwrap().id();
    world.force("ann", odd, "restart").unwrap();
    world.turn();
    let hold = world.last.holds.iter().find(|hold| hold.incident == odd).unwrap();
    assert!(matches!(hold.reason, HoldReason::TargetBusy { .. }));
}

#[test]
fn inv_14_flapping_holds_what_is_drastic_and_raises_one_incident() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.policy.enabled = false;
    for _ in 0..2 {
        world.fail("api");
        world.observe("api", Condition::Healthy);
        world.pass(1);
    }
    world.policy.enabled = true;
    world.fail("api");
    world.pass(1);
    assert_eq!(world.started(), [""; 0]);
    let flapping = |fact: &Fact| matches!(fact, Fact::Opened(it) if it.kind == Kind::Flapping);
    assert_eq!(world.count(flapping), 1);
    world.pass(600);
    assert_eq!(world.started(), ["restart@api"], "when it stays down it is repaired");
}

#[test]
fn inv_15_capacity_is_not_taken_from_a_group_in_trouble() {
    let trim = ActionMeta::default().reduces_capacity();
    let policy = restarts()
        .with_action("trim", trim)
        .with_strategy(Strategy::new("waste".into()).then(Step::new("trim")));
    let mut world = World::new(policy, &group(4));
    world.tell(Fact::Paused { holder: "ann".into(), scope: Scope::Target("m-1".into()) });
    world.fail("m-1");
    world.report(&Report::new("m-2", "waste".into(), Severity::Low));
    world.turn();
    assert!(matches!(world.held("m-2"), Some(HoldReason::CapacityNeeded { .. })));
}

#[test]
fn inv_16_attempts_end_with_one_call_for_a_person() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.effects = Box::new(|_| does_nothing());
    world.fail("api");
    world.pass(900);
    assert_eq!(world.started().len(), 3);
    assert_eq!(world.count(|fact| matches!(fact, Fact::Escalated { .. })), 1);
    let id = world.incident("api").unwrap().id();
    world.by("ann", Fact::Acknowledged(id)).unwrap();
    world.pass(120);
    assert!(world.started().len() > 3, "somebody has looked: it is tried again");
}

#[test]
fn a_chain_goes_on_at_once_when_a_step_says_that_it_cannot() {
    let policy = chain(&[("ask", gentle(), 3), ("restart", restart(), 1)]);
    let mut world = World::new(policy, &[lone("api")]);
    world.effects = Box::new(|plan| if plan.action == "ask" { fails(false) } else { heals() });
    world.fail("api");
    world.pass(70);
    assert_eq!(world.started(), ["ask@api", "restart@api"]);
    assert_eq!(world.state.totals().repaired, 1);
}

#[test]
fn inv_17_waits_grow_to_the_cap_and_shrink_only_after_stability() {
    let mut world = World::new(chain(&[("restart", restart(), 12)]), &[lone("api")]);
    world.effects = Box::new(|_| fails(true));
    world.policy.stops.kill_share = Ratio::ONE;
    world.policy.limits.per_target = 100;
    world.fail("api");
    world.pass(1_500);
    let delays: Vec<_> = world.plans().iter().map(|plan| plan.delay).collect();
    assert!(delays.len() >= 10, "{delays:?}");
    assert!(delays.is_sorted() && delays.iter().all(|it| *it <= secs(300)), "{delays:?}");
    assert_eq!((delays[0], *delays.last().unwrap()), (Duration::ZERO, secs(300)));
}

#[test]
fn inv_18_a_thousand_starts_are_spread() {
    let names: Vec<String> = (0..1_000).map(|nth| format!("t-{nth}")).collect();
    let targets: Vec<_> = names.iter().map(|name| Target::new(name.clone(), "service")).collect();
    let mut world = World::new(chain(&[("ask", gentle(), 1)]), &targets);
    world.policy.limits.total = 10_000;
    world.policy.storm.independent = 1_000_000;
    world.effects = Box::new(|_| world::Effect { after: Duration::ZERO, ..heals() });
    for name in &names {
        world.observe(name, Condition::Failed);
    }
    world.pass(5);
    let starts = world.records.iter().filter(|it| matches!(it.fact, Fact::ActionStarted { .. }));
    let mut buckets = std::collections::HashMap::new();
    starts.for_each(|it| *buckets.entry(it.at.as_nanos() / 1_000_000_000).or_insert(0) += 1);
    assert!(buckets.len() >= 5 && buckets.values().all(|count| *count <= 3), "{buckets:?}");
}

#[test]
fn inv_19_what_does_not_help_two_targets_is_suspended() {
    let names = ["a", "b", "c"];
    let mut world = World::new(chain(&[("ask", gentle(), 1)]), &names.map(lone));
    world.effects = Box::new(|_| does_nothing());
    world.fail("a");
    world.pass(200);
    world.fail("b");
    world.pass(200);
    assert_eq!(world.state.suspensions().len(), 1);
    world.fail("c");
    world.pass(10);
    assert_eq!(world.started(), ["ask@a", "ask@b"]);
}

#[test]
fn inv_20_the_kill_switch_trips_once_and_only_a_person_resets_it() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    let mut world = World::new(chain(&[("ask", gentle(), 1)]), &names.map(lone));
    world.policy.stops.no_progress = 100;
    let mut nth = 0;
    world.effects = Box::new(move |_| {
        nth += 1;
        if nth <= 6 { heals() } else { fails(false) }
    });
    for (nth, name) in names[..10].iter().enumerate() {
        world.fail(name);
        world.pass(70);
        assert_eq!(world.state.is_killed(), nth == 9, "below ten outcomes it never trips");
    }
    assert_eq!(world.count(|fact| matches!(fact, Fact::KillSwitchTripped { .. })), 1);
    world.restart();
    assert!(world.state.is_killed(), "a restart does not reset it");
    world.fail("k");
    assert_eq!(world.held("k"), Some(HoldReason::KillSwitch));
    assert!(world.write(Who::Healer, Fact::KillSwitchReset).is_err());
    world.by("ann", Fact::KillSwitchReset).unwrap();
    world.turn();
    assert_eq!(world.started().last().unwrap(), "ask@k");
}

#[test]
fn inv_20_exactly_the_share_does_not_trip_it() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let mut world = World::new(chain(&[("ask", gentle(), 1)]), &names.map(lone));
    world.policy.stops.no_progress = 100;
    let mut nth = 0;
    world.effects = Box::new(move |_| {
        nth += 1;
        if nth <= 7 { heals() } else { fails(false) }
    });
    for name in names {
        world.fail(name);
        world.pass(70);
    }
    assert!(!world.state.is_killed());
}

#[test]
fn inv_21_what_makes_it_worse_is_undone_and_the_rest_waits() {
    let shift = gentle().reversible();
    let mut targets = group(4);
    targets.extend([lone("x"), lone("y")]);
    let mut world = World::new(chain(&[("shift", shift, 1)]), &targets);
    world.fail("m-1");
    world.pass(3);
    assert_eq!(world.incident("m-1").unwrap().phase, Phase::Soaking);
    world.fail("m-2");
    assert_eq!(world.count(|fact| matches!(fact, Fact::Harmed(_))), 1);
    assert_eq!(world.count(|fact| matches!(fact, Fact::RollbackFinished { .. })), 1);
    world.fail("x");
    assert!(matches!(world.held("x"), Some(HoldReason::Regression { .. })));
    world.pass(121);
    assert!(world.started().contains(&"shift@x".to_owned()), "it goes on when all is quiet");
}

#[test]
fn inv_21_what_fails_elsewhere_as_well_is_no_harm() {
    let mut targets = group(3);
    targets.push(lone("x"));
    let mut world = World::new(chain(&[("shift", gentle().reversible(), 1)]), &targets);
    world.fail("m-1");
    world.pass(3);
    world.observe("x", Condition::Failed);
    world.fail("m-2");
    assert_eq!(world.count(|fact| matches!(fact, Fact::Harmed(_))), 0);
}

#[test]
fn inv_22_after_standing_still_it_looks_again_first() {
    let mut world = World::new(restarts(), &[lone("api")]);
    let until = world.now.after(secs(30));
    world.tell(Fact::StoodStill { gap: secs(9), until });
    world.fail("api");
    world.pass(29);
    assert_eq!(world.count(|fact| matches!(fact, Fact::Opened(_))), 0, "no conviction");
    world.pass(1);
    assert_eq!(world.started(), ["restart@api"]);
}

#[test]
fn inv_22_a_step_of_the_wall_clock_changes_nothing() {
    let day = 86_400_000;
    let line = Timeline::resume(Some((Time::from_secs(9), Wall(day))), Wall(0), Moment::ZERO);
    assert_eq!(line.at(Moment::ZERO.after(secs(1))), Time::from_secs(10));
    let later = Timeline::resume(None, Wall(day), Moment::from_nanos(5));
    assert_eq!(later.at(Moment::from_nanos(5)), Time::ZERO);
}

#[test]
fn inv_23_what_needs_approval_is_never_picked_while_anything_else_is_left() {
    let better = gentle().with_approval("database_change").with_cost(secs(1), secs(0));
    let mut policy = chain(&[("better", better, 1), ("ask", gentle(), 2)]);
    policy.choice.order = Order::Learned;
    let mut world = World::new(policy, &[lone("api")]);
    world.effects = Box::new(|_| does_nothing());
    world.fail("api");
    world.pass(200);
    assert_eq!(world.started(), ["ask@api", "ask@api"]);
    assert_eq!(world.incident("api").unwrap().phase, Phase::AwaitingApproval);
}

#[test]
fn inv_23_what_is_forbidden_is_never_picked() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.policy.forbidden = vec!["restart".into()];
    world.fail("api");
    let id = world.incident("api").unwrap().id();
    assert_eq!(world.incident("api").unwrap().phase, Phase::Escalated);
    assert!(world.force("ann", id, "restart").is_err());
}

#[test]
fn inv_24_overload_is_not_answered_by_taking_capacity() {
    let policy = Policy::default().with_ready_actions();
    let mut world = World::new(policy, &[lone("api")]);
    world.effects = Box::new(|_| does_nothing());
    world.policy.stops.no_progress = 100;
    world.fail("api");
    let mut world = World::new(Policy::default().with_ready_actions(), &[lone("api")]);
    world.effects = Box::new(|_| does_nothing());
    world.report(&Report::new("api", Kind::Overload, Severity::Critical));
    world.pass(3_000);
    let started = world.started();
    let restart = started.iter().position(|it| it == "restart@api").unwrap_or(started.len());
    assert!(started.len() >= 4 && restart >= 4, "{started:?}");
}

#[test]
fn inv_26_nothing_is_no_target_and_half_a_list_is_suspect() {
    let mut world = World::new(restarts(), &[lone("api")]);
    assert!(world.write(Who::Healer, Fact::TargetSet(lone(""))).is_err());
    assert!(!is_plausible(0, 0) && !is_plausible(10, 0) && !is_plausible(10, 4));
    assert!(is_plausible(10, 5) && is_plausible(0, 3));
}

#[test]
fn inv_28_an_approval_is_for_one_plan_by_someone_else_and_ends() {
    let drop = ActionMeta::default().destructive();
    let mut world = World::new(chain(&[("drop", drop, 2)]), &[lone("api")]);
    world.fail("api");
    let plan = world.incident("api").unwrap().plan().unwrap().clone();
    let mut other = plan.clone();
    other.timeout += secs(1);
    let wrong = Fact::Approved { plan: plan.id, digest: other.digest() };
    assert!(world.by("bob", wrong).is_err());
    let right = Fact::Approved { plan: plan.id, digest: plan.digest() };
    assert!(world.write(Who::Healer, right.clone()).is_err());
    assert!(world.write(Who::Program("bot".into()), right).is_err());
    world.pass(30 * 60);
    let expired = |fact: &Fact| matches!(fact, Fact::Dropped { reason: DropReason::Expired, .. });
    assert_eq!((world.count(expired), world.started().len()), (1, 0), "silence is a no");
}

#[test]
fn inv_28_who_orders_it_does_not_approve_it() {
    let drop = ActionMeta::default().destructive();
    let policy = restarts().with_action("drop", drop);
    let mut world = World::new(policy, &[lone("api")]);
    world.policy.enabled = false;
    world.fail("api");
    let id = world.incident("api").unwrap().id();
    world.force("ann", id, "drop").unwrap();
    world.turn();
    let plan = world.incident("api").unwrap().plan().unwrap().id;
    assert!(world.approve("ann", plan).is_err());
    world.approve("bob", plan).unwrap();
    world.turn();
    assert_eq!(world.started(), ["drop@api"]);
}

#[test]
fn inv_29_a_failed_verification_is_rolled_back_and_a_failed_rollback_ends_it() {
    let shift = gentle().reversible();
    let mut world = World::new(chain(&[("shift", shift, 3)]), &[lone("api")]);
    world.effects = Box::new(|_| does_nothing());
    world.fail("api");
    world.pass(61);
    let plan = world.incident("api").unwrap().plan().unwrap().id;
    world.now = world.now.after(secs(1));
    world.tell(Fact::Verified { plan, verdict: Verdict::NotRecovered });
    let next = decide(&world.state, &world.policy, world.now, &mut world.rng).next;
    assert_eq!(next, Some(Next::RollBack(plan)));
    world.tell(Fact::RollbackStarted(plan));
    world.tell(Fact::RollbackFinished { plan, ok: false });
    world.pass(900);
    assert_eq!(world.started().len(), 1);
    assert_eq!(world.incident("api").unwrap().phase, Phase::Escalated);
    world.observe("api", Condition::Healthy);
    world.pass(700);
    world.fail("api");
    world.pass(10);
    assert_eq!(world.held("api"), Some(HoldReason::RollbackFailed));
}

#[test]
fn inv_30_one_failure_domain_at_a_time() {
    let mut policy = restarts();
    policy.blast.max_unavailable = Amount::Count(2);
    let targets = [
        member("m-1", "g", "a"),
        member("m-2", "g", "b"),
        member("m-3", "g", "a"),
        member("m-4", "g", "b"),
        member("m-5", "g", "b"),
    ];
    let mut world = World::new(policy, &targets);
    world.effects = Box::new(|_| does_nothing());
    world.fail("m-1");
    world.fail("m-2");
    let other = HoldReason::OtherDomain { group: "g".into(), domain: "a".into() };
    assert_eq!(world.held("m-2"), Some(other));
}

#[test]
fn inv_31_every_pause_has_to_be_lifted_and_windows_merge() {
    let mut world = World::new(restarts(), &[lone("api")]);
    for name in ["ann", "upgrade"] {
        let scope = Scope::Class("service".into());
        world.by(name, Fact::Paused { holder: name.into(), scope }).unwrap();
    }
    world.fail("api");
    let by = vec!["ann".into(), "upgrade".into()];
    assert_eq!(world.held("api"), Some(HoldReason::Paused { by }));
    world.by("ann", Fact::Resumed("ann".into())).unwrap();
    world.turn();
    assert_eq!(world.started(), [""; 0]);
    for (name, from, until) in [("one", 0, 20), ("two", 10, 40)] {
        let (from, until) = (world.now.after(secs(from)), world.now.after(secs(until)));
        let window = Window { name: name.into(), scope: Scope::All, from, until };
        world.by("ann", Fact::WindowSet(window)).unwrap();
    }
    world.by("ann", Fact::Resumed("upgrade".into())).unwrap();
    world.pass(39);
    assert_eq!(world.started(), [""; 0]);
    world.pass(1);
    assert_eq!(world.started(), ["restart@api"]);
}

#[test]
fn inv_32_what_is_off_stays_off() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.by("ann", Fact::Disabled).unwrap();
    world.restart();
    world.policy = restarts();
    world.fail("api");
    world.pass(10);
    assert_eq!(world.held("api"), Some(HoldReason::Disabled));
    assert!(world.write(Who::Healer, Fact::Enabled).is_err());
    assert!(world.write(Who::Program("package manager".into()), Fact::Enabled).is_err());
    world.by("ann", Fact::Enabled).unwrap();
    world.turn();
    assert_eq!(world.started(), ["restart@api"]);
}

#[test]
fn inv_33_one_incident_however_often_it_is_reported() {
    let mut world = World::new(restarts(), &[lone("api")]);
    let report = Report::new("api", "odd".into(), Severity::Low).with_fingerprint("alert-7");
    let Intake::New(id, _) = world.report(&report) else { panic!("it is new") };
    assert_eq!(world.report(&report), Intake::Known(id));
    let graver = Report { severity: Severity::Critical, ..report.clone() };
    assert!(matches!(world.report(&graver), Intake::Changed(same, _) if same == id));
    assert_eq!(world.state.incident(id).unwrap().opening.severity, Severity::Critical);
    world.turn();
    assert!(matches!(world.report(&report.clone().resolved()), Intake::Changed(..)));
    world.turn();
    assert_eq!(world.report(&report.resolved()), Intake::Nothing);
    assert_eq!(world.state.incident(id), None);
}

#[test]
fn inv_36_what_ran_when_the_healer_ended_is_verified_or_told_never_repeated_blindly() {
    // It worked after all.
    let mut world = World::new(restarts(), &[lone("api")]);
    world.fail("api");
    world.restart();
    assert_eq!(world.incident("api").unwrap().phase, Phase::Verifying);
    world.observe("api", Condition::Healthy);
    world.pass(61);
    assert_eq!((world.started().len(), world.state.totals().repaired), (1, 1));
    // Nobody knows, and it must not be repeated: a person is called.
    let charge = ActionMeta::default();
    let mut world = World::new(chain(&[("charge", charge, 3)]), &[lone("api")]);
    world.fail("api");
    world.restart();
    world.fail("api");
    world.pass(300);
    assert_eq!(world.started().len(), 1);
    assert_eq!(world.incident("api").unwrap().phase, Phase::Escalated);
    // Nobody knows, but twice is as once.
    let mut world = World::new(restarts(), &[lone("api")]);
    world.fail("api");
    world.restart();
    world.fail("api");
    world.pass(70);
    assert_eq!(world.started().len(), 2);
}

#[test]
fn inv_39_what_takes_too_long_is_told_once() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.tell(Fact::Paused { holder: "ann".into(), scope: Scope::All });
    world.fail("api");
    world.pass(299);
    assert!(!world.incident("api").unwrap().overdue);
    world.pass(100);
    assert_eq!(world.count(|fact| matches!(fact, Fact::Overdue(_))), 1);
}

#[test]
fn inv_42_credit_is_given_after_the_soak_and_never_for_what_healed_itself() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.fail("api");
    world.pass(30);
    assert_eq!(world.count(|fact| matches!(fact, Fact::Learned { .. })), 0);
    world.fail("api");
    let failed = |fact: &Fact| matches!(fact, Fact::Learned { proof, .. } if !proof.success);
    assert_eq!(world.count(failed), 1, "it did not last");
    let mut world = World::new(chain(&[("ask", gentle().with_approval("x"), 1)]), &[lone("api")]);
    world.fail("api");
    world.observe("api", Condition::Healthy);
    world.turn();
    assert_eq!(world.count(|fact| matches!(fact, Fact::Learned { .. })), 0);
    assert_eq!(world.state.totals().by_itself, 1);
}

#[test]
fn inv_44_what_was_cancelled_is_verified_and_not_assumed() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.fail("api");
    let plan = world.incident("api").unwrap().plan().unwrap().id;
    world.by("ann", Fact::AbortAsked(plan)).unwrap();
    assert!(world.incident("api").unwrap().run.as_ref().unwrap().abort);
    world.tell(Fact::ActionFinished { plan, result: ActionResult::Cancelled });
    assert_eq!(world.incident("api").unwrap().phase, Phase::Verifying);
    world.pass(61);
    assert_eq!(world.count(|fact| matches!(fact, Fact::Learned { .. })), 0);
}

#[test]
fn inv_45_a_dry_run_makes_the_whole_plan_and_does_nothing() {
    let mut world = World::new(restarts().dry_run(), &[lone("api")]);
    world.effects = Box::new(|_| panic!("a dry run has no effect"));
    world.fail("api");
    world.pass(60);
    let plan = world.state.ledger().plans.front().unwrap();
    assert_eq!((plan.action.as_str(), plan.enforced), ("restart", false));
    assert_eq!((world.state.ledger().count, world.held("api")), (1, Some(HoldReason::ObserveOnly)));
}

#[test]
fn a_share_of_incidents_is_enforced_and_a_larger_share_holds_the_smaller() {
    let enforced = |percent: f64| {
        let names: Vec<String> = (0..400).map(|nth| format!("t-{nth}")).collect();
        let targets: Vec<_> =
            names.iter().map(|it| Target::new(it.clone(), "service").only_reported()).collect();
        let mut policy = chain(&[("ask", gentle(), 1)]);
        policy.enforce = Ratio::try_from(percent / 100.0).unwrap();
        let mut world = World::new(policy, &targets);
        world.policy.limits.concurrent = 1_000;
        world.policy.limits.total = 10_000;
        for name in names {
            world.report(&Report::new(name, Kind::Service, Severity::Low));
        }
        world.turn();
        let plans = world.plans();
        let real = plans.iter().filter(|plan| plan.enforced);
        real.map(|plan| plan.incident).collect::<std::collections::HashSet<_>>()
    };
    let (few, many) = (enforced(20.0), enforced(60.0));
    assert!(few.is_subset(&many));
    assert!((50..110).contains(&few.len()) && (200..280).contains(&many.len()));
}

#[test]
fn inv_53_a_lone_target_one_of_a_pair_and_a_whole_group_are_repaired() {
    let deadline = 300;
    let mut world = World::new(restarts(), &[lone("api")]);
    world.fail("api");
    assert_eq!(world.started().len(), 1);
    let mut world = World::new(restarts(), &group(2));
    world.fail("m-1");
    assert_eq!(world.started().len(), 1);
    for size in [1, 2, 3, 5] {
        let mut world = World::new(restarts(), &group(size));
        for member in group(size) {
            world.observe(member.name.as_str(), Condition::Failed);
        }
        world.pass(deadline);
        assert!(!world.started().is_empty(), "a group of {size} that is all down");
    }
}

#[test]
fn temporary_changes_are_taken_back() {
    let boost = gentle().reversible().lasting(secs(1_800));
    let mut world = World::new(chain(&[("boost", boost, 1)]), &[lone("api")]);
    world.fail("api");
    world.pass(1_861);
    assert_eq!(world.count(|fact| matches!(fact, Fact::Expired { .. })), 0);
    world.pass(2);
    assert_eq!(world.count(|fact| matches!(fact, Fact::Expired { ok: true, .. })), 1);
}

#[test]
fn a_person_may_undo_what_is_being_watched() {
    let mut world = World::new(chain(&[("shift", gentle().reversible(), 1)]), &[lone("api")]);
    world.fail("api");
    world.pass(5);
    let plan = world.incident("api").unwrap().plan().unwrap().id;
    world.by("ann", Fact::RollbackAsked(plan)).unwrap();
    world.turn();
    assert_eq!(world.count(|fact| matches!(fact, Fact::RollbackFinished { .. })), 1);
}

#[test]
fn every_person_only_act_is_refused_to_others() {
    let mut world = World::new(restarts(), &[lone("api")]);
    world.effects = Box::new(|_| fails(false));
    world.fail("api");
    world.pass(5);
    let id = world.incident("api").unwrap().id();
    let bot = || Who::Program("bot".into());
    for fact in [
        Fact::Acknowledged(id),
        Fact::Enabled,
        Fact::KillSwitchReset,
        Fact::Unblocked("api".into()),
        Fact::Reinstated("restart".into()),
        Fact::Resolved { incident: id, how: Resolution::Closed },
    ] {
        let told = format!("{fact:?}");
        assert!(world.write(bot(), fact.clone()).is_err(), "{told}");
        assert!(world.write(Who::Healer, fact).is_err(), "{told}");
    }
    assert_eq!(person("ann").to_string(), "ann");
    assert_eq!(Evidence::default(), Evidence::Confirmed);
}
