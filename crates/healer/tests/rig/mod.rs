//! A healer with its driver, on a journal in memory that can fail in every way.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salve_core::Name;
use salve_healer::action::Report;
use salve_healer::driver::{Config, Driver, Handle, Operator};
use salve_healer::policy::Order as Choice;
use salve_healer::{
    Action, ActionMeta, BoxFuture, Captured, Condition, Digest, Fact, Failure, Head, Incident,
    Journal, JournalError, Kind, Order, Policy, Record, Step, Strategy, Target, Verdict, Who,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A journal in memory.
#[derive(Default)]
pub(crate) struct Memory {
    records: Mutex<Vec<Record>>,
    /// Nothing is written, and it says so.
    pub(crate) down: AtomicBool,
    /// What is written is said not to be.
    pub(crate) lies: AtomicBool,
    /// It never answers, and has written.
    pub(crate) hangs: AtomicBool,
}

impl Memory {
    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap().clone()
    }

    pub(crate) fn forget_first(&self) {
        self.records.lock().unwrap().remove(0);
    }

    pub(crate) fn facts(&self) -> Vec<Fact> {
        self.records().into_iter().map(|record| record.fact).collect()
    }

    pub(crate) fn has(&self, what: impl Fn(&Fact) -> bool) -> bool {
        self.facts().iter().any(what)
    }

    fn head_of(records: &[Record]) -> Head {
        Head { seq: records.last().map_or(0, |it| it.seq), hash: Digest([0; 32]) }
    }
}

impl Journal for Memory {
    fn append<'a>(&'a self, new: &'a [Record]) -> BoxFuture<'a, Result<Head, JournalError>> {
        Box::pin(async move {
            if self.down.load(Ordering::Relaxed) {
                return Err(JournalError::Unwritable("the disk is full".to_owned()));
            }
            let head = {
                let mut records = self.records.lock().unwrap();
                let last = Self::head_of(&records).seq;
                if new.first().is_some_and(|it| it.seq != last + 1) {
                    return Err(JournalError::Conflict { last });
                }
                records.extend_from_slice(new);
                Self::head_of(&records)
            };
            if self.hangs.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if self.lies.load(Ordering::Relaxed) {
                return Err(JournalError::Unwritable("the head could not be kept".to_owned()));
            }
            Ok(head)
        })
    }

    fn read(&self, after: u64, at_most: usize) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        Box::pin(async move {
            let records = self.records.lock().unwrap();
            let rest = records.iter().filter(|it| it.seq > after);
            Ok(rest.take(at_most).cloned().collect())
        })
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, JournalError>> {
        Box::pin(async move { Ok(Self::head_of(&self.records.lock().unwrap())) })
    }
}

/// An action that does as it is told, and remembers what was done.
pub(crate) struct Play {
    pub(crate) name: Name,
    pub(crate) meta: ActionMeta,
    pub(crate) journal: Arc<Memory>,
    /// Keys of effects, in their order.
    pub(crate) keys: Mutex<Vec<String>>,
    pub(crate) tokens: Mutex<Vec<u64>>,
    pub(crate) undone: Mutex<Vec<Captured>>,
    /// Effects of which the journal knew nothing yet.
    pub(crate) unrecorded: AtomicU64,
    pub(crate) prechecks: AtomicU64,
    pub(crate) refuses: AtomicBool,
    pub(crate) panics: AtomicBool,
    pub(crate) fails: AtomicBool,
    pub(crate) verdict: Mutex<Option<Verdict>>,
    /// How long it takes; it waits for `go` if there is nothing.
    pub(crate) takes: Mutex<Option<Duration>>,
    pub(crate) go: Notify,
}

impl Play {
    pub(crate) fn count(&self) -> usize {
        self.keys.lock().unwrap().len()
    }
}

impl Action for Play {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn precheck<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.prechecks.fetch_add(1, Ordering::Relaxed);
            if self.refuses.load(Ordering::Relaxed) {
                return Err(Failure::transient("not now"));
            }
            Ok(())
        })
    }

    fn capture<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        Box::pin(async { Ok(Captured { evidence: vec![], before: Some("as it was".to_owned()) }) })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let known = self.journal.facts().into_iter().any(|fact| {
                matches!(fact, Fact::ActionStarted { plan, token, before, .. }
                    if plan == order.plan.id && token == order.token && before.before.is_some()
                        && order.before() == Some(&before))
            });
            self.unrecorded.fetch_add(u64::from(!known), Ordering::Relaxed);
            self.keys.lock().unwrap().push(order.key.clone());
            self.tokens.lock().unwrap().push(order.token);
            assert!(!self.panics.load(Ordering::Relaxed), "as it was told");
            let takes = *self.takes.lock().unwrap();
            match takes {
                Some(time) => tokio::time::sleep(time).await,
                None => self.go.notified().await,
            }
            if self.fails.load(Ordering::Relaxed) {
                return Err(Failure::permanent("it did not work"));
            }
            Ok(Report { done: vec!["done".to_owned()] })
        })
    }

    fn verify<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async { *self.verdict.lock().unwrap() })
    }

    fn roll_back<'a>(
        &'a self,
        _: &'a Order,
        before: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async {
            self.undone.lock().unwrap().push(before.clone());
            Ok(Report::default())
        })
    }
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn ada() -> Who {
    Who::Person("ada".into())
}

/// A healer with the targets `api` and `db` and one action.
pub(crate) struct Rig {
    pub(crate) journal: Arc<Memory>,
    pub(crate) action: Arc<Play>,
    pub(crate) healer: Handle,
    pub(crate) running: JoinHandle<()>,
    pub(crate) policy: Policy,
}

pub(crate) fn restart() -> ActionMeta {
    ActionMeta::default().idempotent().restarts()
}

pub(crate) fn policy() -> Policy {
    let mut policy = Policy::default();
    for kind in [Kind::Service, Kind::Network] {
        let step = Step::new("restart").with_attempts(2).verified_within(secs(20));
        policy = policy.with_strategy(Strategy::new(kind).then(step));
    }
    policy.choice.order = Choice::Fixed;
    policy
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(restart(), policy(), Arc::default()).await
    }

    pub(crate) async fn with(meta: ActionMeta, policy: Policy, journal: Arc<Memory>) -> Self {
        let action = play(meta, &journal);
        let is_new = journal.records().is_empty();
        let running = driver(&policy, &action).open(journal.clone()).await.unwrap();
        let healer = running.handle();
        let running = tokio::spawn(running.run());
        let rig = Self { journal, action, healer, running, policy };
        for target in ["api", "db"].into_iter().filter(|_| is_new) {
            rig.see(target, Condition::Healthy).await;
        }
        rig
    }

    /// As after `kill -9`: nothing is said or written any more. Then a new one on the same journal.
    pub(crate) async fn again(self) -> Self {
        self.running.abort();
        let _ = self.running.await;
        Self::with(self.action.meta.clone(), self.policy, self.journal).await
    }

    pub(crate) async fn see(&self, target: &'static str, condition: Condition) {
        self.healer.observe(target, condition, "seen").await.unwrap();
        settle().await;
    }

    pub(crate) async fn fail(&self, target: &'static str) {
        self.see(target, Condition::Failed).await;
    }

    pub(crate) fn incident(&self, target: &str) -> Option<Incident> {
        let state = self.healer.state();
        let about = |it: &&Incident| it.opening.subject.target().is_some_and(|it| it == target);
        state.incidents().find(about).cloned()
    }

    pub(crate) fn ada(&self) -> Operator {
        self.healer.by(ada())
    }
}

pub(crate) fn play(meta: ActionMeta, journal: &Arc<Memory>) -> Arc<Play> {
    Arc::new(Play {
        name: "restart".into(),
        meta,
        journal: journal.clone(),
        keys: Mutex::default(),
        tokens: Mutex::default(),
        undone: Mutex::default(),
        unrecorded: AtomicU64::new(0),
        prechecks: AtomicU64::new(0),
        refuses: AtomicBool::new(false),
        panics: AtomicBool::new(false),
        fails: AtomicBool::new(false),
        verdict: Mutex::default(),
        takes: Mutex::new(Some(secs(2))),
        go: Notify::new(),
    })
}

pub(crate) fn driver(policy: &Policy, action: &Arc<Play>) -> Driver {
    Driver::new(Config::new("h"), policy.clone())
        .with_seed(1)
        .with_target(Target::new("api", "service"))
        .with_target(Target::new("db", "database"))
        .with_shared_action(action.clone())
}

/// Lets everything happen that can without time passing.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, second by second.
pub(crate) async fn pass(seconds: u64) {
    for _ in 0..seconds {
        tokio::time::sleep(secs(1)).await;
    }
    settle().await;
}
