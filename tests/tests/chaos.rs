//! What chaos and the policies around it make of each other.

use std::time::Duration;

use std::sync::Arc;

use salve::chaos::experiment::{Bound, Experiment, Lab, LabConfig};
use salve::chaos::{self, Arming, ChaosLayer, Fault, Handle, Injected, Lie, Rule, WatchLayer};
use salve::circuit_breaker::{CircuitBreakerLayer, Config, State};
use salve::healer::driver::{Config as DriverConfig, Driver};
use salve::healer::{ActionMeta, Closure, Condition, Kind, Policy, Step, Strategy, Target, Wall};
use salve::health::{self, Finding, State as Health, TargetConfig};
use salve::history::Feed;
use salve::journal::MemoryJournal;
use salve::journal::history::{History, HistoryConfig, Table};
use salve::{Name, Ratio, Reading, Refusable, Sensor, Unit};
use tower::{BoxError, Layer, ServiceExt, service_fn};

fn down() -> Handle {
    let rule = Rule::new("down", Fault::ERROR).with_share(Ratio::ONE);
    let config = chaos::Config::new("stock").with_rule(rule).with_most_per_second(100);
    let point = Handle::new(config).unwrap();
    point.arm(Arming::new("ada", "a test", Duration::from_secs(60))).unwrap();
    point
}

#[tokio::test(start_paused = true)]
async fn a_breaker_does_not_hold_an_injected_rejection_against_the_service() {
    let layer = CircuitBreakerLayer::new(Config::default()).unwrap();
    let breaker = layer.handle();
    let inner = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let service = layer.layer(ChaosLayer::from(down()).layer(inner));
    for n in 0..20 {
        let error = service.clone().oneshot(n).await.unwrap_err();
        assert_eq!(error.rejection().unwrap().room(), "chaos");
    }
    assert_eq!((breaker.state(), breaker.counts().failures), (State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_on_errors_that_a_drill_builds_to_be_real() {
    let layer = CircuitBreakerLayer::new(Config::default()).unwrap();
    let breaker = layer.handle();
    let inner = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let broken = ChaosLayer::from(down()).with_errors(|_: &Injected| BoxError::from("broken pipe"));
    let service = layer.layer(broken.layer(inner));
    for n in 0..5 {
        assert!(service.clone().oneshot(n).await.is_err());
    }
    assert_eq!((breaker.state(), breaker.counts().failures), (State::Open, 5));
}

/// A healthy reading.
struct Calm(Name);

impl Sensor for Calm {
    fn name(&self) -> &Name {
        &self.0
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        report(Reading { name: "errors", value: 0.0, unit: Unit::Ratio });
    }
}

#[tokio::test(start_paused = true)]
async fn a_drill_stands_in_the_history_with_its_owner_and_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(HistoryConfig::new(folder.path().join("history.db"))).unwrap();
    let mut feed = Feed::new(history);
    let point = Handle::new(chaos::Config::new("stock")).unwrap();
    feed.watch_chaos(&point);
    let history = Arc::clone(feed.history());

    point.arm(Arming::new("ada", "does the shop cope?", Duration::from_secs(60))).unwrap();
    point.disarm();
    let inner = service_fn(|n: u32| async move { Ok::<_, salve::Error<()>>(n) });
    let service = ChaosLayer::from(point.clone()).layer(inner);
    let service = WatchLayer::from(point.clone()).layer(service);
    let calls = tokio::spawn(async move {
        loop {
            let _ = service.clone().oneshot(1).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let lab =
        LabConfig::default().with_enabled(true).with_most_at_once(10).with_require_approval(false);
    let second = Duration::from_secs(1);
    let spike = Experiment::latency_spike("stock", second, 10 * second)
        .with_steady(Bound::at_most("errors", 0.5))
        .with_owner("eve");
    let report =
        Lab::new(lab).unwrap().run([&point], spike, vec![Box::new(Calm("calm".into()))]).await;
    let report = report.unwrap();
    calls.abort();
    history.flush().await.unwrap();

    let rows = history.read(Table::ChaosExperiments, Wall(0), 100).await.unwrap();
    let text = |nth: usize, column: &str| rows[nth][column].as_str().unwrap_or_default().to_owned();
    let told: Vec<_> = (0..rows.len()).map(|nth| (text(nth, "name"), text(nth, "state"))).collect();
    let ended = report.status.to_string();
    let wanted = [
        ("stock", "armed"),
        ("stock", "disarmed"),
        ("stock", "armed"),
        ("latency-spike", "started"),
        ("stock", "disarmed"),
        ("latency-spike", ended.as_str()),
    ];
    assert_eq!(told, wanted.map(|(name, state)| (name.to_owned(), state.to_owned())));
    assert_eq!((text(0, "owner"), text(0, "report")), ("ada".into(), "does the shop cope?".into()));
    assert_eq!((text(3, "owner"), text(5, "owner")), ("eve".into(), "eve".into()));
    assert_eq!(text(5, "report"), report.to_markdown());
}

#[tokio::test(start_paused = true)]
async fn a_check_that_lies_is_believed_until_it_is_found_out() {
    let lie = Rule::new("all is well", Fault::Lie(Lie::Well)).with_share(Ratio::ONE);
    let point = Handle::new(chaos::Config::new("probe").with_rule(lie)).unwrap();
    let registry = health::Handle::new(health::Config::new("shop")).unwrap();
    let target = TargetConfig::new("disk").with_interval(Duration::from_secs(5));
    let check = chaos::lying(&point, || async { Finding::fail("full") });
    registry.register(target.with_grace(Duration::ZERO), check).unwrap();
    let looks = tokio::spawn(registry.clone().run());
    let state = || registry.status("disk").unwrap().state;

    point.arm(Arming::new("ada", "who notices?", Duration::from_secs(60))).unwrap();
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(state(), Health::Healthy);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(state(), Health::Failed);
    looks.abort();
}

#[tokio::test(start_paused = true)]
async fn a_report_says_whether_the_healer_has_repaired_it_and_how_fast() {
    let second = Duration::from_secs(1);
    let restart = Closure::new("restart", |_| async { Ok(vec!["restarted".to_owned()]) });
    let policy =
        Policy::default().with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
    let driver = Driver::new(DriverConfig::default(), policy)
        .with_target(Target::new("api", "service"))
        .with_target(Target::new("queue", "broker"))
        .with_action(restart.with_meta(ActionMeta::default().idempotent().restarts()));
    let driver = driver.open(Arc::new(MemoryJournal::new())).await.unwrap();
    let healer = driver.handle();
    let find = chaos::repairs(&healer);
    let running = tokio::spawn(driver.run());

    let lab =
        LabConfig::default().with_enabled(true).with_most_at_once(10).with_require_approval(false);
    let lab = Lab::new(lab.with_safe_mode(false)).unwrap();
    let point = Handle::new(chaos::Config::new("stock")).unwrap();
    let spike = Experiment::latency_spike("stock", second, second);
    let report = lab.run([&point], spike, Vec::new()).await.unwrap();
    let told = |found: Vec<chaos::experiment::Advice>| {
        found.into_iter().map(|it| format!("{} {}", it.advice, it.evidence)).collect::<Vec<_>>()
    };
    assert_eq!(told(find(&report)), ["The healer found nothing to repair. no incident was opened"]);

    tokio::time::sleep(60 * second).await;
    healer.observe("api", Condition::Failed, "three probes in a row").await.unwrap();
    tokio::time::sleep(30 * second).await;
    let open = "Look why `api` was not repaired: what is held, and why. its incident is open";
    assert_eq!(told(find(&report)), [open]);
    for _ in 0..60 {
        healer.observe("api", Condition::Healthy, "probes pass").await.unwrap();
        tokio::time::sleep(60 * second).await;
    }
    let ended = told(find(&report));
    let repaired = "The healer has repaired `api`. `restart` had helped 30.0 s after it broke, and that lasted";
    assert_eq!(ended, [repaired]);
    let found = told(find(&report));
    assert_eq!(found, ["The healer found nothing to repair. no incident was opened"]);
    healer.shut_down();
    running.await.unwrap();
}
