//! Several replicas behind tower's balancer: who is slow, dead or silent gets little, and all of it
//! back once it is well.
#![cfg(feature = "balance")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve_adaptive::balance::{Replica, ReplicaHandle};
use salve_adaptive::{AdaptiveLayer, Config};
use salve_core::{Ratio, Repeatable};
use tokio::time::{Instant, sleep, sleep_until};
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::Load;
use tower::util::BoxService;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);
const WELL: u32 = 0;
const GREY: u32 = 1;
const DEAD: u32 = 2;
const SILENT: u32 = 3;

/// How the first of four replicas behaves, and what each of them is asked.
#[derive(Clone)]
struct World {
    first: Arc<AtomicU32>,
    health: Arc<AtomicU32>,
    handles: Vec<ReplicaHandle>,
}

type Balanced = Balance<ServiceList<Vec<Measured>>, ()>;
type Measured = Replica<
    BoxService<(), (), BoxError>,
    salve_core::ErrorsAreFailures,
    Box<dyn Fn() -> Ratio + Send + Sync>,
>;

/// The choices of a balancer, the same in every run.
struct Choices(fastrand::Rng);

impl tower::util::rng::Rng for Choices {
    fn next_u64(&mut self) -> u64 {
        self.0.u64(..)
    }
}

impl World {
    fn new() -> (Self, Balanced) {
        Self::seeded(1)
    }

    fn seeded(seed: u64) -> (Self, Balanced) {
        // What draws the time of probes is forked from this.
        fastrand::seed(seed);
        let first = Arc::new(AtomicU32::new(WELL));
        let health = Arc::new(AtomicU32::new(1_000_000));
        let replicas: Vec<Measured> = (0..4)
            .map(|place| {
                let state = Arc::clone(&first);
                let client = service_fn(move |()| {
                    let state = if place == 0 { state.load(Ordering::Relaxed) } else { WELL };
                    async move {
                        match state {
                            WELL => sleep(10 * MS).await,
                            GREY => sleep(200 * MS).await,
                            DEAD => {
                                sleep(MS).await;
                                return Err(BoxError::from("refused"));
                            }
                            _ => std::future::pending().await,
                        }
                        Ok(())
                    }
                });
                let health = Arc::clone(&health);
                let health: Box<dyn Fn() -> Ratio + Send + Sync> = Box::new(move || {
                    let parts = if place == 0 { health.load(Ordering::Relaxed) } else { 1_000_000 };
                    Ratio::from_parts_per_million(parts).unwrap()
                });
                Replica::new(client.boxed()).with_health(health)
            })
            .collect();
        let handles = replicas.iter().map(Replica::handle).collect();
        let choices = Choices(fastrand::Rng::with_seed(seed));
        let balance = Balance::from_rng(ServiceList::new(replicas), choices);
        (Self { first, health, handles }, balance)
    }

    fn first_is(&self, state: u32) {
        self.first.store(state, Ordering::Relaxed);
    }

    /// Lets `seconds` pass with 200 calls in each; the share of them that the first replica got.
    async fn share(&self, balance: &mut Balanced, seconds: u32) -> f64 {
        let calls = |handles: &[ReplicaHandle]| -> Vec<u64> {
            handles.iter().map(|handle| handle.status().calls).collect()
        };
        let before = calls(&self.handles);
        let begin = Instant::now();
        for call in 0..200 * seconds {
            sleep_until(begin + 5 * MS * call).await;
            let answer = balance.ready().await.unwrap().call(());
            tokio::spawn(tokio::time::timeout(Duration::from_secs(1), answer));
        }
        let got = calls(&self.handles);
        let got: Vec<u64> = got.iter().zip(before).map(|(now, before)| now - before).collect();
        got[0] as f64 / got.iter().sum::<u64>() as f64
    }
}

/// In every kind of trouble: the share that the first gets before, during and after it.
async fn shares(trouble: u32) -> (World, [f64; 3]) {
    let (world, mut balance) = World::new();
    let before = world.share(&mut balance, 10).await;
    world.first_is(trouble);
    let during = world.share(&mut balance, 20).await;
    world.first_is(WELL);
    world.share(&mut balance, 30).await;
    let after = world.share(&mut balance, 10).await;
    (world, [before, during, after])
}

fn is_fair(share: f64) -> bool {
    (0.15..0.35).contains(&share)
}

#[tokio::test(start_paused = true)]
async fn a_grey_replica_gets_little_until_it_is_well_again() {
    let (world, [before, during, after]) = shares(GREY).await;
    assert!(is_fair(before) && is_fair(after), "{before} {after}");
    assert!(during < 0.05, "{during}");
    assert!(world.handles.iter().all(|replica| !replica.status().dead));
}

#[tokio::test(start_paused = true)]
async fn a_dead_replica_is_only_probed_and_soon_back() {
    for seed in 0..8 {
        let (world, mut balance) = World::seeded(seed);
        world.share(&mut balance, 5).await;
        world.first_is(DEAD);
        let found = world.share(&mut balance, 10).await;
        assert!(found < 0.05 && world.handles[0].status().dead, "{seed}: {found}");
        // Compared 100 times a second, it is probed `sqrt(200 / dead for)` times in one: 126 times
        // in 20 s if it has only now been found dead, which is of 4,000 calls so much.
        let probed = world.share(&mut balance, 20).await;
        assert!(probed > 0.0 && probed < 0.032, "{seed}: {probed}");
        world.first_is(WELL);
        world.share(&mut balance, 3).await;
        assert!(!world.handles[0].status().dead, "{seed}");
        let after = world.share(&mut balance, 5).await;
        assert!(is_fair(after), "{seed}: {after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_replica_gets_little_until_it_answers() {
    let (world, [before, during, after]) = shares(SILENT).await;
    assert!(is_fair(before) && is_fair(after), "{before} {after}");
    assert!(during < 0.05, "{during}");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.handles[0].status().under_way, 0);
}

#[tokio::test(start_paused = true)]
async fn what_checks_know_weighs_in() {
    let (world, mut balance) = World::new();
    assert!(is_fair(world.share(&mut balance, 5).await));
    world.health.store(0, Ordering::Relaxed);
    assert_eq!(world.share(&mut balance, 5).await, 0.0);
    world.health.store(1_000_000, Ordering::Relaxed);
    world.share(&mut balance, 5).await;
    assert!(is_fair(world.share(&mut balance, 5).await));
}

/// Whatever happens to one of four, callers behind a controller notice nothing.
#[tokio::test(start_paused = true)]
async fn behind_a_controller_callers_notice_nothing() {
    let (world, balance) = World::new();
    let config = Config::new("inventory");
    let layer = AdaptiveLayer::new(&config).unwrap().with_request_rule(Repeatable);
    let client = ServiceBuilder::new().layer(layer).buffer(2_000).service(balance);
    let begin = Instant::now();
    let mut calls = Vec::new();
    for call in 0..8_000_u32 {
        sleep_until(begin + 5 * MS * call).await;
        // Ten seconds each.
        world.first_is([WELL, GREY, DEAD, SILENT][call as usize / 2_000]);
        calls.push(tokio::spawn(client.clone().oneshot(())));
    }
    let mut failed = 0;
    for call in calls {
        failed += u32::from(call.await.unwrap().is_err());
    }
    assert!(failed <= 8, "{failed} of 8,000 failed");
}

/// A call that is dropped at its deadline speaks against the replica's life, one that is dropped
/// before that only against its speed; a panic as well as an error.
#[tokio::test(start_paused = true)]
async fn calls_that_are_given_up_are_judged_by_their_age() {
    let client = || service_fn(|()| std::future::pending::<Result<(), BoxError>>());
    let mut replica = Replica::new(client());
    let seen = replica.handle();
    for _ in 0..100 {
        drop(replica.ready().await.unwrap().call(()));
    }
    assert!(!seen.status().dead && seen.status().under_way == 0);
    let now = salve_core::clock::now();
    let context = salve_core::CallContext::current().with_deadline(now.after(MS));
    // The tenth is the first probe.
    for _ in 0..10 {
        let call = context.scope(async { replica.ready().await.unwrap().call(()).await });
        assert!(tokio::time::timeout(2 * MS, call).await.is_err());
    }
    assert!(seen.status().dead);
    let worth_nothing = replica.load();
    sleep(Duration::from_secs(2)).await;
    // A probe is due: it goes before all others.
    assert!(replica.load() < worth_nothing);
}
