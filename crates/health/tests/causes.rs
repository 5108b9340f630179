//! Causes and consequences: what a dependency explains, and what fails together.

use std::num::NonZeroUsize;
use std::time::Duration;

use salve_core::{Name, Place, Subscription};
use salve_health::{
    Config, Event, Finding, Handle, RegisterError, Scope, State, Status, TargetConfig,
};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn registry() -> (Handle, Subscription<Event>) {
    let registry = Handle::new(Config::new("test")).unwrap();
    let told = registry.subscribe(NonZeroUsize::new(1_000).unwrap());
    (registry, told)
}

fn target(name: impl Into<Name>, place: Place) -> TargetConfig {
    let config = TargetConfig::new(name).with_grace(Duration::ZERO).with_thresholds(1, 1);
    config.with_place(place)
}

/// Adds pushed targets that are healthy.
fn healthy(registry: &Handle, targets: impl IntoIterator<Item = TargetConfig>) {
    for config in targets {
        let name = config.name.clone();
        registry.register_pushed(config).unwrap();
        registry.push(name.as_str(), Status::Pass).unwrap();
    }
}

fn events(told: &mut Subscription<Event>) -> Vec<(Option<String>, Event)> {
    std::iter::from_fn(|| told.try_next()).map(|told| (told.key, told.event)).collect()
}

fn together(told: &mut Subscription<Event>) -> Vec<Event> {
    let of_many = |event: &Event| {
        matches!(event, Event::FailedTogether { .. } | Event::RecoveredTogether { .. })
    };
    events(told).into_iter().map(|(_, event)| event).filter(of_many).collect()
}

#[tokio::test(start_paused = true)]
async fn inv_07_a_failure_that_a_dependency_explains_is_suppressed_with_its_cause() {
    let (registry, mut told) = registry();
    healthy(
        &registry,
        [
            target("db", Place::new()),
            target("cache", Place::new().needs("db")),
            target("api", Place::new().needs("cache")),
        ],
    );
    for name in ["db", "cache", "api"] {
        registry.push(name, Status::Fail).unwrap();
    }
    let api = registry.status("api").unwrap();
    assert_eq!((api.state, api.shown), (State::Failed, State::Degraded));
    assert_eq!((api.status, api.because), (Status::Warn, Some("db".into())));
    assert!(registry.status("cache").unwrap().is_suppressed());
    assert!(!registry.status("db").unwrap().is_suppressed());
    let because = Some("db".into());
    let changed = Event::Changed { from: State::Healthy, to: State::Failed, because };
    assert!(events(&mut told).contains(&(Some("api".to_owned()), changed)));

    // The dependencies are back: what still fails after the aftermath fails by itself.
    registry.push("db", Status::Pass).unwrap();
    registry.push("cache", Status::Pass).unwrap();
    sleep(59 * SECOND).await;
    assert!(registry.status("api").unwrap().is_suppressed());
    sleep(SECOND).await;
    let api = registry.status("api").unwrap();
    assert_eq!((api.shown, api.status, api.because), (State::Failed, Status::Fail, None));
}

#[tokio::test(start_paused = true)]
async fn a_cause_found_later_is_told_later() {
    let (registry, mut told) = registry();
    healthy(&registry, [target("api", Place::new().needs("db")), target("db", Place::new())]);
    registry.push("api", Status::Fail).unwrap();
    assert_eq!(registry.status("api").unwrap().status, Status::Fail);
    registry.push("db", Status::Fail).unwrap();
    assert_eq!(registry.status("api").unwrap().status, Status::Warn);
    let suppressed = Event::Suppressed { because: "db".into() };
    assert!(events(&mut told).contains(&(Some("api".to_owned()), suppressed)));
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_works_explains_nothing_and_one_that_nobody_watches_is_looked_through() {
    let (registry, _) = registry();
    healthy(
        &registry,
        [
            target("db", Place::new()),
            target("works", Place::new().needs("db")),
            target("behind-works", Place::new().needs("works")),
            target("behind-pool", Place::new().needs("pool")),
            target("pool", Place::new().needs("db")),
            target("uses", Place::new().can_use("db")),
        ],
    );
    registry.disable("pool").unwrap();
    for name in ["db", "behind-works", "behind-pool", "uses"] {
        registry.push(name, Status::Fail).unwrap();
    }
    let because = |name| registry.status(name).unwrap().because;
    assert_eq!(because("behind-works"), None);
    assert_eq!(because("behind-pool"), Some("db".into()));
    // It can do without, so that is not why it fails.
    assert_eq!(because("uses"), None);
}

#[tokio::test(start_paused = true)]
async fn losing_an_optional_dependency_degrades_and_takes_nothing_down() {
    let (registry, _) = registry();
    let search = target("search-breaker", Place::new()).non_critical();
    healthy(&registry, [search, target("shop", Place::new().can_use("search-breaker"))]);
    registry.push("search-breaker", Finding::fail("open")).unwrap();
    let shop = registry.status("shop").unwrap();
    assert_eq!((shop.state, shop.shown), (State::Healthy, State::Degraded));
    assert_eq!(shop.because, Some("search-breaker".into()));
    let report = registry.report(Scope::Readiness);
    assert_eq!((report.status, report.http_status()), (Status::Warn, 200));
}

#[tokio::test(start_paused = true)]
async fn members_of_a_group_that_fail_together_are_one_event() {
    let (registry, mut told) = registry();
    let group = || Place::new().in_group("web");
    healthy(&registry, (0..8).map(|nth| target(format!("web-{nth}"), group())));
    for nth in 0..3 {
        registry.push(&format!("web-{nth}"), Status::Fail).unwrap();
        sleep(SECOND).await;
    }
    assert_eq!(together(&mut told), [], "three of eight are less than half");
    registry.push("web-3", Status::Fail).unwrap();
    let group = Some(Name::from("web"));
    let failed = Event::FailedTogether { group: group.clone(), failed: 4, of: 8 };
    assert_eq!(together(&mut told), [failed]);
    registry.push("web-4", Status::Fail).unwrap();
    registry.push("web-0", Status::Pass).unwrap();
    let all = Event::FailedTogether { group: None, failed: 5, of: 8 };
    let fewer = Event::RecoveredTogether { group: None };
    assert_eq!(together(&mut told), [all, fewer]);
    registry.push("web-1", Status::Pass).unwrap();
    assert_eq!(together(&mut told), [Event::RecoveredTogether { group }]);
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_explained_or_far_apart_are_no_event_of_many() {
    let (registry, mut told) = registry();
    healthy(&registry, [target("db", Place::new())]);
    let places = |nth| if nth < 10 { Place::new().needs("db") } else { Place::new() };
    healthy(&registry, (0..20).map(|nth| target(format!("api-{nth}"), places(nth))));
    registry.push("db", Status::Fail).unwrap();
    for nth in 0..10 {
        registry.push(&format!("api-{nth}"), Status::Fail).unwrap();
    }
    for nth in 10..20 {
        sleep(21 * SECOND).await;
        registry.push(&format!("api-{nth}"), Status::Fail).unwrap();
    }
    assert_eq!(together(&mut told), []);
}

#[test]
fn a_cycle_is_refused_and_nothing_has_changed() {
    let (registry, _) = registry();
    registry.register_pushed(target("a", Place::new().needs("b"))).unwrap();
    let refused = registry.register_pushed(target("b", Place::new().needs("a"))).unwrap_err();
    assert!(matches!(&refused, RegisterError::Cycle(cycle) if cycle.path.len() == 3));
    assert_eq!(registry.topology().len(), 1);
    registry.register_pushed(target("b", Place::new())).unwrap();
    let order: Vec<_> = registry.topology().order().into_iter().cloned().collect();
    assert_eq!(order, ["b", "a"]);
}
