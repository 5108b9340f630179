//! The desk under virtual time, and behind a real healer.
#![cfg(feature = "escalate")]

mod journal;
mod order;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use journal::Memory;
use order::order;
use salve_actions::Closure;
use salve_actions::escalate::{
    Alert, Channel, Config, Counts, Desk, Notify as Tell, Routes, Stage,
};
use salve_core::Name;
use salve_healer::driver::{Config as HealerConfig, Driver, Handle};
use salve_healer::{
    Action, ActionMeta, BoxFuture, Condition, Fact, Failure, Journal, Kind, PlanId, Policy, Record,
    Severity, Step, Strategy, Target, Time, Wall, Who,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What a channel does with a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Takes,
    Refuses,
    Hangs,
    Panics,
}

/// A channel that writes down what it was told.
#[derive(Clone)]
struct Paper {
    name: Name,
    told: Arc<Mutex<Vec<Alert>>>,
    mood: Arc<Mutex<Mood>>,
    go: Arc<Notify>,
}

impl Paper {
    fn new(name: &'static str) -> Self {
        let mood = Arc::new(Mutex::new(Mood::Takes));
        Self { name: Name::literal(name), told: Arc::default(), mood, go: Arc::default() }
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn lines(&self) -> Vec<String> {
        self.told.lock().unwrap().iter().map(ToString::to_string).collect()
    }
}

impl Channel for Paper {
    fn name(&self) -> &Name {
        &self.name
    }

    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let mood = *self.mood.lock().unwrap();
            match mood {
                Mood::Takes => self.told.lock().unwrap().push(alert.clone()),
                Mood::Refuses => return Err(Failure::transient("no line")),
                Mood::Hangs => self.go.notified().await,
                Mood::Panics => panic!("as it was told"),
            }
            Ok(())
        })
    }
}

fn alert(key: &str, severity: Severity) -> Alert {
    Alert::new(key, severity, "db-1", "the disk is full")
}

fn counts(desk: &Desk, channel: usize) -> Counts {
    desk.health()[channel].counts
}

#[tokio::test(start_paused = true)]
async fn each_channel_hears_what_is_grave_enough_and_how_it_goes_on() {
    let (pager, mail) = (Paper::new("pager"), Paper::new("mail"));
    let routes = Routes::default()
        .with(Severity::Critical, pager.clone())
        .with(Severity::Medium, mail.clone());
    let desk = Desk::open(Config::default(), routes).unwrap();
    for severity in [Severity::Low, Severity::Medium, Severity::Critical] {
        desk.tell(&alert(severity.as_str(), severity));
    }
    desk.tell(&alert("critical", Severity::Critical));
    assert!(desk.drain(secs(1)).await);
    assert_eq!(pager.lines(), ["[critical] db-1: the disk is full"]);
    assert_eq!(mail.lines().len(), 2, "{:?}", mail.lines());
    assert_eq!(counts(&desk, 0), Counts { sent: 1, known: 0, replaced: 1, ..Counts::default() });

    // It is less grave now, and whoever was called hears it.
    desk.tell(&alert("critical", Severity::Medium));
    desk.tell(&alert("low", Severity::Low).resolved());
    assert!(desk.drain(secs(1)).await);
    desk.tell(&alert("critical", Severity::Medium).resolved());
    assert!(desk.drain(secs(1)).await);
    let stages = ["[medium] db-1: the disk is full", "[medium, resolved] db-1: the disk is full"];
    assert_eq!(pager.lines()[1..], stages);
    assert_eq!(mail.lines()[2..], stages);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_hangs_delays_nobody_and_loses_nothing_uncounted() {
    let (stuck, well) = (Paper::new("stuck"), Paper::new("well"));
    stuck.set(Mood::Hangs);
    let routes =
        Routes::default().with(Severity::Low, stuck.clone()).with(Severity::Low, well.clone());
    let config = Config::default().with_most_waiting(3).with_patience(secs(60));
    let desk = Desk::open(config, routes).unwrap();
    desk.tell(&alert("first", Severity::Low));
    tokio::time::sleep(secs(1)).await;
    for key in ["a", "b", "c", "d", "e"] {
        desk.tell(&alert(key, Severity::High));
        tokio::time::sleep(secs(1)).await;
    }
    assert_eq!(well.lines().len(), 6);
    assert!(!desk.drain(secs(1)).await);
    stuck.set(Mood::Takes);
    assert!(desk.drain(secs(120)).await);
    // The one that hung was given up after a minute; two had no place.
    let expected = Counts { sent: 3, dropped: 2, failed: 1, ..Counts::default() };
    assert_eq!((counts(&desk, 0), stuck.lines().len()), (expected, 3));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_told_goes_to_the_last_resort_and_is_told_when_it_comes_again() {
    let (bad, log) = (Paper::new("bad"), Paper::new("log"));
    let routes = Routes::default().with(Severity::Low, bad.clone()).with_last_resort(log.clone());
    let desk = Desk::open(Config::default(), routes).unwrap();
    for (mood, why) in [(Mood::Refuses, "bad: no line"), (Mood::Panics, "bad: it panicked")] {
        bad.set(mood);
        desk.tell(&alert("disk", Severity::High));
        assert!(desk.drain(secs(1)).await);
        let last = log.told.lock().unwrap().last().cloned().unwrap();
        assert_eq!(last.details, [("not told".to_owned(), why.to_owned())]);
        assert!(desk.health()[0].trouble.is_some());
    }
    bad.set(Mood::Takes);
    desk.tell(&alert("disk", Severity::High));
    assert!(desk.drain(secs(1)).await);
    assert_eq!((bad.lines().len(), log.lines().len()), (1, 2));
    assert_eq!(desk.health()[0].trouble, None);
    assert_eq!(counts(&desk, 0), Counts { sent: 1, failed: 2, ..Counts::default() });
}

#[tokio::test(start_paused = true)]
async fn an_action_tells_people_and_another_asks_one_to_act() {
    let paper = Paper::new("paper");
    let routes = Routes::default().with(Severity::Low, paper.clone());
    let desk = Desk::open(Config::default(), routes).unwrap();
    let tell = Tell::new("tell", &desk, "have a look");
    let (order, line) = (order(&tell), "[high] `api`: have a look".to_owned());
    assert_eq!(tell.preview(&order).await.unwrap(), [format!("tell: {line}")]);
    assert_eq!(tell.execute(&order).await.unwrap().done, [format!("told: {line}")]);
    assert!(desk.drain(secs(1)).await);
    tell.execute(&order).await.unwrap();
    assert!(desk.drain(secs(1)).await);
    assert_eq!(paper.lines(), [line], "twice under one key is once");

    let ask = Tell::ask("ask", &desk, "swap the disk");
    let asked = ask.execute(&order::order(&ask)).await.unwrap_err();
    assert_eq!(
        (asked.why.as_str(), asked.again),
        ("a person is asked to act: swap the disk", false)
    );
    assert!(desk.drain(secs(1)).await);
    assert_eq!(paper.lines()[1], "[high] `api`: swap the disk");
}

#[test]
fn settings_out_of_bounds_are_refused() {
    for (config, field) in [
        (Config::default().with_most_waiting(0), "most_waiting"),
        (Config::default().with_most_told(0), "most_told"),
        (Config::default().with_patience(Duration::ZERO), "patience"),
    ] {
        assert_eq!(config.validate().unwrap_err().field(), field);
    }
}

/// A healer whose one repair does not work and whose other needs an approval.
async fn healer(journal: &Arc<Memory>, desk: &Desk) -> (Handle, JoinHandle<()>) {
    let restart = Closure::new("restart", |_| async { Err(Failure::permanent("it is gone")) });
    let fail_over = Closure::new("fail_over", |_| async { Ok(Vec::new()) });
    let meta = ActionMeta::default().idempotent();
    let policy = Policy::default()
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")))
        .with_strategy(Strategy::new(Kind::Database).then(Step::new("fail_over")));
    let driver = Driver::new(HealerConfig::new("shop"), policy)
        .with_seed(1)
        .with_target(Target::new("api", "service"))
        .with_target(Target::new("db", "database").with_kind(Kind::Database))
        .with_action(restart.with_meta(meta.clone()))
        .with_action(fail_over.with_meta(meta.with_approval("fail_over")))
        .open(journal.clone())
        .await
        .unwrap();
    let healer = driver.handle();
    desk.follow("shop", &healer);
    (healer, tokio::spawn(driver.run()))
}

#[tokio::test(start_paused = true)]
async fn a_healer_calls_people_once_and_says_when_it_is_over_even_after_a_restart() {
    let (paper, journal) = (Paper::new("paper"), Arc::new(Memory::default()));
    let routes = || Routes::default().with(Severity::Low, paper.clone());
    let desk = Desk::open(Config::default(), routes()).unwrap();
    let (handle, running) = healer(&journal, &desk).await;
    handle.observe("api", Condition::Healthy, "").await.unwrap();
    handle.observe("api", Condition::Failed, "three probes").await.unwrap();
    tokio::time::sleep(secs(120)).await;
    let called = "[critical] `api`: service: everything was tried and nothing has helped";
    assert_eq!(paper.lines(), [called]);
    let told = paper.told.lock().unwrap()[0].clone();
    assert!(told.key.starts_with("shop/incident-"), "{told:?}");

    // As after `kill -9`, with another desk.
    running.abort();
    let _ = running.await;
    drop(desk);
    let desk = Desk::open(Config::default(), routes()).unwrap();
    let (handle, _running) = healer(&journal, &desk).await;
    handle.observe("api", Condition::Failed, "three probes").await.unwrap();
    tokio::time::sleep(secs(120)).await;
    assert_eq!(paper.lines(), [called], "it was told before");
    let incident = handle.state().incidents().next().unwrap().id();
    handle.by(Who::Person("ada".into())).acknowledge(incident, "swapped").await.unwrap();
    tokio::time::sleep(secs(1)).await;
    assert_eq!(paper.lines()[1], "[critical, resolved] `api`: ada has looked at it");
    assert_eq!(paper.told.lock().unwrap()[1].key, told.key);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_by_a_program_that_has_died_is_resolved_by_the_next() {
    let (paper, journal) = (Paper::new("paper"), Arc::new(Memory::default()));
    let record = |seq, fact| Record {
        seq,
        at: Time::ZERO,
        wall: Wall(0),
        by: Who::Healer,
        why: String::new(),
        fact,
    };
    let tripped = Fact::KillSwitchTripped { failures: 4, outcomes: 10 };
    journal.append(&[record(1, Fact::Hung(PlanId(7))), record(2, tripped)]).await.unwrap();
    let routes = Routes::default().with(Severity::Low, paper.clone());
    let desk = Desk::open(Config::default(), routes).unwrap();
    let (handle, _running) = healer(&journal, &desk).await;
    tokio::time::sleep(secs(1)).await;
    let freed =
        format!("[high, resolved] healer `shop`: the action of {} has ended after all", PlanId(7));
    assert_eq!(paper.lines(), [freed], "what hung has died with its program");
    handle.by(Who::Person("ada".into())).reset_kill_switch("I have looked").await.unwrap();
    tokio::time::sleep(secs(1)).await;
    let lines = paper.lines();
    assert_eq!(lines[1..], ["[critical, resolved] healer `shop`: ada has switched it on again"]);
}

/// As a pager: what was raised is open until it is resolved.
struct Pager(Paper);

impl Channel for Pager {
    fn name(&self) -> &Name {
        self.0.name()
    }

    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
        self.0.send(alert)
    }

    fn keeps_open(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_about_the_journal_by_a_program_that_has_died_is_ended_where_it_may_be_open() {
    let (paper, pager) = (Paper::new("paper"), Paper::new("pager"));
    let journal = Arc::new(Memory::default());
    let routes = Routes::default()
        .with(Severity::Low, paper.clone())
        .with(Severity::Low, Pager(pager.clone()));
    let desk = Desk::open(Config::default(), routes).unwrap();
    let (_handle, _running) = healer(&journal, &desk).await;
    tokio::time::sleep(secs(1)).await;
    assert_eq!(pager.lines(), ["[high, resolved] healer `shop`: the journal is written"]);
    assert_eq!(pager.told.lock().unwrap()[0].key, "shop/journal");
    assert_eq!(paper.lines(), [""; 0], "who keeps nothing open hears nothing new");
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_waits_for_an_approval_is_told_and_taken_back_when_it_is_answered() {
    let (paper, journal) = (Paper::new("paper"), Arc::new(Memory::default()));
    let routes = Routes::default().with(Severity::Low, paper.clone());
    let desk = Desk::open(Config::default(), routes).unwrap();
    let (handle, _running) = healer(&journal, &desk).await;
    handle.observe("db", Condition::Healthy, "").await.unwrap();
    handle.observe("db", Condition::Failed, "no answer").await.unwrap();
    tokio::time::sleep(secs(1)).await;
    assert_eq!(paper.lines(), ["[high] `db`: `fail_over` waits for an approval"]);
    let state = handle.state();
    let plan = state.incidents().find_map(|it| it.plan().cloned()).unwrap();
    handle.by(Who::Person("ada".into())).approve(&plan, "go").await.unwrap();
    tokio::time::sleep(secs(1)).await;
    assert_eq!(paper.lines()[1], "[high, resolved] `db`: ada has approved it");
    assert_eq!(paper.told.lock().unwrap()[1].stage, Stage::Resolved);
}
