//! Incidents that real healers have made worse, replayed as far as an engine alone can show that
//! this one does not.

mod world;

use salve_core::{Place, Ratio};
use salve_healer::policy::Order;
use salve_healer::{
    ActionMeta, ActionResult, Condition, Fact, HoldReason, Kind, Phase, Policy, Prior, Report,
    Scope, Severity, Step, Strategy, Target, Who, Window, is_plausible,
};
use world::{Effect, World, does_nothing, fails, heals, lone, member, secs};

fn one(kind: Kind, action: &'static str, meta: ActionMeta, attempts: u32) -> Policy {
    let chain = Strategy::new(kind).then(Step::new(action).with_attempts(attempts));
    let mut policy = Policy::default().with_action(action, meta).with_strategy(chain);
    policy.choice.order = Order::Fixed;
    policy
}

fn restart() -> ActionMeta {
    ActionMeta::default().idempotent().restarts()
}

/// Facebook 2010: errors of the database were taken for bad values, which were deleted at once.
#[test]
fn f01_errors_of_the_database_do_not_condemn_the_caches() {
    let purge = ActionMeta::default().idempotent().reduces_capacity();
    let mut targets: Vec<Target> = ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6"]
        .iter()
        .map(|it| Target::new(*it, "cache").with_place(Place::new().in_group("caches").needs("db")))
        .collect();
    targets.push(lone("db").only_reported());
    let mut world = World::new(one(Kind::Service, "purge", purge, 3), &targets);
    world.observe("db", Condition::Failed);
    for nth in 1..=6 {
        world.observe(&format!("c-{nth}"), Condition::Failed);
    }
    world.pass(1_800);
    assert_eq!(world.started(), [""; 0]);
}

/// GitHub 2012: load of a migration failed the checks, and the failover made it worse.
#[test]
fn f02_load_in_a_maintenance_window_moves_nothing() {
    let fail_over = restart().reversible();
    let mut world = World::new(
        one(Kind::Database, "fail_over", fail_over, 3),
        &[lone("db").with_kind(Kind::Database)],
    );
    let (from, until) = (world.now, world.now.after(secs(3_600)));
    let window = Window { name: "migration".into(), scope: Scope::All, from, until };
    world.by("ann", Fact::WindowSet(window)).unwrap();
    world.fail("db");
    world.pass(1_200);
    world.observe("db", Condition::Healthy);
    world.pass(3_000);
    assert_eq!(world.started(), [""; 0]);
    assert_eq!(world.state.totals().by_itself, 1);
}

/// GitHub 2012: after a frozen network both nodes of pairs shot each other.
#[test]
fn f03_of_a_pair_only_one_is_touched_and_nobody_acts_on_what_a_gap_has_shown() {
    let pair = [member("a", "pair", "x"), member("b", "pair", "x")];
    let mut world = World::new(one(Kind::Service, "restart", restart(), 1), &pair);
    world.effects = Box::new(|_| does_nothing());
    let until = world.now.after(secs(90));
    world.tell(Fact::StoodStill { gap: secs(90), until });
    world.observe("a", Condition::Failed);
    world.fail("b");
    assert_eq!(world.started(), [""; 0]);
    world.pass(91);
    assert_eq!(world.started().len(), 1);
}

/// GitHub 2018: a partition of 43 seconds ended in a failover that could not be taken back.
#[test]
fn f04_what_cannot_be_taken_back_waits_for_a_person() {
    let promote = ActionMeta::default().destructive().restarts();
    let mut world = World::new(one(Kind::Service, "promote", promote, 1), &[lone("db")]);
    world.fail("db");
    world.pass(43);
    assert_eq!(world.incident("db").unwrap().phase, Phase::AwaitingApproval);
    world.observe("db", Condition::Healthy);
    world.pass(10);
    assert_eq!(world.started(), [""; 0]);
}

/// AWS 2011: when the network came back everything looked for a mirror at once.
#[test]
fn f05_recoveries_are_few_at_once_and_back_off() {
    let names: Vec<String> = (0..60).map(|nth| format!("v-{nth}")).collect();
    let volumes: Vec<_> = names.iter().map(|it| Target::new(it.clone(), "volume")).collect();
    let meta = ActionMeta::default().idempotent();
    let mut world = World::new(one(Kind::Service, "mirror", meta, 3), &volumes);
    world.effects = Box::new(|_| Effect { after: secs(20), ..fails(true) });
    for name in &names {
        world.observe(name, Condition::Failed);
    }
    world.pass(60);
    assert!(world.started().len() <= 12, "{:?}", world.started());
}

/// AWS 2025: an old plan was applied over a newer one.
#[test]
fn f06_an_old_plan_is_not_carried_out() {
    let meta = ActionMeta::default().with_approval("dns");
    let mut world = World::new(one(Kind::Service, "apply", meta, 2), &[lone("dns")]);
    world.fail("dns");
    let old = world.incident("dns").unwrap().plan().unwrap().id;
    world.tell(Fact::TargetSet(lone("dns")));
    let approved = world.approve("bob", old);
    world.turn();
    assert!(approved.is_ok() && world.started().is_empty(), "approved too late");
    let new = world.incident("dns").unwrap().plan().unwrap().id;
    assert!(new > old);
}

/// AWS 2025: hosts whose network was not up yet were taken out, again and again.
#[test]
fn f07_hosts_that_start_or_flap_are_left_alone() {
    let mut world = World::new(one(Kind::Service, "remove", restart(), 3), &[lone("host")]);
    world.observe("host", Condition::Starting);
    world.report(&Report::new("host", Kind::Service, Severity::High).following_condition());
    world.pass(60);
    assert_eq!(world.started(), [""; 0]);
    world.policy.enabled = false;
    for _ in 0..3 {
        world.fail("host");
        world.pass(5);
        world.observe("host", Condition::Healthy);
        world.pass(5);
    }
    world.policy.enabled = true;
    world.fail("host");
    world.pass(60);
    assert_eq!(world.started(), [""; 0]);
}

/// Azure 2012: healing moved the bug from server to server.
#[test]
fn f08_what_did_not_help_twice_is_not_done_to_a_third() {
    let names = ["s-1", "s-2", "s-3", "s-4"];
    let mut world = World::new(one(Kind::Service, "move", restart(), 1), &names.map(lone));
    world.effects = Box::new(|_| does_nothing());
    for name in names {
        world.fail(name);
        world.pass(200);
    }
    assert_eq!(world.started(), ["move@s-1", "move@s-2"]);
}

/// Google: an empty set meant everything.
#[test]
fn f09_nothing_is_not_everything() {
    let mut world = World::new(one(Kind::Service, "erase", restart(), 1), &[lone("disk")]);
    assert!(world.write(Who::Healer, Fact::TargetRemoved("".into())).is_err());
    assert!(!is_plausible(1_000, 0));
    let nobody = Report::new("", Kind::Service, Severity::Critical);
    assert_eq!(world.report(&nobody), salve_healer::Intake::NoSuchTarget);
}

/// Google 2019: maintenance stopped control planes in several places at once.
#[test]
fn f10_one_place_at_a_time() {
    let targets = [
        member("eu-1", "control", "eu"),
        member("eu-2", "control", "eu"),
        member("us-1", "control", "us"),
        member("us-2", "control", "us"),
        member("as-1", "control", "as"),
    ];
    let mut policy = one(Kind::Service, "restart", restart(), 1);
    policy.blast.max_unavailable = salve_healer::policy::Amount::Count(5);
    let mut world = World::new(policy, &targets);
    world.effects = Box::new(|_| does_nothing());
    world.fail("eu-1");
    world.fail("us-1");
    assert_eq!(world.started(), ["restart@eu-1"]);
    assert!(matches!(world.held("us-1"), Some(HoldReason::OtherDomain { .. })));
}

/// Google 2016: the canary's verdict did not arrive, and that was taken for a yes.
#[test]
fn f11_no_verdict_is_not_a_good_one() {
    let mut world = World::new(one(Kind::Service, "push", restart(), 3), &[lone("net")]);
    world.effects = Box::new(|_| does_nothing());
    world.fail("net");
    world.pass(3);
    world.observe("net", Condition::Unknown);
    world.pass(600);
    assert_eq!(world.started().len(), 1);
    assert_eq!(world.incident("net").unwrap().phase, Phase::Escalated);
    assert_eq!(world.state.totals().succeeded, 0);
}

/// Reddit 2016: a package manager switched on again what had been switched off.
#[test]
fn f12_switched_off_is_off_and_half_a_list_is_not_believed() {
    let mut world = World::new(one(Kind::Service, "kill", restart(), 1), &[lone("server")]);
    world.by("ann", Fact::Disabled).unwrap();
    assert!(world.write(Who::Program("apt".into()), Fact::Enabled).is_err());
    world.restart();
    world.fail("server");
    world.pass(60);
    assert_eq!(world.started(), [""; 0]);
    assert!(!is_plausible(100, 49));
}

/// Facebook 2021: every name server found itself ill and withdrew.
#[test]
fn f13_when_all_are_ill_nobody_withdraws() {
    let withdraw = ActionMeta::default().idempotent().reduces_capacity();
    let names = ["d-1", "d-2", "d-3", "d-4"];
    let servers = names.map(|it| member(it, "dns", "a"));
    let mut world = World::new(one(Kind::Service, "withdraw", withdraw, 1), &servers);
    for name in names {
        world.observe(name, Condition::Failed);
    }
    world.pass(1_800);
    assert_eq!(world.started(), [""; 0]);
    let group = |fact: &Fact| matches!(fact, Fact::Opened(it) if it.kind == Kind::Correlated);
    assert_eq!(world.count(group), 1);
}

/// Slack 2021: web hosts were condemned for their backends, and then there were fewer of them.
#[test]
fn f14_a_backend_does_not_condemn_its_callers_and_nobody_scales_down_meanwhile() {
    let web = |name| lone(name).with_place(Place::new().in_group("web").needs("backend"));
    let down = ActionMeta::default().idempotent().reduces_capacity();
    let policy = one(Kind::Service, "restart", restart(), 1)
        .with_action("scale_down", down)
        .with_strategy(Strategy::new("idle".into()).then(Step::new("scale_down")));
    let targets = [web("w-1"), web("w-2"), web("w-3"), lone("backend").only_reported()];
    let mut world = World::new(policy, &targets);
    world.observe("backend", Condition::Failed);
    world.observe("w-1", Condition::Failed);
    world.report(&Report::new("w-2", "idle".into(), Severity::Low));
    world.pass(900);
    assert_eq!(world.started(), [""; 0]);
}

/// Twilio 2013: a charge was repeated because its success was never seen.
#[test]
fn f15_what_may_have_happened_is_not_repeated() {
    let charge = ActionMeta::default();
    let mut world = World::new(one(Kind::Service, "charge", charge, 5), &[lone("account")]);
    world.effects = Box::new(|_| Effect { result: ActionResult::TimedOut, ..does_nothing() });
    world.fail("account");
    world.pass(3_600);
    assert_eq!(world.started().len(), 1);
    assert_eq!(world.incident("account").unwrap().phase, Phase::Escalated);
}

/// Cloudflare 2020: a switch failed in part, members came and went, and each promotion cost a long
/// rebuild of the replicas, with all of the load on the one that was left.
#[test]
fn f16_what_comes_and_goes_is_not_promoted_again_and_again() {
    let promote = restart().reversible().with_cost(secs(30), secs(3_600));
    let reconnect = ActionMeta::default().idempotent().with_cost(secs(5), secs(0));
    let likely =
        |percent: u32| Prior::new(Ratio::from_parts_per_million(percent * 10_000).unwrap(), 10);
    let chain = Strategy::new(Kind::Database)
        .then(Step::new("promote").with_attempts(3).expecting(likely(95)))
        .then(Step::new("reconnect").with_attempts(3).expecting(likely(50)));
    let policy = Policy::default()
        .with_action("promote", promote)
        .with_action("reconnect", reconnect)
        .with_strategy(chain);
    let member = |name| member(name, "etcd", "a").with_kind(Kind::Database);
    let mut world = World::new(policy, &["e-1", "e-2", "e-3"].map(member));
    world.effects = Box::new(|_| does_nothing());
    for nth in 0..40 {
        let name = ["e-1", "e-2"][nth % 2];
        world.fail(name);
        world.pass(45);
        world.observe(name, Condition::Healthy);
        world.pass(45);
    }
    let started = world.started();
    // What it costs is counted: the cheap try comes first, though it helps half as often.
    assert!(started[0].starts_with("reconnect@"), "{started:?}");
    let promoted = started.iter().filter(|it| it.starts_with("promote@")).count();
    assert!(promoted <= 1, "{started:?}");
    let flaps = |fact: &Fact| matches!(fact, Fact::Opened(it) if it.kind == Kind::Flapping);
    assert_eq!(world.count(flaps), 2, "told once for each");
}

/// GoCardless 2017: automation was stuck and nobody was told.
#[test]
fn f17_what_hangs_is_told_and_people_can_act() {
    let mut world = World::new(one(Kind::Service, "promote", restart(), 1), &[lone("db")]);
    world.effects = Box::new(|_| Effect { after: secs(1_000_000), ..heals() });
    world.fail("db");
    world.pass(300);
    assert_eq!(world.count(|fact| matches!(fact, Fact::Overdue(_))), 1);
    let plan = world.incident("db").unwrap().plan().unwrap().id;
    world.by("ann", Fact::AbortAsked(plan)).unwrap();
    world.by("ann", Fact::Disabled).unwrap();
}

/// Kubernetes: a slow database fails the probes of all pods, and all are killed.
#[test]
fn f18_a_slow_database_kills_no_pods() {
    let pod = |name| lone(name).with_place(Place::new().in_group("pods").needs("db"));
    let targets = [pod("p-1"), pod("p-2"), pod("p-3"), lone("db").only_reported()];
    let mut world = World::new(one(Kind::Service, "restart", restart(), 3), &targets);
    world.observe("db", Condition::Failed);
    for name in ["p-1", "p-2", "p-3"] {
        world.fail(name);
        world.pass(100);
    }
    assert_eq!(world.started(), [""; 0]);
    assert!(matches!(world.held("p-1"), Some(HoldReason::Dependency { .. })));
}

/// Metastable failures: recovery work keeps the overload alive.
#[test]
fn f19_overload_is_first_relieved() {
    let mut world = World::new(Policy::default().with_ready_actions(), &[lone("api")]);
    world.report(&Report::new("api", Kind::Overload, Severity::Critical));
    world.turn();
    let started = world.started();
    assert!(["shed_load@api", "scale_up@api"].contains(&started[0].as_str()), "{started:?}");
}

/// A script restarted a service every quarter of an hour, for ever.
#[test]
fn f20_attempts_end() {
    let mut world = World::new(one(Kind::Service, "restart", restart(), 3), &[lone("worker")]);
    world.effects = Box::new(|_| does_nothing());
    world.fail("worker");
    world.pass(7_200);
    assert_eq!(world.started().len(), 3);
}
