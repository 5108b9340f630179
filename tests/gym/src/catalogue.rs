//! How things really are in the gym: how long actions take, and what helps against which fault.
//!
//! The healer is never shown these numbers. They are near to what its ready chains expect where
//! those are right, and far from it where a chain starts with something cheap that seldom helps.

use salve_healer::{ActionMeta, Kind, Policy, Prior, Step, Strategies, Strategy};

use crate::scenario::{Cure, Scenario, Signal};
use crate::truth::World;

/// How an action goes, whatever it is meant for.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// Its name.
    pub name: &'static str,
    /// How many seconds it usually takes.
    pub takes: u64,
    /// Whether its target does not serve meanwhile.
    pub stops: bool,
}

const fn act(name: &'static str, takes: u64, stops: bool) -> Act {
    Act { name, takes, stops }
}

/// Every action of the gym.
pub const ACTS: &[Act] = &[
    act("restart", 8, true),
    act("restart_gracefully", 20, true),
    act("raise_memory_limit", 15, false),
    act("raise_cpu_limit", 10, false),
    act("scale_up", 45, false),
    act("tune_workload", 5, false),
    act("shed_load", 2, false),
    act("clean_disk", 20, false),
    act("expand_volume", 120, false),
    act("reset_connections", 5, false),
    act("reconnect", 3, false),
    act("reset_cache", 5, false),
    act("switch_route", 10, false),
    act("fail_over", 30, true),
    act("tune_connections", 10, false),
    act("optimise_queries", 120, false),
    act("add_indexes", 600, false),
    act("renew_certificate", 60, false),
    act("isolate", 5, true),
    act("apply_patch", 300, true),
    act("reconcile", 20, false),
    act("roll_back_release", 25, true),
];

/// The action of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Act> {
    ACTS.iter().find(|act| act.name == name)
}

const fn cure(action: &'static str, percent: u32, settles: u64) -> Cure {
    Cure { action, chance: percent as f64 / 100.0, settles, topples: 0.0 }
}

/// What helps when a process has crashed.
#[must_use]
pub fn crash() -> Vec<Cure> {
    vec![cure("restart", 92, 4), cure("raise_memory_limit", 30, 6), cure("fail_over", 85, 5)]
}

/// What helps when a process hangs.
#[must_use]
pub fn hang() -> Vec<Cure> {
    vec![cure("restart", 88, 4), cure("reconnect", 6, 2), cure("fail_over", 85, 5)]
}

/// What helps when connections are stuck.
#[must_use]
pub fn stuck() -> Vec<Cure> {
    vec![cure("reconnect", 75, 3), cure("restart", 88, 4), cure("fail_over", 85, 5)]
}

/// What helps when what is kept in memory is wrong.
#[must_use]
pub fn poisoned() -> Vec<Cure> {
    vec![cure("reset_cache", 75, 3), cure("restart", 70, 5), cure("reconnect", 3, 3)]
}

/// What helps against long ways.
#[must_use]
pub fn slow_network() -> Vec<Cure> {
    vec![
        cure("reset_connections", 70, 4),
        cure("switch_route", 60, 5),
        cure("fail_over", 80, 5),
        cure("restart", 25, 6),
    ]
}

/// What helps against slow queries; most of it needs an approval.
#[must_use]
pub fn slow_database() -> Vec<Cure> {
    vec![
        cure("tune_connections", 80, 6),
        cure("optimise_queries", 75, 5),
        cure("add_indexes", 85, 5),
        cure("restart", 30, 6),
    ]
}

/// What helps when memory fills up.
#[must_use]
pub fn leak() -> Vec<Cure> {
    vec![
        cure("restart_gracefully", 90, 5),
        cure("restart", 92, 5),
        cure("raise_memory_limit", 65, 5),
    ]
}

/// What helps when a disk fills up.
#[must_use]
pub fn disk() -> Vec<Cure> {
    vec![cure("clean_disk", 88, 3), cure("expand_volume", 95, 5), cure("restart", 5, 5)]
}

/// What helps when a certificate is about to expire.
#[must_use]
pub fn certificate() -> Vec<Cure> {
    vec![cure("renew_certificate", 96, 3)]
}

/// What helps against a wrong configuration.
#[must_use]
pub fn drift() -> Vec<Cure> {
    vec![cure("reconcile", 92, 4), cure("restart", 20, 4)]
}

/// What helps when a database is down.
#[must_use]
pub fn database() -> Vec<Cure> {
    vec![cure("reset_connections", 35, 3), cure("restart", 88, 8), cure("fail_over", 80, 5)]
}

/// What helps against overload. To take capacity away brings the next member down.
#[must_use]
pub fn overload() -> Vec<Cure> {
    vec![
        cure("shed_load", 75, 5),
        cure("scale_up", 92, 8),
        Cure { topples: 0.6, ..cure("restart", 10, 5) },
        Cure { topples: 0.4, ..cure("reset_cache", 3, 5) },
    ]
}

/// What helps against a hungry processor.
#[must_use]
pub fn processor() -> Vec<Cure> {
    vec![
        cure("tune_workload", 65, 5),
        cure("raise_cpu_limit", 78, 6),
        cure("scale_up", 94, 8),
        cure("restart", 40, 5),
    ]
}

/// What helps against a bad release.
#[must_use]
pub fn bad_deploy() -> Vec<Cure> {
    vec![cure("roll_back_release", 93, 5), cure("restart", 6, 5), cure("fail_over", 10, 5)]
}

/// What helps when a target fails part of the time.
#[must_use]
pub fn grey() -> Vec<Cure> {
    vec![
        cure("restart", 78, 5),
        cure("reconnect", 25, 3),
        cure("reset_cache", 15, 3),
        cure("fail_over", 80, 5),
    ]
}

/// The rules that all engines of the gym play by: the defaults and the ready chains, and a way
/// back for releases.
#[must_use]
pub fn policy() -> Policy {
    let percent = |share: u32| {
        salve_core::Ratio::from_parts_per_million(share * 10_000).unwrap_or(salve_core::Ratio::ONE)
    };
    let seconds = std::time::Duration::from_secs;
    let back = Step::new("roll_back_release")
        .with_timeout(seconds(120))
        .expecting(Prior::new(percent(90), 10))
        .taking_back();
    let meta = ActionMeta::default()
        .idempotent()
        .reversible()
        .restarts()
        .with_cost(seconds(25), seconds(5));
    let mut service = ready(&Kind::Service);
    service.steps.push(back);
    Policy::default()
        .with_ready_actions()
        .with_action("roll_back_release", meta)
        .with_strategy(service)
}

/// Whether a world can be healed of all that is wrong with it by what the rules allow without a
/// person, as its luck stands.
#[must_use]
pub fn is_curable(scenario: &Scenario) -> bool {
    let (policy, world) = (policy(), World::new(scenario));
    let real = scenario.faults.iter().enumerate().filter(|(_, fault)| !fault.unreal);
    let mut each = real.map(|(nth, fault)| {
        let target = &scenario.targets[fault.target].target;
        let kind = match &fault.signal {
            Signal::Probe => &target.kind,
            Signal::Gauge(kind) => kind,
        };
        let chain = policy.strategies.find(kind, target.class.as_str());
        let mut steps = chain.map_or_else(Vec::new, |chain| chain.steps.clone());
        steps.retain(|step| {
            let meta = policy.actions.get(&step.action);
            meta.is_some_and(|meta| !policy.needs_approval(step.action.as_str(), meta))
        });
        world.is_curable(nth, &steps)
    });
    each.all(|curable| curable)
}

fn ready(kind: &Kind) -> Strategy {
    let known = Strategies::ready().find(kind, "").cloned();
    known.unwrap_or_else(|| Strategy::new(kind.clone()))
}
