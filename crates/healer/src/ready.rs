//! Ready chains for every kind that can be repaired, with the expected rates of the field as priors.

use std::time::Duration;

use salve_core::Ratio;

use crate::kind::Kind;
use crate::meta::ActionMeta;
use crate::posterior::Prior;
use crate::strategy::{Step, Strategies, Strategy};

/// An action of the ready chains: its name, what it is like, and what for.
#[derive(Clone, Debug)]
pub struct ReadyAction {
    /// Its name.
    pub name: &'static str,
    /// What it is like.
    pub meta: ActionMeta,
    /// What it does, in one sentence.
    pub about: &'static str,
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A step that is expected to help in so many percent.
fn step<const P: u32>(action: &'static str, timeout: u64, attempts: u32) -> Step {
    Step::new(action)
        .with_timeout(secs(timeout))
        .with_attempts(attempts)
        .expecting(Prior::new(Ratio::percent::<P>(), 10))
}

/// A step that starts nothing anew: what it does shows within a few checks, or not at all.
fn light<const P: u32>(action: &'static str, timeout: u64, attempts: u32) -> Step {
    step::<P>(action, timeout, attempts).verified_within(secs(30))
}

impl Strategies {
    /// A chain for each kind that can be repaired: restart before scale, clean before expand, and
    /// so on. Actions that are not registered are passed over.
    #[must_use]
    pub fn ready() -> Self {
        let chains = [
            Strategy::new(Kind::PodCrash)
                .then(step::<85>("restart", 30, 3))
                .then(step::<90>("raise_memory_limit", 60, 1))
                .then(step::<90>("scale_up", 120, 1)),
            Strategy::new(Kind::HighCpu)
                .then(light::<70>("tune_workload", 60, 1))
                .then(step::<80>("raise_cpu_limit", 60, 1).verified_within(secs(300)))
                .then(step::<95>("scale_up", 120, 2)),
            Strategy::new(Kind::HighMemory)
                .then(step::<88>("restart_gracefully", 60, 2))
                .then(step::<82>("raise_memory_limit", 60, 1).verified_within(secs(300))),
            Strategy::new(Kind::DiskFull).then(step::<92>("clean_disk", 300, 2)).then(step::<95>(
                "expand_volume",
                600,
                1,
            )),
            Strategy::new(Kind::NetworkLatency)
                .then(light::<70>("reset_connections", 30, 2))
                .then(light::<60>("switch_route", 30, 1))
                .then(step::<80>("fail_over", 120, 1)),
            Strategy::new(Kind::SlowDatabase)
                .then(light::<80>("tune_connections", 60, 1))
                .then(step::<75>("optimise_queries", 300, 1))
                .then(step::<85>("add_indexes", 1_800, 1)),
            Strategy::new(Kind::CertificateExpiry).then(step::<98>("renew_certificate", 300, 3)),
            Strategy::new(Kind::Vulnerability).then(step::<95>("isolate", 60, 1)).then(step::<90>(
                "apply_patch",
                1_800,
                1,
            )),
            Strategy::new(Kind::ConfigDrift).then(step::<93>("reconcile", 120, 2)),
            Strategy::new(Kind::Network)
                .then(light::<70>("reconnect", 30, 3))
                .then(light::<60>("switch_route", 30, 1))
                .then(step::<80>("fail_over", 120, 1)),
            Strategy::new(Kind::Database)
                .then(light::<75>("reset_connections", 30, 3))
                .then(step::<85>("restart", 120, 1))
                .then(step::<80>("fail_over", 120, 1)),
            Strategy::new(Kind::Service)
                .then(light::<50>("reconnect", 30, 1))
                .then(light::<60>("reset_cache", 30, 1))
                .then(step::<85>("restart", 60, 3))
                .then(step::<80>("fail_over", 120, 1)),
            Strategy::new(Kind::Overload)
                .then(light::<70>("shed_load", 30, 2))
                .then(step::<95>("scale_up", 120, 2)),
        ];
        chains.into_iter().fold(Self::none(), Self::with)
    }
}

/// The actions that the ready chains speak of, as they usually are. What is registered under the
/// same name says itself what it is like.
#[must_use]
pub fn ready_actions() -> Vec<ReadyAction> {
    let meta = ActionMeta::default;
    let costs = |meta: ActionMeta, cost, disruption| meta.with_cost(secs(cost), secs(disruption));
    let action = |name, meta, about| ReadyAction { name, meta, about };
    let half_an_hour = secs(30 * 60);
    vec![
        action(
            "restart",
            costs(meta().idempotent().restarts(), 8, 5),
            "Stops and starts the target.",
        ),
        action(
            "restart_gracefully",
            costs(meta().idempotent().restarts(), 20, 2),
            "Drains connections, clears what is kept in memory, and starts it again.",
        ),
        action(
            "raise_memory_limit",
            costs(meta().idempotent().reversible(), 15, 2),
            "Gives it half as much memory again.",
        ),
        action(
            "raise_cpu_limit",
            costs(meta().idempotent().reversible(), 10, 0),
            "Gives it half as much processor time again.",
        ),
        action(
            "scale_up",
            costs(meta().reversible().lasting(half_an_hour), 45, 5),
            "Adds an instance for half an hour.",
        ),
        action(
            "tune_workload",
            costs(meta().idempotent().reversible(), 5, 1),
            "Turns down what is not needed at once.",
        ),
        action(
            "shed_load",
            costs(meta().idempotent().reversible().lasting(half_an_hour), 2, 5),
            "Refuses part of the calls, the least important first.",
        ),
        action(
            "clean_disk",
            costs(meta().idempotent(), 20, 0),
            "Deletes old files below allowed folders and compresses logs.",
        ),
        action("expand_volume", costs(meta(), 120, 5), "Adds a fifth to the volume."),
        action(
            "reset_connections",
            costs(meta().idempotent(), 5, 1),
            "Closes idle connections and tests a new one.",
        ),
        action("reconnect", costs(meta().idempotent(), 3, 0), "Opens its connections anew."),
        action(
            "reset_cache",
            costs(meta().idempotent().reduces_capacity(), 5, 10),
            "Clears its cache.",
        ),
        action(
            "switch_route",
            costs(meta().idempotent().reversible(), 10, 2),
            "Takes another way through the network.",
        ),
        action(
            "fail_over",
            costs(meta().idempotent().reversible().restarts().with_approval("fail_over"), 30, 30),
            "Moves the work to the standby.",
        ),
        action(
            "tune_connections",
            costs(meta().idempotent().reversible(), 10, 1),
            "Makes the connection pool a quarter larger.",
        ),
        action(
            "optimise_queries",
            costs(meta().reversible().with_approval("database_change"), 120, 5),
            "Applies rewritten queries.",
        ),
        action(
            "add_indexes",
            costs(meta().reversible().with_approval("database_change"), 600, 30),
            "Creates missing indexes.",
        ),
        action(
            "renew_certificate",
            costs(meta().idempotent(), 60, 0),
            "Orders a certificate and puts it in place without a gap.",
        ),
        action(
            "isolate",
            costs(
                meta().idempotent().reversible().reduces_capacity().with_approval("security"),
                5,
                60,
            ),
            "Cuts it off from the network.",
        ),
        action(
            "apply_patch",
            costs(meta().reversible().restarts().with_approval("security"), 300, 30),
            "Installs an approved patch.",
        ),
        action(
            "reconcile",
            costs(meta().idempotent().reversible(), 20, 2),
            "Puts the configuration back to what it should be.",
        ),
    ]
}
