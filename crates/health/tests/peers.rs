//! Scenarios in which other health checks were shown to fail, played against these.
//!
//! The ids are those of the list of weak points in `docs/peers.md`.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use salve_core::Ratio;
use salve_health::{Config, Event, Handle, State, Status, TargetConfig};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn registry() -> Handle {
    Handle::new(Config::new("peers")).unwrap()
}

fn often(name: &'static str) -> TargetConfig {
    TargetConfig::new(name)
        .with_jitter(Ratio::ZERO)
        .with_grace(Duration::ZERO)
        .with_interval(100 * MS)
        .with_timeout(SECOND, Status::Fail)
        .with_thresholds(2, 1)
}

#[tokio::test(start_paused = true)]
async fn k01_a_check_that_begins_to_panic_is_not_healthy_for_long() {
    let registry = registry();
    let panics = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&panics);
    let check = move || {
        let panics = asked.load(Ordering::SeqCst);
        async move { assert!(!panics, "it is meant to") }
    };
    registry.register(often("db"), check).unwrap();
    tokio::spawn(registry.clone().run());
    sleep(SECOND).await;
    assert_eq!(registry.state("db"), Some(State::Healthy));
    panics.store(true, Ordering::SeqCst);
    sleep(3 * SECOND).await;
    let status = registry.status("db").unwrap();
    assert_eq!((status.state, status.status), (State::Unknown, Status::Unknown));
    panics.store(false, Ordering::SeqCst);
    sleep(SECOND).await;
    assert_eq!(registry.state("db"), Some(State::Healthy));
}

#[tokio::test(start_paused = true)]
async fn k02_one_that_hangs_does_not_slow_the_others_down() {
    let registry = registry();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    registry.register(often("hangs"), std::future::pending::<()>).unwrap();
    let check = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async {}
    };
    registry.register(often("works"), check).unwrap();
    tokio::spawn(registry.clone().run());
    sleep(10 * SECOND).await;
    let runs = runs.load(Ordering::SeqCst);
    assert!((66..=101).contains(&runs), "{runs} runs in 10 s, each up to 50 ms late");
    assert_eq!(registry.state("hangs"), Some(State::Failed));
}

#[tokio::test(start_paused = true)]
async fn k03_nothing_changes_by_a_check_once_nobody_drives_them() {
    let registry = registry();
    let check = || async {
        sleep(500 * MS).await;
        Err::<(), _>("down")
    };
    registry.register(often("db").with_thresholds(1, 1), check).unwrap();
    let driver = tokio::spawn(registry.clone().run());
    sleep(200 * MS).await;
    driver.abort();
    assert!(driver.await.unwrap_err().is_cancelled());
    sleep(SECOND).await;
    let status = registry.status("db").unwrap();
    assert_eq!((status.state, status.record.results), (State::Starting, 0));
}

#[tokio::test(start_paused = true)]
async fn k04_the_recovery_of_one_target_is_not_that_of_another() {
    let registry = registry();
    for name in ["one", "other"] {
        registry.register_pushed(often(name).with_thresholds(1, 1)).unwrap();
        registry.push(name, Status::Fail).unwrap();
    }
    registry.push("one", Status::Pass).unwrap();
    assert_eq!(registry.state("one"), Some(State::Healthy));
    assert_eq!(registry.state("other"), Some(State::Failed));
}

#[tokio::test(start_paused = true)]
async fn k05_what_never_worked_is_told_too() {
    let registry = registry();
    let mut told = registry.subscribe(NonZeroUsize::new(16).unwrap());
    registry.register(often("db"), || async { Err::<(), _>("down") }).unwrap();
    tokio::spawn(registry.clone().run());
    sleep(SECOND).await;
    let events = std::iter::from_fn(|| told.try_next()).map(|told| told.event);
    let states: Vec<_> = events
        .filter_map(|event| match event {
            Event::Changed { from, to, .. } => Some((from, to)),
            _ => None,
        })
        .collect();
    let expected = [(State::Starting, State::Unhealthy), (State::Unhealthy, State::Failed)];
    assert_eq!(states, expected);
}
