//! Each part of a stack, steered by the healer for a while, and given back.

use std::time::Duration;

use salve::circuit_breaker::State;
use salve::heal::{Kind, Report, Setup, Severity, Step, Strategy, Target};
use salve::healer::Condition;
use salve::health::{Config, Handle};
use salve::journal::MemoryJournal;
use salve::{Sensor, StackHandle, degradation, hedge, rate_limit, stack};

fn whole() -> StackHandle {
    // What the healer draws is the same in every run.
    fastrand::seed(1);
    let ladder = degradation::Handle::new(degradation::Config::default()).unwrap();
    let quota = rate_limit::Quota::per_second(10);
    let built = stack("api")
        .with_degradation(ladder)
        .with_rate_limit(rate_limit::Config::new("api", quota))
        .with_hedge(hedge::Config::default().with_fixed_delay(Duration::from_millis(10)))
        .build();
    built.unwrap().1
}

fn reading(sensor: &impl Sensor, name: &str) -> Option<f64> {
    let mut found = None;
    sensor.read(&mut |it| found = (it.name == name).then_some(it.value).or(found));
    found
}

/// What is true once an action is done, and not before it and after it was taken back.
type Sign = fn(&StackHandle) -> bool;

const ACTIONS: [(&str, Sign); 6] = [
    ("breaker.force_open", |it| it.circuit_breaker().unwrap().state() == State::ForcedOpen),
    ("bulkhead.close", |it| it.bulkhead().unwrap().status().closed),
    ("ladder.lowest", |it| it.degradation().unwrap().status().level_index > 0),
    ("ladder.enter_read_only", |it| it.degradation().unwrap().is_read_only()),
    ("rate_limit.throttle", |it| reading(it.rate_limit().unwrap(), "scale") == Some(0.5)),
    ("breaker.open", |it| it.circuit_breaker().unwrap().state() == State::Open),
];

#[tokio::test(start_paused = true)]
async fn levers_that_take_capacity_are_pulled_and_half_an_hour_later_taken_back() {
    for (action, sign) in ACTIONS {
        let (health, stack) = (Handle::new(Config::new("shop")).unwrap(), whole());
        let kind = || Kind::Custom("drill".into());
        let healer = Setup::new(&health)
            .with_target(Target::new("api", "service"))
            .with_levers("api", &stack)
            .unwrap()
            .with_strategy(Strategy::new(kind()).then(Step::new(action)))
            .with_journal(MemoryJournal::new())
            .start()
            .await
            .unwrap();
        healer.observe("api", Condition::Healthy, "seen").await.unwrap();
        assert!(!sign(&stack), "{action}");
        healer.report(Report::new("api", kind(), Severity::High)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(sign(&stack), "{action}: {:?}", healer.state());
        healer.report(Report::new("api", kind(), Severity::High).resolved()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(healer.statistics().totals.repaired, 1, "{action}");
        tokio::time::sleep(Duration::from_secs(30 * 60)).await;
        assert!(!sign(&stack), "{action}: {:?}", healer.state());
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_without_such_a_part_refuses_and_a_person_is_called() {
    let health = Handle::new(Config::new("shop")).unwrap();
    let healer = Setup::new(&health)
        .with_target(Target::new("api", "service"))
        .with_target(Target::new("mail", "service"))
        .with_levers("api", &whole())
        .unwrap()
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("breaker.reset")))
        .with_journal(MemoryJournal::new())
        .start()
        .await
        .unwrap();
    healer.observe("mail", Condition::Failed, "seen").await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let totals = healer.statistics().totals;
    assert_eq!((totals.escalated, totals.succeeded, totals.failed), (1, 0, 0));
}
