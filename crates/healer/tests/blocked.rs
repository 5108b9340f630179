//! INV-40 on real threads: people are answered while every worker is blocked.
#![cfg(feature = "driver")]

mod rig;

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rig::{Memory, ada, policy, secs};
use salve_core::clock;
use salve_healer::action::Report as Done;
use salve_healer::driver::{Config, Driver, Event, Operator, Receipt};
use salve_healer::{
    ActionMeta, Closure, Condition, Incident, Kind, Phase, Policy, Scope, Severity, Step, Strategy,
    Target, Who, Window,
};
use tokio::time::{Instant, timeout};

const WORKERS: usize = 2;

/// Answered within a second, in which the machine itself did not stand still: what a thread that only
/// sleeps has lost meanwhile is nobody's fault here.
async fn quick<T, E: std::fmt::Debug>(what: &str, act: impl Future<Output = Result<T, E>>) -> T {
    let (over, ends) = channel::<()>();
    let machine = std::thread::spawn(move || {
        let (nap, mut lost) = (Duration::from_millis(5), Duration::ZERO);
        loop {
            let began = clock::now();
            if ends.recv_timeout(nap) != Err(RecvTimeoutError::Timeout) {
                return lost;
            }
            lost += clock::now().since(began).saturating_sub(2 * nap);
        }
    });
    let began = Instant::now();
    let done = timeout(secs(60), act).await;
    let took = began.elapsed();
    drop(over);
    let lost = machine.join().unwrap();
    assert!(took < secs(1) + lost, "{what} took {took:?}, the machine stood still for {lost:?}");
    done.expect(what).expect(what)
}

/// Lets the workers go when the test ends, however it does: a runtime waits for its threads.
struct Gates(Arc<Mutex<Vec<Sender<()>>>>);

impl Drop for Gates {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }
}

/// Waits for something that has to happen.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn chain(action: &'static str, kind: &'static str) -> Strategy {
    Strategy::new(Kind::from(kind)).then(Step::new(action).verified_within(secs(600)))
}

#[tokio::test]
async fn inv_40_people_are_answered_while_every_worker_is_blocked() {
    let mut policy: Policy = policy()
        .with_strategy(chain("gentle", "soft"))
        .with_strategy(chain("grave", "hard"))
        .with_strategy(chain("block", "wedge"));
    policy.limits.concurrent = 10;
    policy.storm.independent = 1_000;
    let gates: Arc<Mutex<Vec<Sender<()>>>> = Arc::default();
    let (held, _opened) = (gates.clone(), Gates(gates.clone()));
    // It blocks its thread, as no action should.
    let block = Closure::new("block", move |_| {
        let held = held.clone();
        async move {
            let (open, wait) = channel::<()>();
            held.lock().unwrap().push(open);
            let _ = wait.recv();
            Ok(Vec::new())
        }
    });
    struct Gentle(salve_core::Name);
    impl salve_healer::Action for Gentle {
        fn name(&self) -> &salve_core::Name {
            &self.0
        }
        fn meta(&self) -> ActionMeta {
            ActionMeta::default().idempotent().reversible()
        }
        fn preview<'a>(
            &'a self,
            _: &'a salve_healer::Order,
        ) -> salve_healer::BoxFuture<'a, Result<Vec<String>, salve_healer::Failure>> {
            Box::pin(async { Ok(Vec::new()) })
        }
        fn execute<'a>(
            &'a self,
            _: &'a salve_healer::Order,
        ) -> salve_healer::BoxFuture<'a, Result<Done, salve_healer::Failure>> {
            Box::pin(async { Ok(Done::default()) })
        }
    }
    let grave = Closure::new("grave", |_| async { Ok(Vec::new()) })
        .with_meta(ActionMeta::default().destructive());
    let mut driver = Driver::new(Config::default().with_tick(Duration::from_millis(50)), policy)
        .with_action(block)
        .with_action(Gentle("gentle".into()))
        .with_action(grave);
    let kinds = [("w-1", "wedge"), ("w-2", "wedge"), ("soft", "soft"), ("hard", "hard")];
    for (name, kind) in kinds.into_iter().chain([("odd", "odd"), ("spare", "soft")]) {
        let target = Target::new(name, "any").with_kind(Kind::from(kind));
        driver = driver.with_target(target);
    }
    // Actions run here. Its timers stand still, too, once its workers are blocked.
    let actions = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .unwrap();
    let opened = actions.spawn(driver.open(Arc::new(Memory::default())));
    let ready = opened.await.unwrap().unwrap();
    let healer = ready.handle();
    let mut stuck = healer.subscribe(std::num::NonZeroUsize::new(1_000).unwrap());
    let thread = ready.start().unwrap();
    let find = |target: &'static str, phase: Phase| {
        let healer = healer.clone();
        move || -> Option<Incident> {
            let state = healer.state();
            let about = |it: &&Incident| {
                it.phase == phase && it.opening.subject.target().is_some_and(|it| it == target)
            };
            state.incidents().find(about).cloned()
        }
    };
    let person: Operator = healer.by(ada());
    for target in ["soft", "hard", "odd"] {
        healer.observe(target, Condition::Failed, "").await.unwrap();
    }
    let soft = until("soft is verified", find("soft", Phase::Verifying)).await;
    let hard = until("hard waits", find("hard", Phase::AwaitingApproval)).await;
    let odd = until("odd is escalated", find("odd", Phase::Escalated)).await;
    for target in ["w-1", "w-2"] {
        healer.observe(target, Condition::Failed, "").await.unwrap();
    }
    until("all workers are blocked", || (gates.lock().unwrap().len() == WORKERS).then_some(()))
        .await;
    // Nothing else runs on the workers now: that is what the test is about.
    let probe = actions.spawn(async {});
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!probe.is_finished(), "a worker was free");

    let wedged = find("w-1", Phase::Acting)().unwrap();
    let plan = wedged.plan().unwrap().id;
    let durable = |receipt: Receipt| assert!(receipt.durable);
    durable(quick("pause", person.pause("ada", Scope::Target("w-2".into()), "wait")).await);
    durable(quick("resume", person.resume("ada", "go on")).await);
    let from = healer.state().last().unwrap().0;
    let window =
        Window { name: "move".into(), scope: Scope::All, from, until: from.after(secs(60)) };
    durable(quick("window", person.set_window(window, "moving")).await);
    durable(quick("no window", person.remove_window("move", "moved")).await);
    let soft_plan = soft.plan().unwrap().id;
    durable(quick("roll back", person.roll_back(soft_plan, "undo it")).await);
    durable(quick("approve", person.approve(hard.plan().unwrap(), "do it")).await);
    durable(quick("acknowledge", person.acknowledge(odd.id(), "seen")).await);
    durable(quick("abort", person.abort(plan, "it hangs")).await);
    durable(quick("disable", person.disable("all of it hangs")).await);
    let bob = healer.by(Who::Person("bob".into()));
    let report = salve_healer::Report::new("spare", Kind::from("soft"), Severity::High);
    let new = quick("report", healer.report(report)).await;
    let salve_healer::Intake::New(id, _) = new else { panic!("{new:?}") };
    durable(quick("force", bob.force(id, "gentle", false, "try this")).await);
    durable(quick("enable", person.enable("again")).await);
    assert_eq!(find("w-1", Phase::Acting)(), None, "the abort stands, whatever the thread does");
    let told = until("it says that it is stuck", || {
        std::iter::from_fn(|| stuck.try_next()).find(|it| it.event == Event::Stuck(plan))
    });
    told.await;

    gates.lock().unwrap().clear();
    let told = until("it says that it has ended after all", || {
        std::iter::from_fn(|| stuck.try_next()).find(|it| it.event == Event::Freed(plan))
    });
    told.await;
    until("the forced action runs", || healer.state().incident(id)?.first_action).await;
    healer.shut_down();
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    actions.shutdown_background();
}
