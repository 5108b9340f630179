//! What was asked for, as data: the guards' numbers and the strategies with their expected rates.

mod world;

use salve_core::Ratio;
use salve_healer::policy::Amount;
use salve_healer::{
    ActionMeta, HoldReason, Kind, Policy, Report, Severity, Step, Strategy, Target,
};
use world::{Effect, World, heals, secs};

#[test]
fn every_guard_has_the_number_that_was_asked_for() {
    let Policy { limits, blast, storm, calm, backoff, stops, approvals, doubt, .. } =
        Policy::default();
    let hour = secs(3_600);
    let counts = (limits.per_target, limits.total, limits.concurrent, limits.window);
    assert_eq!(counts, (10, 100, 3, hour), "per target and in all an hour, at once");
    assert_eq!(blast.max_unavailable, Amount::Count(1));
    assert_eq!(blast.min_healthy, Amount::Share(Ratio::percent::<51>()));
    assert!(!blast.across_domains && !blast.stop_providers);
    assert_eq!((storm.share, storm.at_least), (Ratio::percent::<50>(), 3));
    assert_eq!((storm.independent, storm.within, storm.cooldown), (5, secs(60), secs(120)));
    assert_eq!((calm.cooldown, calm.after_success), (secs(60), secs(300)));
    assert_eq!((calm.flaps, calm.flap_within, calm.stable), (4, secs(600), secs(600)));
    assert_eq!((backoff.first, backoff.cap), (secs(1), secs(300)));
    assert_eq!(backoff.jitter, Ratio::percent::<10>());
    assert_eq!((stops.kill_share, stops.kill_outcomes), (Ratio::percent::<30>(), 10));
    assert_eq!((stops.kill_window, stops.no_progress), (hour, 2));
    assert_eq!(approvals.timeout, secs(30 * 60), "then silence is a no");
    assert_eq!((doubt.patience, doubt.look_again), (secs(300), secs(15)));
    let policy = Policy::default();
    assert_eq!((policy.soak, policy.deadline, policy.aftermath), (secs(60), secs(300), secs(60)));
    assert_eq!(Step::default().timeout, secs(30));
}

/// So many targets that have nothing to do with each other, and an action that does no harm.
fn many(count: usize) -> (World, Vec<Report>) {
    let policy = Policy::default()
        .with_action("reconnect", ActionMeta::default().idempotent())
        .with_strategy(Strategy::new(Kind::Network).then(Step::new("reconnect")));
    let targets = (0..count).map(|nth| Target::new(format!("t-{nth}"), "service"));
    let targets: Vec<_> = targets.collect();
    let report = |it: &Target| Report::new(it.name.clone(), Kind::Network, Severity::High);
    let reports = targets.iter().map(report).collect();
    (World::new(policy, &targets), reports)
}

#[test]
fn inv_10_a_hundred_actions_in_all_are_started_in_an_hour_and_then_none() {
    let (mut world, reports) = many(120);
    for report in &reports {
        world.report(report);
        world.pass(5);
        world.report(&report.clone().resolved());
        world.pass(1);
    }
    assert_eq!(world.started().len(), 100);
    world.report(&reports[110]);
    world.pass(1);
    assert!(matches!(world.held("t-110"), Some(HoldReason::TotalRate { limit: 100, .. })));
    world.leap(3_600 - 120 * 6);
    assert!(world.started().contains(&"reconnect@t-110".to_owned()), "an hour later it goes on");
}

#[test]
fn inv_10_three_repairs_are_under_way_at_once_and_one_at_a_target() {
    let (mut world, reports) = many(5);
    world.effects = Box::new(|_| Effect { after: secs(20), ..heals() });
    for report in &reports {
        world.report(report);
        world.report(&report.clone().with_fingerprint(format!("{}-again", report.target)));
    }
    world.pass(3);
    assert_eq!(world.started().len(), 3);
    assert!(matches!(world.held("t-3"), Some(HoldReason::Concurrency { limit: 3 })));
    let distinct: std::collections::BTreeSet<_> = world.started().into_iter().collect();
    assert_eq!(distinct.len(), 3, "each at a target of its own");
}

/// Kind, action and expected success in percent.
const ASKED_FOR: [(Kind, &str, u32); 17] = [
    (Kind::PodCrash, "restart", 85),
    (Kind::PodCrash, "raise_memory_limit", 90),
    (Kind::PodCrash, "scale_up", 90),
    (Kind::HighCpu, "scale_up", 95),
    (Kind::HighCpu, "raise_cpu_limit", 80),
    (Kind::HighCpu, "tune_workload", 70),
    (Kind::HighMemory, "restart_gracefully", 88),
    (Kind::HighMemory, "raise_memory_limit", 82),
    (Kind::DiskFull, "clean_disk", 92),
    (Kind::DiskFull, "expand_volume", 95),
    (Kind::SlowDatabase, "add_indexes", 85),
    (Kind::SlowDatabase, "optimise_queries", 75),
    (Kind::SlowDatabase, "tune_connections", 80),
    (Kind::CertificateExpiry, "renew_certificate", 98),
    (Kind::Vulnerability, "apply_patch", 90),
    (Kind::Vulnerability, "isolate", 95),
    (Kind::ConfigDrift, "reconcile", 93),
];

#[test]
fn every_strategy_that_was_asked_for_is_in_a_ready_chain_with_its_expected_rate() {
    let policy = Policy::default().with_ready_actions();
    let chain = |kind: &Kind| policy.strategies.find(kind, "any").unwrap();
    for (kind, action, percent) in &ASKED_FOR {
        let step = chain(kind).steps.iter().find(|step| step.action == *action);
        let step = step.unwrap_or_else(|| panic!("{kind} has no `{action}`"));
        let rate = step.prior.rate.parts_per_million();
        assert_eq!(rate, percent * 10_000, "`{action}` for {kind}");
        assert!(step.prior.weight > 0, "`{action}` for {kind} is believed to some degree");
    }
    let kinds = [
        Kind::PodCrash,
        Kind::HighCpu,
        Kind::HighMemory,
        Kind::DiskFull,
        Kind::NetworkLatency,
        Kind::SlowDatabase,
        Kind::CertificateExpiry,
        Kind::Vulnerability,
        Kind::ConfigDrift,
    ];
    let of_nine: usize = kinds.iter().map(|kind| chain(kind).steps.len()).sum();
    assert!(of_nine >= 20, "{of_nine} strategies for the nine types of issues");
    let latency: Vec<_> = chain(&Kind::NetworkLatency).steps.iter().map(|it| &it.action).collect();
    assert_eq!(latency, ["reset_connections", "switch_route", "fail_over"]);
}

#[test]
fn what_was_asked_of_single_strategies_holds() {
    let policy = Policy::default().with_ready_actions();
    let step = |kind: &Kind, action: &str| {
        let chain = policy.strategies.find(kind, "any").unwrap();
        chain.steps.iter().find(|step| step.action == *action).unwrap().clone()
    };
    let meta = |action: &str| policy.actions[action].clone();
    assert_eq!(step(&Kind::PodCrash, "restart").attempts, 3);
    assert_eq!(meta("scale_up").lasts, Some(secs(30 * 60)), "scaled down after 30 minutes");
    let watched = step(&Kind::HighCpu, "raise_cpu_limit").verify_within;
    assert_eq!((watched, meta("raise_cpu_limit").reversible), (secs(300), true));
    for action in ["add_indexes", "optimise_queries", "apply_patch", "isolate", "fail_over"] {
        assert!(policy.needs_approval(action, &meta(action)), "`{action}` asks a person");
    }
    for action in policy.actions.keys() {
        let meta = meta(action.as_str());
        let bad = meta.is_irreversible() && !policy.needs_approval(action.as_str(), &meta);
        assert!(!bad, "`{action}` cannot be taken back and asks nobody");
    }
}
