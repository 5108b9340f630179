//! The self-healer among the others: it sees what they see, pulls their levers, and writes it down.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use salve::circuit_breaker::State as BreakerState;
use salve::heal::{
    ActionMeta, CallsCheck, Closure, Event, Healing, JournalHealth, Kind, OpenError, Policy, Setup,
    Severity, Step, Strategy, Target, Who, degrade, resize,
};
use salve::healer::{
    Condition, Escalation, Fact, HoldReason, Incident, Journal, Phase, Record, Resolution, Verdict,
    Wall,
};
use salve::health::{self, Check, Finding, State, Status, TargetConfig};
use salve::history::Feed;
use salve::journal::history::{History, HistoryConfig, Table};
use salve::journal::prune::{HmacKey, Retention, Signature, Signer};
use salve::journal::{MemoryJournal, SqliteConfig, SqliteJournal};
use salve::{Place, StackHandle, bulkhead, circuit_breaker, degradation};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn ada() -> Who {
    Who::Person("ada".into())
}

/// A service that can be broken, with a check of its own and a stack around the calls to it.
struct Stage {
    broken: Arc<AtomicBool>,
    restarts: Arc<AtomicU32>,
    health: health::Handle,
    stack: StackHandle,
    journal: Arc<MemoryJournal>,
}

fn server(name: &'static str) -> TargetConfig {
    TargetConfig::new(name).with_interval(secs(5)).with_grace(Duration::ZERO)
}

impl Stage {
    /// The breaker stays open for ten minutes, unless somebody resets it.
    fn new() -> Self {
        // When checks run and what the healer draws is the same in every run.
        fastrand::seed(1);
        let broken = Arc::new(AtomicBool::new(false));
        let breaker = circuit_breaker::Config::default().with_open_for(secs(600));
        let built = salve::stack("stock").with_circuit_breaker(breaker).without_retry().build();
        let (layer, stack) = built.unwrap();
        let inner = broken.clone();
        let mut service = layer.layer(service_fn(move |(): ()| {
            let broken = inner.load(Ordering::Relaxed);
            async move { if broken { Err(BoxError::from("refused")) } else { Ok(()) } }
        }));
        tokio::spawn(async move {
            loop {
                let _ = service.ready().await.unwrap().call(()).await;
                tokio::time::sleep(secs(1)).await;
            }
        });
        let health = health::Handle::new(health::Config::new("shop")).unwrap();
        let looks = broken.clone();
        let check = move || {
            let broken = looks.load(Ordering::Relaxed);
            async move { if broken { Finding::fail("refused") } else { Finding::pass() } }
        };
        health.register(server("server"), check).unwrap();
        let (restarts, journal) = (Arc::default(), Arc::new(MemoryJournal::new()));
        Self { broken, restarts, health, stack, journal }
    }

    /// Its healer, which restarts the server and resets the breaker of who calls it.
    fn setup(&self) -> Setup {
        let (broken, restarts) = (self.broken.clone(), self.restarts.clone());
        let restart = Closure::new("restart", move |_| {
            let (broken, restarts) = (broken.clone(), restarts.clone());
            async move {
                restarts.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(secs(2)).await;
                broken.store(false, Ordering::Relaxed);
                Ok(vec!["restarted".to_owned()])
            }
        });
        let calls =
            server("stock").with_component("calls").with_place(Place::new().needs("server"));
        Setup::new(&self.health)
            .with_stack(calls, &self.stack)
            .unwrap()
            .with_action(restart.with_meta(ActionMeta::default().idempotent().restarts()))
            .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")))
            .with_strategy(
                Strategy::new(Kind::Service).at("calls").then(Step::new("breaker.reset")),
            )
    }

    async fn healed(&self) -> Healing {
        let healer = self.setup().with_shared_journal(self.journal.clone()).start().await.unwrap();
        tokio::time::sleep(secs(30)).await;
        assert_eq!(healer.state().targets().len(), 2);
        assert!(healer.state().targets().iter().all(|it| it.condition == Condition::Healthy));
        healer
    }

    fn break_it(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    async fn story(&self) -> Vec<Record> {
        self.journal.read(0, 10_000).await.unwrap()
    }
}

fn incident(healer: &Healing, target: &str) -> Option<Incident> {
    let state = healer.state();
    let about = |it: &&Incident| it.opening.subject.target().is_some_and(|it| it == target);
    state.incidents().find(about).cloned()
}

/// Whether these happened, in this order, whatever happened between them.
fn in_order(story: &[Record], facts: &[&dyn Fn(&Fact) -> bool]) -> bool {
    let mut rest = story.iter();
    facts.iter().all(|wanted| rest.any(|record| wanted(&record.fact)))
}

#[tokio::test(start_paused = true)]
async fn a_server_is_restarted_then_its_callers_breaker_is_reset_and_the_journal_tells() {
    let stage = Stage::new();
    let healer = stage.healed().await;
    let breaker = stage.stack.circuit_breaker().unwrap().clone();
    stage.break_it();
    tokio::time::sleep(secs(30)).await;
    assert_eq!((stage.restarts.load(Ordering::Relaxed), breaker.state()), (1, BreakerState::Open));
    let calls = incident(&healer, "stock").expect("the breaker is open");
    let server = incident(&healer, "server").unwrap().id();
    // One that was looked at before its cause stands alone; the hold below knows the cause all the same.
    assert!(calls.opening.correlation == server || calls.id() < server);
    assert!(matches!(calls.hold, Some(HoldReason::Dependency { cause }) if cause == "server"));
    tokio::time::sleep(secs(200)).await;
    assert_eq!(breaker.state(), BreakerState::Closed, "long before it would have probed");
    assert_eq!(healer.statistics().totals.repaired, 2);
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 1);
    healer.shut_down().await;

    let story = stage.story().await;
    let of = |target: &'static str| {
        let plans = story.iter().filter_map(|record| match &record.fact {
            Fact::Planned(plan) if plan.target == target => Some((plan.id, plan.incident)),
            _ => None,
        });
        plans.collect::<Vec<_>>()
    };
    for target in ["server", "stock"] {
        let &[(plan, incident)] = of(target).as_slice() else { panic!("{story:#?}") };
        let told: [&dyn Fn(&Fact) -> bool; 7] = [
            &|it| matches!(it, Fact::Opened(opening) if opening.id == incident),
            &|it| matches!(it, Fact::Planned(it) if it.id == plan),
            &|it| matches!(it, Fact::ActionStarted { plan: it, .. } if *it == plan),
            &|it| matches!(it, Fact::ActionFinished { plan: it, .. } if *it == plan),
            &|it| matches!(it, Fact::Verified { plan: it, verdict: Verdict::Recovered } if *it == plan),
            &|it| matches!(it, Fact::Soaked { plan: it, held: true } if *it == plan),
            &|it| matches!(it, Fact::Resolved { incident: it, how: Resolution::Repaired } if *it == incident),
        ];
        assert!(in_order(&story, &told), "{target}: {story:#?}");
    }
    assert!(story.iter().any(|record| record.why.contains("health says failed: refused")));
    assert!(story.iter().any(|record| record.why == "stock/breaker: reset"), "{story:#?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_it_watches_and_calls_and_does_nothing() {
    let stage = Stage::new();
    let healer = stage.setup().start().await.unwrap();
    assert!(matches!(healer.journal(), JournalHealth::Lost(why) if why.contains("there is none")));
    tokio::time::sleep(secs(30)).await;
    stage.break_it();
    tokio::time::sleep(secs(400)).await;
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 0);
    let open = incident(&healer, "server").unwrap();
    assert_eq!((open.hold, open.overdue), (Some(HoldReason::NotRecorded), true));
}

#[tokio::test(start_paused = true)]
async fn a_person_switches_it_off_and_on() {
    let stage = Stage::new();
    let healer = stage.healed().await;
    healer.by(ada()).disable("we are moving").await.unwrap();
    stage.break_it();
    tokio::time::sleep(secs(100)).await;
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 0);
    assert_eq!(incident(&healer, "server").unwrap().hold, Some(HoldReason::Disabled));
    healer.by(ada()).enable("moved").await.unwrap();
    tokio::time::sleep(secs(100)).await;
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 1);
    let story = stage.story().await;
    let by_ada = |record: &&Record| record.by == ada();
    let words: Vec<_> = story.iter().filter(by_ada).map(|record| record.why.as_str()).collect();
    assert_eq!(words, ["we are moving", "moved"]);
}

#[tokio::test(start_paused = true)]
async fn health_shows_the_repair_and_one_by_somebody_else_is_left_to_them() {
    let stage = Stage::new();
    let healer = stage.healed().await;
    let mut events = stage.health.subscribe(100.try_into().unwrap());
    stage.break_it();
    tokio::time::sleep(secs(60)).await;
    let mut states = Vec::new();
    while let Some(told) = events.try_next() {
        if let (Some("server"), health::Event::Changed { to, .. }) =
            (told.key.as_deref(), told.event)
        {
            states.push(to);
        }
    }
    use State::{Failed, Healthy, Recovering, Unhealthy};
    assert_eq!(states, [Unhealthy, Failed, Recovering, Healthy]);

    tokio::time::sleep(secs(900)).await;
    healer.by(ada()).pause("ada", salve::healer::Scope::All, "until it is seen").await.unwrap();
    stage.break_it();
    tokio::time::sleep(secs(30)).await;
    stage.health.begin_recovery("server").unwrap();
    healer.by(ada()).resume("ada", "somebody is at it").await.unwrap();
    tokio::time::sleep(secs(200)).await;
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 1, "it is being repaired by hand");
    stage.health.fail_recovery("server").unwrap();
    tokio::time::sleep(secs(30)).await;
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 2, "and no longer");
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_does_not_help_is_shown_as_failed_and_a_person_is_called() {
    let stage = Stage::new();
    let idle = Closure::new("restart", |_| async { Ok(Vec::new()) });
    let setup = stage.setup().with_action_at("server", idle);
    let healer = setup.with_shared_journal(stage.journal.clone()).start().await.unwrap();
    tokio::time::sleep(secs(30)).await;
    stage.break_it();
    tokio::time::sleep(secs(300)).await;
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 0, "the action of the target counts");
    assert_eq!(stage.health.state("server"), Some(State::Failed));
    let open = incident(&healer, "server").unwrap();
    assert_eq!(open.phase, Phase::Escalated);
    let story = stage.story().await;
    let exhausted =
        |it: &Fact| matches!(it, Fact::Escalated { reason: Escalation::ChainExhausted, .. });
    assert!(in_order(&story, &[&exhausted]), "{story:#?}");
}

#[tokio::test(start_paused = true)]
async fn places_and_levels_are_changed_and_taken_back() {
    let places = bulkhead::Config::default().with_places(NonZeroU32::new(4).unwrap().get());
    let bulkhead = bulkhead::Handle::new(places).unwrap();
    let ladder = degradation::Handle::new(degradation::Config::default()).unwrap();
    let level = ladder.config().levels.last().unwrap().name.clone();
    let health = health::Handle::new(health::Config::new("shop")).unwrap();
    health.register(server("pool"), || async { Finding::pass() }).unwrap();
    health.register(server("shop"), || async { Finding::pass() }).unwrap();
    let healer = Setup::new(&health)
        .with_action_at("pool", resize("widen", &bulkhead, 8))
        .with_action_at("shop", degrade("spare", &ladder, level.clone()))
        .with_strategy(
            Strategy::new(Kind::Overload).then(Step::new("widen")).then(Step::new("spare")),
        )
        .with_journal(MemoryJournal::new())
        .start()
        .await
        .unwrap();
    tokio::time::sleep(secs(20)).await;
    for target in ["pool", "shop"] {
        assert!(healer.report_failure(target, Kind::Overload, Severity::High));
    }
    tokio::time::sleep(secs(20)).await;
    assert_eq!((bulkhead.status().places, ladder.level()), (8, level));
    for target in ["pool", "shop"] {
        let over = salve::heal::Report::new(target, Kind::Overload, Severity::High).resolved();
        healer.report(over).await.unwrap();
    }
    tokio::time::sleep(secs(100)).await;
    assert_eq!((healer.statistics().totals.repaired, bulkhead.status().places), (2, 8));
    tokio::time::sleep(secs(1_800)).await;
    assert_eq!((bulkhead.status().places, ladder.status().level_index), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn targets_come_and_go_and_none_is_missed() {
    let health = health::Handle::new(health::Config::new("shop")).unwrap();
    let disk = Target::new("disk", "file_system").with_kind(Kind::DiskFull);
    let healer = Setup::new(&health)
        .with_target(disk)
        .with_target(Target::new("mail", "service"))
        .with_journal(MemoryJournal::new())
        .start()
        .await
        .unwrap();
    assert_eq!(healer.state().targets().len(), 2, "what is only reported is known, too");
    for n in 0..1_500 {
        let config = server("disk").with_place(Place::new().needs("mail"));
        let config =
            if n == 0 { config } else { TargetConfig { name: format!("t{n}").into(), ..config } };
        health.register_pushed(config).unwrap();
        // As many events as wait at most are told before the healer hears of one.
    }
    tokio::time::sleep(secs(2)).await;
    let state = healer.state();
    assert_eq!(state.targets().len(), 1_501);
    let disk = state.targets().get("disk").unwrap();
    assert_eq!((&disk.target.kind, disk.target.class.as_str()), (&Kind::DiskFull, "file_system"));
    assert_eq!(disk.target.place, Place::new().needs("mail"));
    health.remove("t7").unwrap();
    health.reconfigure(server("disk").with_place(Place::new().in_group("disks"))).unwrap();
    tokio::time::sleep(secs(2)).await;
    assert!(healer.state().targets().get("t7").is_none());
    let place = healer.state().targets().get("disk").unwrap().target.place.clone();
    assert_eq!(place, Place::new().in_group("disks"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_gone_is_left_alone_and_forgotten_after_its_incident() {
    let stage = Stage::new();
    let healer = stage.healed().await;
    healer.by(ada()).pause("ada", salve::healer::Scope::All, "wait").await.unwrap();
    stage.break_it();
    tokio::time::sleep(secs(30)).await;
    let open = incident(&healer, "server").unwrap();
    stage.health.remove("server").unwrap();
    healer.by(ada()).resume("ada", "go on").await.unwrap();
    tokio::time::sleep(secs(200)).await;
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 0);
    let condition = healer.state().targets().get("server").unwrap().condition;
    assert_eq!(condition, Condition::Disabled, "it is known for its incident");
    healer.by(ada()).close(open.id(), "we have moved").await.unwrap();
    tokio::time::sleep(secs(2)).await;
    assert!(healer.state().targets().get("server").is_none());
}

#[tokio::test(start_paused = true)]
async fn calls_tell_how_a_dependency_is_unless_the_breaker_is_held_by_hand() {
    let stage = Stage::new();
    let check = CallsCheck::new(&stage.stack);
    let breaker = stage.stack.circuit_breaker().unwrap();
    assert_eq!(check.run().await, Finding::pass());
    breaker.open();
    assert_eq!(check.run().await.status, Status::Fail);
    breaker.force_open();
    assert_eq!(check.run().await.status, Status::Unknown);
    breaker.reset();
    assert_eq!(check.run().await, Finding::pass());

    let healer = stage.healed().await;
    breaker.force_open();
    tokio::time::sleep(secs(200)).await;
    assert!(incident(&healer, "stock").is_none(), "a person holds it open");
}

#[tokio::test]
async fn a_journal_in_a_file_outlives_its_healer() {
    let folder = tempfile::tempdir().unwrap();
    let config = SqliteConfig::new(folder.path().join("healer.db"));
    let health = health::Handle::new(health::Config::new("shop")).unwrap();
    let mut policy =
        Policy::default().with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
    policy.soak = Duration::ZERO;
    health.register(server("api"), || async { Finding::pass() }).unwrap();
    let setup = || {
        Setup::new(&health)
            .with_policy(policy.clone())
            .with_action(Closure::new("restart", |_| async { Ok(Vec::new()) }))
            .with_sqlite(&config)
    };
    let healer = setup().start_on_thread().await.unwrap();
    assert_eq!(healer.journal(), JournalHealth::Up);
    let call = healer.heal("api", Kind::Service, Severity::High, || async { Err::<(), _>("no") });
    assert_eq!(call.await, Err("no"));
    let call = healer.heal("api", Kind::Service, Severity::High, || async { Err::<(), _>("no") });
    assert_eq!(call.await, Err("no"), "two in a row are no suspicion");
    let acted = async {
        while healer.statistics().totals.started == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        healer.heal("api", Kind::Service, Severity::High, || async { Ok::<_, &str>(()) }).await
    };
    tokio::time::timeout(secs(60), acted).await.expect("in time").unwrap();
    healer.by(ada()).disable("the night").await.unwrap();
    healer.shut_down().await;

    let healer = setup().start().await.unwrap();
    let state = healer.state();
    assert_eq!((healer.statistics().totals.started, state.is_disabled()), (1, true));
    healer.shut_down().await;
    assert!(SqliteJournal::open(&config).unwrap().head().await.unwrap().seq > 5);

    let spoiled = SqliteConfig::new(folder.path().join("spoiled.db"));
    std::fs::write(&spoiled.file, "no journal, and long enough to be taken for one".repeat(99))
        .unwrap();
    let healer = setup().with_sqlite(&spoiled).start().await.unwrap();
    assert!(matches!(healer.journal(), JournalHealth::Lost(_)), "it watches at least");
}

#[tokio::test(start_paused = true)]
async fn the_history_tells_of_breakers_ladders_checks_and_repairs() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(HistoryConfig::new(folder.path().join("history.db"))).unwrap();
    let stage = Stage::new();
    let healer = stage.healed().await;
    let ladder = degradation::Handle::new(degradation::Config::default()).unwrap();
    let mut feed = Feed::new(history);
    feed.watch_stack(&stage.stack);
    feed.watch_ladder(&ladder);
    feed.watch_health(&stage.health);
    feed.watch_healer(&healer);
    let history = Arc::clone(feed.history());
    let looking = tokio::spawn(feed.run(secs(30)));
    ladder.degrade(ladder.config().levels.last().unwrap().name.as_str(), "a drill").unwrap();
    stage.break_it();
    tokio::time::sleep(secs(230)).await;
    looking.abort();
    healer.shut_down().await;
    history.flush().await.unwrap();

    let rows = async |table| history.read(table, Wall(0), 1_000).await.unwrap();
    let texts = async |table, column: &str| {
        let rows = rows(table).await;
        rows.iter().map(|row| row[column].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let moves = texts(Table::CircuitBreakerStateHistory, "state").await;
    assert_eq!(moves, ["open", "closed"]);
    assert_eq!(texts(Table::CircuitBreakers, "state").await, ["closed"]);
    assert_eq!(texts(Table::DegradationState, "cause").await, ["operator: a drill"]);
    // Either may be looked at first.
    let mut issues = texts(Table::SelfHealingIssues, "resource").await;
    issues.sort();
    assert_eq!(issues, ["server", "stock"]);
    let done = rows(Table::SelfHealingRemediations).await;
    let done = done.iter().map(|it| (it["action_type"].as_str(), it["success"].as_u64()));
    let helped = [(Some("restart"), Some(1)), (Some("breaker.reset"), Some(1))];
    assert_eq!(done.collect::<Vec<_>>(), helped);
    assert!(rows(Table::SelfHealingIssues).await.iter().all(|row| row["remediated"] == 1));
    let path = texts(Table::RecoveryEvents, "what").await;
    for step in ["held", "started", "finished", "verified", "lasted", "resolved"] {
        assert!(path.iter().any(|what| what == step), "{step}: {path:?}");
    }
    let mut targets = texts(Table::ComponentHealthSummary, "target").await;
    targets.sort();
    assert_eq!(targets, ["server", "stock"]);
    assert_eq!(rows(Table::SystemHealthSnapshots).await.len(), 8);
    assert_eq!(rows(Table::HealthScores).await.len(), 8);
    let checks = rows(Table::HealthChecks).await.len();
    assert!((8..=16).contains(&checks), "{checks}");
    assert_eq!((history.counts().dropped, history.counts().failed), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_see_the_witness_either_restarts_nothing() {
    let stage = Stage::new();
    let blind = Arc::new(AtomicBool::new(false));
    let seen = blind.clone();
    let gateway = move || {
        let blind = seen.load(Ordering::Relaxed);
        async move { if blind { Finding::fail("no route") } else { Finding::pass() } }
    };
    let leaning = server("leaning").with_place(Place::new().needs("server"));
    let refused = stage.setup().with_witness(leaning, gateway.clone()).err().unwrap();
    assert!(refused.to_string().contains("without group, domain and dependencies"), "{refused}");
    let stage = Stage::new();
    let setup = stage.setup().with_witness(server("gateway"), gateway).unwrap();
    let healer = setup.with_shared_journal(stage.journal.clone()).start().await.unwrap();
    tokio::time::sleep(secs(30)).await;
    // Whoever watches is cut off: its checks fail, and nothing else.
    blind.store(true, Ordering::Relaxed);
    stage.break_it();
    tokio::time::sleep(secs(200)).await;
    assert_eq!(stage.health.state("server"), Some(State::Failed));
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 0);
    assert!(incident(&healer, "server").is_none(), "nobody is convicted");
    assert_eq!(stage.health.state("gateway"), Some(State::Failed));
    blind.store(false, Ordering::Relaxed);
    tokio::time::sleep(secs(60)).await;
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 1, "it was down after all");
    assert!(healer.state().targets().get("gateway").is_some_and(|it| it.target.witness));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_came_back_after_its_conviction_is_not_restarted() {
    let stage = Stage::new();
    let healer = stage.healed().await;
    let person = healer.by(ada());
    person.pause("ada", salve::healer::Scope::All, "hands off").await.unwrap();
    stage.break_it();
    tokio::time::sleep(secs(30)).await;
    assert_eq!(incident(&healer, "server").unwrap().phase, Phase::Open);
    // It comes back between two checks, and health has not noticed when the pause is lifted.
    stage.broken.store(false, Ordering::Relaxed);
    assert_eq!(stage.health.state("server"), Some(State::Failed));
    person.resume("ada", "go on").await.unwrap();
    tokio::time::sleep(secs(120)).await;
    assert_eq!(stage.restarts.load(Ordering::Relaxed), 0, "it was looked at once more");
    assert!(incident(&healer, "server").is_none());
    let story = stage.story().await;
    let spared =
        |fact: &Fact| matches!(fact, Fact::Held { reason: HoldReason::LooksWell { .. }, .. });
    assert!(story.iter().any(|record| spared(&record.fact)));
}

/// Signs as a key does, or has lost it.
struct Signs(Arc<AtomicBool>, HmacKey);

impl Signer for Signs {
    fn sign<'a>(
        &'a self,
        message: &'a [u8],
    ) -> salve::healer::BoxFuture<'a, Result<Signature, String>> {
        Box::pin(async move {
            if self.0.load(Ordering::Relaxed) {
                return self.1.sign(message).await;
            }
            Err("the key is lost".to_owned())
        })
    }
}

#[tokio::test]
async fn a_journal_is_pruned_by_itself_and_its_healer_works_on_if_it_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let key = HmacKey::new("2026", [7; 32]).unwrap();
    let config = SqliteConfig::new(folder.path().join("journal.db")).with_verifier(key.clone());
    // What happened in the seventies is old.
    let journal = SqliteJournal::open(&config).unwrap();
    let mut state = salve::healer::State::new();
    for _ in 0..20 {
        for fact in [Fact::Disabled, Fact::Enabled] {
            let record = state.record(salve::healer::Time::ZERO, Wall(1_000), ada(), "old", fact);
            state.apply(&record).unwrap();
            journal.append(&[record]).await.unwrap();
        }
    }
    drop(journal);

    let deadline = secs(60);
    let pruned = async |signs: bool| {
        let health = health::Handle::new(health::Config::new("shop")).unwrap();
        let signer = Signs(Arc::new(AtomicBool::new(signs)), key.clone());
        let setup =
            Setup::new(&health).with_pruned_sqlite(&config, Retention::new(secs(86_400)), signer);
        let healer = setup.start().await.unwrap();
        let mut events = healer.subscribe(std::num::NonZeroUsize::new(100).unwrap());
        let told = async {
            loop {
                match events.next().await.unwrap().event {
                    Event::Recorded(_) => {}
                    event => return event,
                }
            }
        };
        let told = tokio::time::timeout(deadline, told).await.expect("it is told in time");
        let done = healer.by(ada()).disable("a look at it").await.unwrap();
        assert!(done.durable, "it works on");
        healer.by(ada()).enable("looked").await.unwrap();
        healer.shut_down().await;
        told
    };
    let Event::PruningFailed { why } = pruned(false).await else { panic!("nobody has signed") };
    assert!(why.contains("the key is lost"), "{why}");
    assert_eq!(pruned(true).await, Event::Pruned { removed: 40 });
    let journal = SqliteJournal::open(&config).unwrap();
    let anchor = journal.anchor().await.unwrap().unwrap().read().unwrap();
    assert_eq!((anchor.removed, anchor.why.as_str()), (40, "records are kept for 1 days"));

    let health = health::Handle::new(health::Config::new("shop")).unwrap();
    let hasty = Retention::new(secs(1));
    let signer = Signs(Arc::default(), key.clone());
    let refused = Setup::new(&health).with_pruned_sqlite(&config, hasty, signer).start().await;
    assert!(matches!(refused, Err(OpenError::Config(error)) if error.field() == "keep"));
}
