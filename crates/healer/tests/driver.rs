//! The driver under virtual time: what it writes, does, and goes on doing when others fail.
#![cfg(feature = "driver")]

mod rig;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rig::{Memory, Rig, driver, pass, play, policy, restart, secs, settle};
use salve_core::{Name, Place, Reading, Sensor};
use salve_healer::driver::{ActError, Config, Driver, Event, JournalHealth, OpenError};
use salve_healer::{
    ActionMeta, ActionResult, BoxFuture, Condition, Escalation, Evidence, Fact, HoldReason, Intake,
    Journal, JournalError, Kind, Phase, PlanId, Record, Report, Resolution, SecondLook, Severity,
    State, Target, Verdict, Who,
};

fn position(facts: &[Fact], what: impl Fn(&Fact) -> bool) -> usize {
    facts.iter().position(what).unwrap_or_else(|| panic!("{facts:#?}"))
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_repaired_proved_and_learned() {
    let rig = Rig::new().await;
    rig.fail("api").await;
    assert_eq!(rig.action.count(), 1);
    pass(2).await;
    assert_eq!(rig.incident("api").unwrap().phase, Phase::Verifying);
    rig.see("api", Condition::Healthy).await;
    assert_eq!(rig.incident("api").unwrap().phase, Phase::Soaking);
    pass(62).await;
    let state = rig.healer.state();
    assert_eq!(state.past().next().unwrap().how, Resolution::Repaired);
    let figures = rig.healer.statistics();
    assert_eq!((figures.totals.succeeded, figures.totals.repaired), (1, 1));
    // Whoever reads the journal knows the same.
    let mut read = State::new();
    rig.journal.records().iter().for_each(|record| read.apply(record).unwrap());
    assert_eq!(read, *state);
}

#[tokio::test(start_paused = true)]
async fn inv_35_and_36_the_start_and_the_state_before_are_written_before_the_effect() {
    let rig = Rig::new().await;
    rig.fail("api").await;
    rig.fail("db").await;
    pass(1).await;
    assert_eq!(rig.action.count(), 2);
    assert_eq!(rig.action.unrecorded.load(Ordering::Relaxed), 0, "evidence comes first");
    let facts = rig.journal.facts();
    let planned = position(&facts, |it| matches!(it, Fact::Planned(_)));
    let leased = position(&facts, |it| matches!(it, Fact::Leased { ours: true, .. }));
    let started = position(&facts, |it| matches!(it, Fact::ActionStarted { .. }));
    assert!(planned < leased && leased < started, "{facts:?}");
}

#[tokio::test(start_paused = true)]
async fn inv_36_what_ran_when_it_was_killed_is_verified_and_not_repeated() {
    let rig = Rig::with(ActionMeta::default(), policy(), Arc::default()).await;
    *rig.action.takes.lock().unwrap() = None;
    rig.fail("api").await;
    assert_eq!(rig.action.count(), 1);
    let rig = rig.again().await;
    let interrupted = rig.healer.state();
    let run = interrupted.incidents().next().unwrap().run.clone().unwrap();
    assert_eq!(run.finished.unwrap().1, ActionResult::Interrupted);
    rig.fail("api").await;
    pass(25).await;
    assert_eq!(rig.action.count(), 0);
    let incident = rig.incident("api").unwrap();
    assert_eq!(incident.needs_human, Some(Escalation::UnknownEffect));
    assert_eq!(incident.phase, Phase::Escalated);
}

#[tokio::test(start_paused = true)]
async fn inv_10_inv_09_budgets_and_tokens_go_on_after_a_restart() {
    let rig = Rig::new().await;
    rig.fail("api").await;
    pass(3).await;
    let before = rig.action.tokens.lock().unwrap().clone();
    let generation = rig.healer.state().targets().get("api").unwrap().generation;
    let rig = rig.again().await;
    let state = rig.healer.state();
    let api = state.targets().get("api").unwrap();
    assert_eq!((api.starts.len(), api.generation), (1, generation), "the same target is no news");
    rig.fail("db").await;
    pass(61).await;
    let after = rig.action.tokens.lock().unwrap().clone();
    assert!(after[0] > before[0], "{before:?} {after:?}");
}

#[tokio::test(start_paused = true)]
async fn inv_32_what_a_person_has_switched_off_stays_off() {
    let rig = Rig::new().await;
    rig.ada().disable("moving house").await.unwrap();
    let rig = rig.again().await;
    rig.fail("api").await;
    pass(100).await;
    assert_eq!(rig.action.count(), 0);
    assert_eq!(rig.incident("api").unwrap().hold, Some(HoldReason::Disabled));
    rig.ada().enable("moved").await.unwrap();
    pass(1).await;
    assert_eq!(rig.action.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn inv_38_without_a_journal_it_watches_and_calls_and_does_nothing() {
    let rig = Rig::new().await;
    let mut events = rig.healer.subscribe(NonZeroUsize::new(1_000).unwrap());
    rig.journal.down.store(true, Ordering::Relaxed);
    rig.fail("api").await;
    let unrepairable = Report::new("db", Kind::Custom("odd".into()), Severity::High);
    rig.healer.report(unrepairable).await.unwrap();
    pass(301).await;
    assert_eq!(rig.action.count(), 0);
    assert!(matches!(rig.healer.journal(), JournalHealth::Down(why) if why.contains("full")));
    let (api, db) = (rig.incident("api").unwrap(), rig.incident("db").unwrap());
    assert_eq!(api.hold, Some(HoldReason::NotRecorded), "it says why");
    assert!(api.overdue, "it says that it takes too long");
    assert_eq!(db.phase, Phase::Escalated, "a person is called");
    let act = rig.ada().pause("ada", salve_healer::Scope::All, "wait").await.unwrap();
    assert!(!act.durable, "it counts, and it says that it may be lost");
    rig.ada().resume("ada", "go on").await.unwrap();
    rig.journal.down.store(false, Ordering::Relaxed);
    pass(2).await;
    assert_eq!(rig.healer.journal(), JournalHealth::Up);
    assert_eq!((rig.action.count(), rig.action.unrecorded.load(Ordering::Relaxed)), (1, 0));
    let (mut down, mut up) = (0, 0);
    while let Some(told) = events.try_next() {
        down += u64::from(matches!(told.event, Event::JournalDown { .. }));
        up += u64::from(told.event == Event::JournalUp);
    }
    assert_eq!((down, up), (1, 1), "told once");
    let mut read = State::new();
    rig.journal.records().iter().for_each(|record| read.apply(record).unwrap());
    assert_eq!(read, *rig.healer.state(), "nothing is missing that happened meanwhile");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_taken_for_lost_and_came_through_is_not_written_twice() {
    for hangs in [false, true] {
        let rig = Rig::new().await;
        let fault = if hangs { &rig.journal.hangs } else { &rig.journal.lies };
        fault.store(true, Ordering::Relaxed);
        rig.fail("api").await;
        pass(10).await;
        fault.store(false, Ordering::Relaxed);
        pass(60).await;
        assert_eq!(rig.healer.journal(), JournalHealth::Up);
        assert!(rig.action.count() > 0);
        assert_eq!(rig.action.unrecorded.load(Ordering::Relaxed), 0);
        let mut read = State::new();
        rig.journal.records().iter().for_each(|record| read.apply(record).unwrap());
        assert_eq!(read, *rig.healer.state());
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_somebody_else_writes_is_given_up() {
    let rig = Rig::new().await;
    let other = Rig::with(restart(), policy(), rig.journal.clone()).await;
    settle().await;
    rig.fail("api").await;
    pass(10).await;
    assert!(matches!(rig.healer.journal(), JournalHealth::Lost(_)));
    assert_eq!(rig.action.count(), 0);
    assert_eq!(rig.incident("api").unwrap().hold, Some(HoldReason::NotRecorded));
    assert_eq!(other.healer.journal(), JournalHealth::Up);
}

#[tokio::test(start_paused = true)]
async fn too_much_without_a_journal_gives_it_up_and_watching_goes_on() {
    let journal = Arc::new(Memory::default());
    let action = play(restart(), &journal);
    let config = Config::default().with_backlog(3);
    let ready = Driver::new(config, policy())
        .with_target(Target::new("api", "service"))
        .with_shared_action(action.clone())
        .open(journal.clone())
        .await
        .unwrap();
    let healer = ready.handle();
    let running = tokio::spawn(ready.run());
    journal.down.store(true, Ordering::Relaxed);
    for condition in [Condition::Healthy, Condition::Failed, Condition::Healthy, Condition::Failed]
    {
        healer.observe("api", condition, "").await.unwrap();
        pass(2).await;
    }
    assert!(matches!(healer.journal(), JournalHealth::Lost(_)));
    journal.down.store(false, Ordering::Relaxed);
    pass(10).await;
    assert_eq!((healer.state().incidents().count(), action.count()), (1, 0));
    healer.shut_down();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn inv_37_without_a_readable_journal_it_only_watches() {
    struct Torn;
    use salve_healer::{BoxFuture, Head, Journal, Record};
    impl Journal for Torn {
        fn append<'a>(&'a self, _: &'a [Record]) -> BoxFuture<'a, Result<Head, JournalError>> {
            Box::pin(async { Err(JournalError::Unwritable("torn".to_owned())) })
        }
        fn read(&self, _: u64, _: usize) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
            Box::pin(async { Err(JournalError::Tampered { seq: 7 }) })
        }
        fn head(&self) -> BoxFuture<'_, Result<Head, JournalError>> {
            Box::pin(async { Err(JournalError::Tampered { seq: 7 }) })
        }
    }
    let memory = Arc::default();
    let action = play(restart(), &memory);
    let refused = driver(&policy(), &action).open(Arc::new(Torn)).await.unwrap_err();
    let OpenError::Journal(error) = refused else { panic!("{refused}") };
    let ready = driver(&policy(), &action).watch_only(error).await.unwrap();
    let healer = ready.handle();
    tokio::spawn(ready.run());
    healer.observe("api", Condition::Failed, "").await.unwrap();
    pass(301).await;
    let state = healer.state();
    let incident = state.incidents().next().unwrap();
    assert_eq!((&incident.hold, incident.overdue), (&Some(HoldReason::NotRecorded), true));
    assert_eq!(action.count(), 0);
    assert!(matches!(healer.journal(), JournalHealth::Lost(why) if why.contains("record 7")));
}

#[tokio::test(start_paused = true)]
async fn inv_44_what_takes_too_long_is_cut_and_verified() {
    let rig = Rig::new().await;
    *rig.action.takes.lock().unwrap() = None;
    rig.fail("api").await;
    pass(31).await;
    let incident = rig.incident("api").unwrap();
    assert_eq!(incident.phase, Phase::Verifying);
    assert_eq!(incident.run.unwrap().finished.unwrap().1, ActionResult::TimedOut);
    rig.see("api", Condition::Healthy).await;
    assert_eq!(rig.incident("api").unwrap().phase, Phase::Soaking, "it may have helped");
}

#[tokio::test(start_paused = true)]
async fn inv_44_what_a_person_aborts_is_verified() {
    let rig = Rig::new().await;
    *rig.action.takes.lock().unwrap() = None;
    rig.fail("api").await;
    let plan = rig.incident("api").unwrap().run.unwrap().plan.id;
    rig.ada().abort(plan, "it is the wrong one").await.unwrap();
    settle().await;
    let incident = rig.incident("api").unwrap();
    assert_eq!(incident.run.unwrap().finished.unwrap().1, ActionResult::Cancelled);
    let twice = rig.ada().abort(plan, "again").await.unwrap_err();
    assert!(matches!(twice, ActError::Refused(_)), "{twice}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_and_the_loop_goes_on() {
    let rig = Rig::new().await;
    rig.action.panics.store(true, Ordering::Relaxed);
    rig.fail("api").await;
    pass(1).await;
    let panicked = |it: &Fact| matches!(it, Fact::ActionFinished { result: ActionResult::Failed { why, again: false }, .. } if why.contains("panicked"));
    assert!(rig.journal.has(panicked));
    assert_eq!(rig.incident("api").unwrap().phase, Phase::Escalated, "the chain is over");
}

#[tokio::test(start_paused = true)]
async fn inv_16_a_precheck_that_always_refuses_is_not_asked_for_ever() {
    let rig = Rig::new().await;
    rig.action.refuses.store(true, Ordering::Relaxed);
    rig.fail("api").await;
    pass(600).await;
    assert_eq!(rig.action.count(), 0);
    assert_eq!(rig.action.prechecks.load(Ordering::Relaxed), 2);
    assert_eq!(rig.incident("api").unwrap().phase, Phase::Escalated);
}

#[tokio::test(start_paused = true)]
async fn inv_29_what_does_not_help_is_undone_from_what_was_captured() {
    let rig = Rig::with(restart().reversible(), policy(), Arc::default()).await;
    rig.fail("api").await;
    pass(25).await;
    let undone = rig.action.undone.lock().unwrap().clone();
    assert_eq!(undone[0].before.as_deref(), Some("as it was"));
    let facts = rig.journal.facts();
    let began = position(&facts, |it| matches!(it, Fact::RollbackStarted(_)));
    let ended = position(&facts, |it| matches!(it, Fact::RollbackFinished { ok: true, .. }));
    assert!(began < ended);
}

#[tokio::test(start_paused = true)]
async fn a_person_has_an_action_undone_that_is_watched() {
    let rig = Rig::with(restart().reversible(), policy(), Arc::default()).await;
    rig.fail("api").await;
    pass(2).await;
    rig.see("api", Condition::Healthy).await;
    let plan = rig.incident("api").unwrap().run.unwrap().plan.id;
    rig.ada().roll_back(plan, "not like this").await.unwrap();
    settle().await;
    assert_eq!(rig.action.undone.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_temporary_change_is_taken_back_after_its_incident() {
    let meta = restart().reversible().lasting(secs(300));
    let rig = Rig::with(meta, policy(), Arc::default()).await;
    rig.fail("api").await;
    pass(2).await;
    rig.see("api", Condition::Healthy).await;
    pass(100).await;
    assert!(rig.incident("api").is_none());
    assert_eq!(rig.action.undone.lock().unwrap().len(), 0);
    pass(300).await;
    assert_eq!(rig.action.undone.lock().unwrap().len(), 1);
    assert!(rig.journal.has(|it| matches!(it, Fact::Expired { ok: true, .. })));
}

#[tokio::test(start_paused = true)]
async fn the_actions_own_word_counts_unless_the_symptom_says_otherwise() {
    let rig = Rig::new().await;
    *rig.action.verdict.lock().unwrap() = Some(Verdict::Recovered);
    rig.fail("api").await;
    pass(3).await;
    assert_eq!(rig.incident("api").unwrap().phase, Phase::Verifying, "it is still down");
    *rig.action.verdict.lock().unwrap() = Some(Verdict::NotRecovered);
    rig.fail("db").await;
    pass(64).await;
    let no = |it: &Fact| matches!(it, Fact::Verified { verdict: Verdict::NotRecovered, .. });
    assert!(rig.journal.has(no));
}

#[tokio::test(start_paused = true)]
async fn inv_22_after_standing_still_it_looks_again_first() {
    let rig = Rig::new().await;
    tokio::time::advance(secs(60)).await;
    settle().await;
    let stood = |it: &Fact| matches!(it, Fact::StoodStill { gap, .. } if *gap >= secs(59));
    assert!(rig.journal.has(stood));
    rig.fail("api").await;
    pass(10).await;
    assert_eq!(rig.action.count(), 0);
    pass(10).await;
    assert_eq!(rig.action.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn inv_50_running_actions_may_end_and_none_begins() {
    let rig = Rig::new().await;
    rig.fail("api").await;
    rig.healer.shut_down();
    settle().await;
    rig.healer.observe("db", Condition::Failed, "").await.unwrap();
    rig.running.await.unwrap();
    assert_eq!(rig.action.count(), 1);
    assert!(
        rig.journal.has(|it| matches!(it, Fact::ActionFinished { result: ActionResult::Done, .. }))
    );
    let late = rig.healer.by(rig::ada()).disable("late").await;
    assert_eq!(late, Err(ActError::Ended));
}

#[tokio::test(start_paused = true)]
async fn inv_50_what_does_not_end_in_time_is_cancelled_and_written_down() {
    let rig = Rig::new().await;
    *rig.action.takes.lock().unwrap() = None;
    rig.fail("api").await;
    let began = tokio::time::Instant::now();
    rig.healer.shut_down();
    rig.running.await.unwrap();
    assert!(began.elapsed() <= secs(11), "{:?}", began.elapsed());
    let cancelled =
        |it: &Fact| matches!(it, Fact::ActionFinished { result: ActionResult::Cancelled, .. });
    assert!(rig.journal.has(cancelled));
}

#[tokio::test(start_paused = true)]
async fn inv_33_one_incident_however_many_report_it_at_once() {
    let rig = Rig::new().await;
    let report = || Report::new("api", Kind::Network, Severity::High);
    let (a, b) = tokio::join!(rig.healer.report(report()), rig.healer.report(report()));
    let (Ok(Intake::New(first, _)), Ok(second)) = (a, b) else { panic!("{:?}", rig.healer) };
    assert_eq!(second, Intake::Known(first));
    let nobody = Report::new("nobody", Kind::Network, Severity::High);
    assert_eq!(rig.healer.report(nobody).await, Ok(Intake::NoSuchTarget));
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_call_reports_its_failures_and_their_end() {
    let rig = Rig::new().await;
    let call = |ok: bool| {
        let healer = rig.healer.clone();
        async move {
            let work = || async move { if ok { Ok(7) } else { Err("no") } };
            healer.heal("api", Kind::Network, Severity::High, work).await
        }
    };
    assert_eq!(call(true).await, Ok(7));
    assert_eq!(call(false).await, Err("no"));
    settle().await;
    let incident = rig.incident("api").unwrap();
    assert_eq!(incident.opening.evidence, Evidence::Statistical);
    assert_eq!(rig.action.count(), 0, "one failed call restarts nothing");
    assert_eq!(call(false).await, Err("no"));
    pass(3).await;
    assert_eq!(rig.action.count(), 1);
    assert_eq!(call(true).await, Ok(7));
    pass(1).await;
    assert_eq!(rig.incident("api").unwrap().phase, Phase::Soaking);
    assert!(rig.healer.report_failure("nobody", Kind::Network, Severity::Low));
    settle().await;
    assert_eq!(rig.healer.unheard(), 1);
}

#[tokio::test(start_paused = true)]
async fn inv_48_events_and_records_are_as_many() {
    let rig = Rig::new().await;
    let mut events = rig.healer.subscribe(NonZeroUsize::new(4).unwrap());
    let before = rig.journal.records().len();
    rig.fail("api").await;
    pass(100).await;
    let mut heard = 0;
    while events.try_next().is_some() {
        heard += 1;
    }
    let written = rig.journal.records().len() - before;
    assert_eq!(heard + events.dropped(), written as u64);
    assert!(events.dropped() > 0);
}

#[tokio::test(start_paused = true)]
async fn inv_49_the_pulse_and_the_watchdog_come_from_the_loop() {
    let beats = Arc::new(AtomicU64::new(0));
    let (journal, count) = (Arc::new(Memory::default()), beats.clone());
    let action = play(restart(), &journal);
    let ready = driver(&policy(), &action)
        .with_watchdog(move || _ = count.fetch_add(1, Ordering::Relaxed))
        .open(journal.clone())
        .await
        .unwrap();
    let healer = ready.handle();
    let running = tokio::spawn(ready.run());
    pass(10).await;
    assert!(beats.load(Ordering::Relaxed) >= 10);
    // A loop that hangs in its journal sends none.
    journal.hangs.store(true, Ordering::Relaxed);
    healer.observe("api", Condition::Healthy, "").await.unwrap();
    settle().await;
    let (before, pulse) = (beats.load(Ordering::Relaxed), healer.pulse());
    pass(2).await;
    assert_eq!((beats.load(Ordering::Relaxed), healer.pulse()), (before, pulse));
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn inv_11_gates_are_asked_again_when_it_is_ready() {
    let rig = Rig::new().await;
    for name in ["m-1", "m-2"] {
        let place = Place::new().in_group("m");
        rig.healer.set_target(Target::new(name, "service").with_place(place)).await.unwrap();
    }
    rig.see("m-1", Condition::Healthy).await;
    rig.see("m-2", Condition::Healthy).await;
    let (a, b) = tokio::join!(
        rig.healer.observe("m-1", Condition::Failed, ""),
        rig.healer.observe("m-2", Condition::Failed, ""),
    );
    assert!(a.is_ok() && b.is_ok());
    pass(1).await;
    assert_eq!(rig.action.count(), 1, "one of a group at a time");
}

/// Whoever looks once more: says how the target is, and counts.
#[derive(Clone, Default)]
struct Eyes {
    well: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    looks: Arc<AtomicU64>,
}

impl SecondLook for Eyes {
    fn is_well<'a>(&'a self, _: &'a Name) -> BoxFuture<'a, Option<bool>> {
        Box::pin(async {
            self.looks.fetch_add(1, Ordering::Relaxed);
            if self.hangs.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            Some(self.well.load(Ordering::Relaxed))
        })
    }
}

async fn looked_after(meta: ActionMeta) -> (Rig, Eyes) {
    let (eyes, journal) = (Eyes::default(), Arc::<Memory>::default());
    let action = play(meta, &journal);
    let driver = driver(&policy(), &action).with_second_look(eyes.clone());
    let ready = driver.open(journal.clone()).await.unwrap();
    let healer = ready.handle();
    let running = tokio::spawn(ready.run());
    let rig = Rig { journal, action, healer, running, policy: policy() };
    rig.see("api", Condition::Healthy).await;
    (rig, eyes)
}

#[tokio::test(start_paused = true)]
async fn inv_11_what_is_well_at_a_second_look_is_not_restarted() {
    let (rig, eyes) = looked_after(restart()).await;
    eyes.well.store(true, Ordering::Relaxed);
    rig.fail("api").await;
    pass(12).await;
    assert_eq!((rig.action.count(), eyes.looks.load(Ordering::Relaxed)), (0, 3), "every 5 s");
    let hold = rig.incident("api").unwrap().hold;
    assert!(matches!(hold, Some(HoldReason::LooksWell { .. })), "{hold:?}");
    let held = rig.journal.facts().into_iter().filter(|it| matches!(it, Fact::Held { .. }));
    assert_eq!(held.count(), 1, "told once");
    assert!(rig.incident("api").unwrap().tried.is_empty(), "nothing was tried");
    eyes.well.store(false, Ordering::Relaxed);
    pass(5).await;
    assert_eq!(rig.action.count(), 0, "it may be well again in a moment");
    pass(5).await;
    assert_eq!(rig.action.count(), 1, "it is still convicted, and was seen ill twice");
    assert_eq!(eyes.looks.load(Ordering::Relaxed), 5);
}

#[tokio::test(start_paused = true)]
async fn a_look_in_vain_is_made_again_and_delays_a_repair_for_a_bounded_time() {
    let (rig, eyes) = looked_after(restart()).await;
    eyes.hangs.store(true, Ordering::Relaxed);
    rig.fail("api").await;
    pass(4).await;
    eyes.hangs.store(false, Ordering::Relaxed);
    eyes.well.store(true, Ordering::Relaxed);
    pass(9).await;
    assert_eq!(rig.action.count(), 0, "the second time it could be seen");
    let hold = rig.incident("api").unwrap().hold;
    assert!(matches!(hold, Some(HoldReason::LooksWell { .. })), "{hold:?}");

    let (rig, eyes) = looked_after(restart()).await;
    eyes.hangs.store(true, Ordering::Relaxed);
    rig.fail("api").await;
    pass(14).await;
    assert_eq!(rig.action.count(), 0);
    pass(2).await;
    assert_eq!(rig.action.count(), 1, "the conviction stands");
}

#[tokio::test(start_paused = true)]
async fn inv_22_who_does_not_see_the_witness_either_has_not_seen_the_target() {
    let (rig, eyes) = looked_after(restart()).await;
    rig.healer.set_target(Target::witness("gateway")).await.unwrap();
    rig.see("gateway", Condition::Healthy).await;
    rig.fail("api").await;
    pass(20).await;
    assert_eq!(rig.action.count(), 0, "the look fails at both");
    let hold = rig.incident("api").unwrap().hold;
    let expected = |it: &HoldReason| matches!(it, HoldReason::Blind { witnesses, .. } if *witnesses == ["gateway"]);
    assert!(hold.as_ref().is_some_and(expected), "{hold:?}");
    assert!(eyes.looks.load(Ordering::Relaxed) >= 6, "again and again, at both");
    // Nobody believes it for ever.
    rig.see("gateway", Condition::Failed).await;
    pass(301).await;
    assert!(rig.journal.facts().iter().any(|it| matches!(it, Fact::Discredited(_))));
    pass(30).await;
    assert_eq!(rig.action.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_again_before_what_does_no_harm_or_what_a_person_orders() {
    let (rig, eyes) = looked_after(ActionMeta::default().idempotent()).await;
    rig.fail("api").await;
    pass(2).await;
    assert_eq!((rig.action.count(), eyes.looks.load(Ordering::Relaxed)), (1, 0));
    let (rig, eyes) = looked_after(restart()).await;
    eyes.well.store(true, Ordering::Relaxed);
    rig.ada().disable("let me see first").await.unwrap();
    rig.fail("api").await;
    let incident = rig.incident("api").unwrap().id();
    rig.ada().force(incident, "restart", false, "I know").await.unwrap();
    pass(2).await;
    assert_eq!((rig.action.count(), eyes.looks.load(Ordering::Relaxed)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_hung_when_its_program_died_is_told_to_have_ended() {
    let rig = Rig::new().await;
    let plan = PlanId(1);
    let state = rig.healer.state();
    let record = |seq: u64, fact| {
        let (at, wall) = state.last().unwrap();
        Record { seq, at, wall, by: Who::Healer, why: String::new(), fact }
    };
    let hung = [record(state.seq() + 1, Fact::Hung(plan))];
    rig.running.abort();
    rig.journal.append(&hung).await.unwrap();
    let ready = driver(&rig.policy, &rig.action).open(rig.journal.clone()).await.unwrap();
    let healer = ready.handle();
    assert_eq!(healer.state().hung().collect::<Vec<_>>(), [plan]);
    let mut events = healer.subscribe(NonZeroUsize::new(100).unwrap());
    tokio::spawn(ready.run());
    settle().await;
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).map(|it| it.event).collect();
    assert!(told.contains(&Event::Freed(plan)), "{told:?}");
    assert!(rig.journal.has(|it| *it == Fact::Freed(plan)));
    assert_eq!(healer.state().hung().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_a_pruning_is_told_and_changes_nothing() {
    let rig = Rig::new().await;
    let mut events = rig.healer.subscribe(NonZeroUsize::new(100).unwrap());
    rig.healer.pruned(Ok(7));
    rig.healer.pruned(Err(JournalError::Unwritable("the anchor was not signed".to_owned())));
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).map(|it| it.event).collect();
    let why = "the journal cannot be written: the anchor was not signed".to_owned();
    assert_eq!(told, [Event::Pruned { removed: 7 }, Event::PruningFailed { why }]);
    rig.fail("api").await;
    pass(3).await;
    assert_eq!(rig.action.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn detection_is_measured_from_the_first_failing_reading() {
    let rig = Rig::new().await;
    rig.see("api", Condition::Unhealthy).await;
    pass(7).await;
    rig.fail("api").await;
    let incident = rig.incident("api").unwrap();
    assert_eq!(incident.opened.since(incident.opening.since), secs(7));
    rig.see("api", Condition::Unknown).await;
    rig.see("api", Condition::Healthy).await;
    pass(100).await;
    let times = rig.healer.statistics().times;
    assert_eq!((times.detect.count, times.detect.median), (1, secs(7)));
    rig.see("api", Condition::Unhealthy).await;
    rig.fail("api").await;
    let second = rig.incident("api").unwrap();
    assert_eq!(second.opened, second.opening.since, "what went before is over");
}

#[tokio::test(start_paused = true)]
async fn a_healer_reads_as_a_sensor() {
    let rig = Rig::new().await;
    let read = |wanted: &str| {
        let mut found = None;
        let report = &mut |it: Reading| found = (it.name == wanted).then_some(it.value).or(found);
        rig.healer.read(report);
        found
    };
    assert_eq!(Sensor::name(&rig.healer).as_str(), "h");
    assert_eq!((read("incidents_open"), read("repairs")), (Some(0.0), Some(1.0)));
    rig.fail("api").await;
    pass(1).await;
    assert_eq!((read("incidents_open"), read("actions_started_total")), (Some(1.0), Some(1.0)));
    rig.ada().disable("a break").await.unwrap();
    assert_eq!((read("repairs"), read("journal_up")), (Some(0.0), Some(1.0)));
    assert_eq!(read("sees"), Some(1.0), "nobody is a witness");
    assert!(read("loop_age").unwrap() <= 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_cannot_be_read_is_given_up_where_it_may() {
    let journal = Arc::new(Memory::default());
    let rig = Rig::with(restart(), policy(), journal.clone()).await;
    rig.running.abort();
    let (driver, other) = (driver(&rig.policy, &rig.action), driver(&rig.policy, &rig.action));
    journal.forget_first();
    assert!(matches!(driver.open(journal.clone()).await, Err(OpenError::Refused(_))));
    let ready = other.open_or_watch(journal).await.unwrap();
    assert!(
        matches!(ready.handle().journal(), JournalHealth::Lost(why) if why.contains("refused"))
    );
}

#[tokio::test(start_paused = true)]
async fn who_was_ill_before_an_action_was_not_harmed_by_it() {
    for ill_before in [true, false] {
        let rig = Rig::new().await;
        let shop = Target::new("shop", "service").with_place(Place::new().can_use("api"));
        rig.healer.set_target(shop).await.unwrap();
        rig.see("shop", Condition::Healthy).await;
        if ill_before {
            rig.see("shop", Condition::Unhealthy).await;
        }
        rig.fail("api").await;
        pass(1).await;
        rig.fail("shop").await;
        pass(2).await;
        let harmed = rig.journal.has(|it| matches!(it, Fact::Harmed(_)));
        assert_eq!(harmed, !ill_before);
    }
}
