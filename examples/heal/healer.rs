//! The healer: what it looks at, what it may do, and in what order.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use salve::heal::{ActionMeta, Closure, Config, Failure as Failed, Healing, Kind, Policy, Setup};
use salve::heal::{Step, Strategy, Target};
use salve_actions::disk::{Clean, Rule};
use salve_checks::{Thresholds, http, queue, redis};
use salve_core::{Place, Ratio};
use salve_healer::Prior;
use salve_health::{Finding, Handle, State, Status, TargetConfig, TcpCheck};
use salve_journal::SqliteConfig;
use tokio::time::timeout;

use crate::Failure;
use crate::house::{CLOCK, FEED, House, PARTNER, SCRATCH, SCRATCH_LIMIT, SHOP, STORE, WORKER};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Where everything is written down before it is done.
pub(crate) fn journal(dir: &Path) -> SqliteConfig {
    SqliteConfig::new(dir.join("healer.db")).with_head(dir.join("healer.head"))
}

/// Starts a healer for this house.
pub(crate) async fn start(
    house: &Arc<House>,
    journal: &SqliteConfig,
) -> Result<(Healing, Handle), Failure> {
    let health = watch(house)?;
    let clean = Rule::new(house.scratch(), ["*.tmp"]).older_than(Duration::from_secs(60 * 60));
    let restarts = || ActionMeta::default().idempotent().restarts().with_cost(ms(2_000), ms(2_000));
    let restart = |what, again| repair(house, "restart", what, again).with_meta(restarts());
    let gentle = |name| {
        let meta = ActionMeta::default().idempotent().with_cost(ms(1_000), Duration::ZERO);
        Closure::new(name, |_| async { Ok(vec!["asked".to_owned()]) }).with_meta(meta)
    };
    let fail_over = Closure::new("fail_over", |_| async { Ok(vec!["moved away".to_owned()]) });
    let healer = Setup::new(&health)
        .with_config(Config::new("shop").with_tick(ms(100)))
        .with_policy(policy())
        .with_target(Target::new(WORKER, "worker"))
        .with_target(Target::new(SCRATCH, "file_system").with_kind(Kind::DiskFull))
        .with_target(Target::new(PARTNER, "partner"))
        .with_action_at(
            SHOP,
            restart("the service", |it| Box::pin(async move { it.restart_service().await })),
        )
        .with_action_at(
            STORE,
            restart("Redis", |it| Box::pin(async move { it.restart_store().await })),
        )
        .with_action_at(
            WORKER,
            restart("the worker", |it| Box::pin(async move { it.restart_worker().await })),
        )
        .with_action_at(SCRATCH, Clean::new("clean_disk", [clean])?)
        // Sends what a stuck process cannot hear, and what nobody at a partner's listens to.
        .with_action_at(WORKER, gentle("nudge"))
        .with_action_at(PARTNER, gentle("reconnect"))
        // A person has to agree to it, and none is there.
        .with_action_at(PARTNER, fail_over.with_meta(restarts().with_approval("fail_over")))
        .with_sqlite(journal)
        .start()
        .await?;
    Ok((healer, health))
}

type Again = fn(Arc<House>) -> std::pin::Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

fn repair(house: &Arc<House>, name: &'static str, what: &'static str, again: Again) -> Closure {
    let house = Arc::downgrade(house);
    Closure::new(name, move |_| {
        let house = house.upgrade();
        async move {
            let house = house.ok_or_else(|| Failed::permanent("the house is gone"))?;
            again(house).await.map_err(|error| Failed::transient(error.to_string()))?;
            Ok(vec![format!("{what} was restarted")])
        }
    })
}

/// The rules of a healer that has seconds where others have minutes.
fn policy() -> Policy {
    let step = |action: &'static str| Step::new(action).verified_within(ms(2_500));
    // What is proved later than usual is not done twice.
    let patient = |action: &'static str| Step::new(action).verified_within(ms(8_000));
    let expected = |percent| Prior::new(percent, 4);
    let mut policy = Policy::default()
        .with_strategy(Strategy::new(Kind::Service).then(patient("restart").with_attempts(3)))
        .with_strategy(
            Strategy::new(Kind::Service)
                .at("worker")
                .then(step("nudge").expecting(expected(Ratio::percent::<80>())))
                .then(step("restart").expecting(expected(Ratio::percent::<80>()))),
        )
        .with_strategy(
            Strategy::new(Kind::Service)
                .at("partner")
                .then(step("reconnect").with_attempts(3))
                .then(step("fail_over")),
        )
        .with_strategy(Strategy::new(Kind::DiskFull).then(patient("clean_disk")));
    policy.soak = ms(2_000);
    policy.aftermath = ms(1_500);
    policy.calm.cooldown = ms(500);
    policy.calm.second_look = ms(500);
    policy.calm.after_success = ms(500);
    policy.calm.flap_within = Duration::from_secs(8);
    policy.backoff.first = ms(300);
    policy
}

/// The registry of checks: what it looks at, how often, and who needs whom.
fn watch(house: &Arc<House>) -> Result<Handle, Failure> {
    let health = Handle::new(salve_health::Config::new("shop").with_aftermath(ms(1_500)))?;
    let target = |name| {
        TargetConfig::new(name)
            .with_interval(ms(200))
            .with_unhealthy_interval(ms(150))
            // What is killed refuses at once and what is ill says so; a machine that is only busy is neither.
            .with_timeout(ms(2_000), Status::Fail)
            .with_stale_after(ms(8_000))
            .with_thresholds(2, 2)
            .with_grace(Duration::ZERO)
    };
    let ports = house.ports;
    let mut place = Place::new();
    if let Some(port) = ports.store {
        let config = redis::Config::new(format!("redis://127.0.0.1:{port}"));
        health.register(target(STORE), redis::RedisCheck::new(config)?)?;
        place = place.needs(STORE);
    }
    let url = format!("http://127.0.0.1:{}/buy", ports.service);
    let check = http::HttpCheck::new(http::Config::new(url))?;
    health.register(target(SHOP).with_place(place), check)?;

    let asked = Arc::downgrade(house);
    let config = queue::Config::default().with_waiting(Thresholds::rising(7.0, 10.0));
    let check = queue::QueueCheck::new(config, move || {
        let asked = asked.upgrade().ok_or_else(|| io::Error::other("the house is gone"));
        let waiting = asked.and_then(|house| house.waiting());
        async { waiting.map(|waiting| queue::Load { waiting, failed_last_hour: 0 }) }
    })?;
    health.register(target(WORKER), check)?;

    let asked = Arc::downgrade(house);
    let used = Thresholds::rising(0.9, 1.0);
    health.register(target(SCRATCH), move || {
        let used =
            asked.upgrade().map(|house| house.scratched()).and_then(Result::ok).map(|bytes| {
                used.judge(
                    bytes as f64 / SCRATCH_LIMIT as f64,
                    "of its limit",
                    "the scratch folder",
                )
            });
        async move { used.unwrap_or_else(|| Finding::unknown("it cannot be read")) }
    })?;
    // What somebody else runs is given more time: they have a healer of their own.
    let feed = TcpCheck::new(format!("127.0.0.1:{}", ports.feed));
    health.register(target(FEED).with_thresholds(12, 2), feed)?;
    health.register(target(PARTNER), TcpCheck::new(format!("127.0.0.1:{}", ports.partner)))?;
    health.register(target(CLOCK), || async { Finding::pass() })?;
    Ok(health)
}

/// Waits until every target is healthy.
pub(crate) async fn all_healthy(health: &Handle) -> Result<(), Failure> {
    let mut changes = health.watch();
    let well = || health.report(salve_health::Scope::All).targets;
    let healthy = async {
        while !well().iter().all(|it| it.state == State::Healthy) {
            // The sender lives as long as the handle.
            let _ = changes.changed().await;
        }
    };
    let waited = timeout(Duration::from_secs(20), healthy).await;
    Ok(waited.map_err(|_| format!("not all are healthy: {:?}", well()))?)
}
