//! The records of healers' lives: faults, repairs that help or do not, people's acts, restarts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salve_healer::action::Failure;
use salve_healer::driver::{Config, Driver};
use salve_healer::{
    ActionMeta, Captured, Closure, Condition, Journal, Kind, Order, Policy, Record, Scope, Step,
    Strategy, Target, Wall, Who,
};
use salve_journal::MemoryJournal;

const TARGETS: [&str; 4] = ["api", "db", "mail", "queue"];

fn policy() -> Policy {
    let chain = Strategy::new(Kind::Service)
        .then(Step::new("shift").verified_within(Duration::from_secs(20)))
        .then(Step::new("restart").with_attempts(2).verified_within(Duration::from_secs(20)));
    let mut policy = Policy::default().with_strategy(chain);
    policy.soak = Duration::from_secs(30);
    policy.calm.cooldown = Duration::from_secs(60);
    policy
}

/// Targets that do not work.
type Broken = Arc<Mutex<BTreeSet<String>>>;

/// Mends a target, or does not, by chance.
fn mend(broken: &Broken, order: &Order) -> Result<Vec<String>, Failure> {
    match order.plan.seed % 4 {
        0 => Err(Failure::transient("refused")),
        1 => Ok(vec!["done, in vain".to_owned()]),
        _ => {
            broken.lock().expect("no panic").remove(order.target.name.as_str());
            Ok(vec!["done".to_owned()])
        }
    }
}

/// A healer for one life.
fn driver(seed: u64, broken: &Broken) -> Driver {
    let restart = {
        let broken = Arc::clone(broken);
        Closure::new("restart", move |order| std::future::ready(mend(&broken, &order)))
    };
    let restart = restart.with_meta(ActionMeta::default().idempotent().restarts());
    // A change that is taken back after a while.
    let shift = {
        let broken = Arc::clone(broken);
        Closure::new("shift", move |order| std::future::ready(mend(&broken, &order)))
    };
    let shift = shift
        .with_capture(|_| async {
            let before = Some("here".to_owned());
            Ok(Captured { evidence: vec!["it was here".to_owned()], before })
        })
        .with_rollback(|_, _| async { Ok(vec!["shifted back".to_owned()]) })
        .with_meta(
            ActionMeta::default().idempotent().reversible().lasting(Duration::from_secs(120)),
        );
    let driver = Driver::new(Config::default(), policy()).with_seed(seed);
    TARGETS
        .into_iter()
        .fold(driver, |driver, name| driver.with_target(Target::new(name, "service")))
        .with_action(restart)
        .with_action(shift)
}

/// Everything that was written in three lives on one journal, each record a second of the date after
/// the one before.
pub(crate) fn records(seed: u64) -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let mut records = runtime.block_on(lives(seed));
    for record in &mut records {
        record.wall = Wall(record.seq * 1_000);
    }
    records
}

async fn lives(seed: u64) -> Vec<Record> {
    let journal = Arc::new(MemoryJournal::new());
    let mut dice = fastrand::Rng::with_seed(seed);
    let broken = Broken::default();
    for _ in 0..3 {
        let ready = driver(seed, &broken).open(Arc::clone(&journal) as Arc<dyn Journal>).await;
        let ready = ready.expect("it opens");
        let healer = ready.handle();
        let running = tokio::spawn(ready.run());
        let person = healer.by(Who::Person("ada".into()));
        for _ in 0..120 {
            let target = TARGETS[dice.usize(..TARGETS.len())];
            if dice.u8(..12) == 0 {
                broken.lock().expect("no panic").insert(target.to_owned());
            }
            for target in TARGETS {
                let works = !broken.lock().expect("no panic").contains(target);
                let condition = if works { Condition::Healthy } else { Condition::Failed };
                healer.observe(target, condition, "seen").await.expect("it runs");
            }
            // What is refused leaves no record, and that is fine here.
            match dice.u8(..60) {
                0 => drop(person.disable("a drill").await),
                1..=3 => drop(person.enable("the drill is over").await),
                4 => drop(person.pause("release", Scope::Target(target.into()), "a release").await),
                5..=7 => drop(person.resume("release", "released").await),
                8..=10 => {
                    for incident in healer.state().incidents() {
                        drop(person.acknowledge(incident.id(), "seen").await);
                    }
                }
                11..=13 => drop(person.reset_kill_switch("looked").await),
                _ => {}
            }
            tokio::time::sleep(Duration::from_secs(dice.u64(1..40))).await;
        }
        healer.shut_down();
        running.await.expect("it ends");
    }
    journal.read(0, usize::MAX).await.expect("records")
}
