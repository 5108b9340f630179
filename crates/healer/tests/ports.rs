//! The ports can be filled, kept in boxes and shared: in memory, as a driver would use them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use salve_core::{Moment, Name};
use salve_healer::action::Report;
use salve_healer::{
    Action, ActionMeta, BoxFuture, Cancel, Captured, Condition, Digest, Fact, Failure, Grant, Head,
    Journal, JournalError, Kind, Lease, LeaseError, Next, Order, Policy, Record, State, Step,
    Strategy, Target, Time, Wall, Who, decide, due,
};

#[derive(Default)]
struct Memory(Mutex<Vec<Record>>);

impl Memory {
    fn end(records: &[Record]) -> Head {
        Head { seq: records.last().map_or(0, |it| it.seq), hash: Digest([0; 32]) }
    }
}

impl Journal for Memory {
    fn append<'a>(&'a self, new: &'a [Record]) -> BoxFuture<'a, Result<Head, JournalError>> {
        Box::pin(async move {
            let mut records = self.0.lock().unwrap();
            let last = Self::end(&records).seq;
            if new.first().is_some_and(|it| it.seq != last + 1) {
                return Err(JournalError::Conflict { last });
            }
            records.extend_from_slice(new);
            Ok(Self::end(&records))
        })
    }

    fn read(&self, after: u64, at_most: usize) -> BoxFuture<'_, Result<Vec<Record>, JournalError>> {
        Box::pin(async move {
            let records = self.0.lock().unwrap();
            let rest = records.iter().filter(|it| it.seq > after);
            Ok(rest.take(at_most).cloned().collect())
        })
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, JournalError>> {
        Box::pin(async move { Ok(Self::end(&self.0.lock().unwrap())) })
    }
}

struct OneAtATime(Mutex<u64>);

impl Lease for OneAtATime {
    fn acquire<'a>(
        &'a self,
        target: &'a Name,
        _: Duration,
    ) -> BoxFuture<'a, Result<Grant, LeaseError>> {
        Box::pin(async move {
            let mut token = self.0.lock().unwrap();
            *token += 1;
            Ok(Grant { target: target.clone(), token: *token, until: Moment::MAX })
        })
    }

    fn renew<'a>(
        &'a self,
        grant: &'a Grant,
        _: Duration,
    ) -> BoxFuture<'a, Result<Grant, LeaseError>> {
        Box::pin(async move { Ok(grant.clone()) })
    }

    fn release(&self, _: Grant) -> BoxFuture<'_, Result<(), LeaseError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Counts its effects by key, as a careful service would.
struct Restart {
    name: Name,
    keys: Mutex<Vec<String>>,
}

impl Action for Restart {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        ActionMeta::default().idempotent().restarts()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move { Ok(vec![format!("restart {}", order.target.name)]) })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            if order.cancel.is_asked() {
                return Err(Failure::transient("cancelled"));
            }
            let mut keys = self.keys.lock().unwrap();
            if !keys.contains(&order.key) {
                keys.push(order.key.clone());
            }
            Ok(Report { done: vec!["restarted".to_owned()] })
        })
    }
}

struct Healer {
    journal: Arc<dyn Journal>,
    state: State,
}

impl Healer {
    /// Durable first, known afterwards.
    async fn tell(&mut self, at: u64, fact: Fact) {
        let record = self.state.record(Time::from_secs(at), Wall(0), Who::Healer, "test", fact);
        self.journal.append(std::slice::from_ref(&record)).await.unwrap();
        self.state.apply(&record).unwrap();
    }
}

#[tokio::test]
async fn a_driver_can_be_built_upon_the_ports() {
    let journal: Arc<dyn Journal> = Arc::new(Memory::default());
    let lease: Box<dyn Lease> = Box::new(OneAtATime(Mutex::new(0)));
    let restart = Arc::new(Restart { name: "restart".into(), keys: Mutex::default() });
    let action: Arc<dyn Action> = restart.clone();
    let policy = Policy::default()
        .with_action(action.name().clone(), action.meta())
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
    let mut healer = Healer { journal: journal.clone(), state: State::new() };
    healer.tell(1, Fact::TargetSet(Target::new("api", "service"))).await;
    healer.tell(1, Fact::Observed { target: "api".into(), condition: Condition::Failed }).await;
    let mut rng = fastrand::Rng::with_seed(1);
    loop {
        let now = Time::from_secs(2);
        for (fact, _) in due(&healer.state, &policy, now) {
            healer.tell(2, fact).await;
        }
        match decide(&healer.state, &policy, now, &mut rng).next {
            Some(Next::Plan(plan)) => healer.tell(2, Fact::Planned(plan)).await,
            Some(Next::Start(id)) => {
                let incident = healer.state.incident_of(id).unwrap().clone();
                let plan = incident.plan().unwrap().clone();
                let target = healer.state.targets().get("api").unwrap().target.clone();
                let grant = lease.acquire(&target.name, plan.timeout).await.unwrap();
                let (key, digest, token) = (plan.key(), plan.digest(), grant.token);
                let (deadline, cancel) = (Moment::MAX, Cancel::default());
                let order = Order { plan, target, incident, key, token, deadline, cancel };
                action.precheck(&order).await.unwrap();
                let before: Captured = action.capture(&order).await.unwrap();
                healer.tell(2, Fact::ActionStarted { plan: id, digest, token, before }).await;
                action.execute(&order).await.unwrap();
                action.execute(&order).await.unwrap();
                assert_eq!(action.preview(&order).await.unwrap(), ["restart api"]);
                assert_eq!(action.verify(&order).await, None);
                assert!(action.roll_back(&order, &Captured::default()).await.is_err());
                order.cancel.now();
                assert!(action.execute(&order).await.unwrap_err().again);
                lease.release(grant).await.unwrap();
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(restart.keys.lock().unwrap().len(), 1, "twice with one key is once");
    // Another process reads the journal, in pages, and knows the same.
    let (mut state, mut last) = (State::new(), 0);
    loop {
        let page = journal.read(last, 2).await.unwrap();
        let Some(end) = page.last() else { break };
        last = end.seq;
        page.iter().for_each(|record| state.apply(record).unwrap());
    }
    assert_eq!(state, healer.state);
    assert_eq!(journal.head().await.unwrap().seq, state.seq());
}

#[test]
fn policies_can_be_read_from_files() {
    let text = r#"
        enforce = 0.25
        soak = "2m"
        forbidden = ["fail_over"]
        [limits]
        per_target = 5
        [blast]
        max_unavailable = { share = 0.2 }
        [choice]
        order = "fixed"
        [[strategies]]
        kind = "disk_full"
        class = "database"
        steps = [{ action = "clean_disk", attempts = 2, timeout = "5m" }]
    "#;
    let policy: Policy = toml::from_str(text).unwrap();
    assert_eq!(policy.validate(), Ok(()));
    assert_eq!((policy.limits.per_target, policy.limits.total), (5, 100));
    assert_eq!(policy.soak, Duration::from_secs(120));
    assert!(policy.strategies.find(&Kind::DiskFull, "database").is_some());
    let written = toml::to_string(&policy).unwrap();
    assert_eq!(toml::from_str::<Policy>(&written).unwrap(), policy);
    assert!(toml::from_str::<Policy>("limitz = 1").is_err());
}

#[test]
fn ready_chains_cover_every_kind_that_can_be_repaired() {
    let policy = Policy::default().with_ready_actions();
    assert_eq!(policy.validate(), Ok(()));
    assert_eq!(policy.missing_actions(), Vec::<&Name>::new());
    for kind in Kind::ALL {
        let raised_by_the_healer = matches!(kind, Kind::Flapping | Kind::Correlated);
        let found = policy.strategies.find(&kind, "any").is_some();
        assert_eq!(found, !raised_by_the_healer, "{kind}");
    }
    let steps: usize = policy.strategies.iter().map(|chain| chain.steps.len()).sum();
    assert!(steps >= 20, "{steps}");
}

#[test]
fn settings_out_of_bounds_are_refused_by_name() {
    let refused = |change: fn(&mut Policy)| {
        let mut policy = Policy::default();
        change(&mut policy);
        policy.validate().unwrap_err().field()
    };
    assert_eq!(refused(|it| it.limits.per_target = 0), "per_target");
    assert_eq!(refused(|it| it.storm.independent = 1), "independent");
    assert_eq!(refused(|it| it.calm.flaps = 65), "flaps");
    assert_eq!(refused(|it| it.backoff.first = Duration::from_secs(301)), "first");
    assert_eq!(refused(|it| it.stops.kill_outcomes = 0), "kill_outcomes");
    assert_eq!(refused(|it| it.approvals.timeout = Duration::ZERO), "timeout");
    assert_eq!(refused(|it| it.choice.keep = salve_core::Ratio::ZERO), "keep");
    assert_eq!(refused(|it| it.deadline = Duration::ZERO), "deadline");
    let empty = |it: &mut Policy| it.strategies.set(Strategy::new(Kind::Service));
    assert_eq!(refused(empty), "steps");
    let twice = |it: &mut Policy| {
        it.strategies.set(Strategy::new(Kind::Service).then(Step::new("a")).then(Step::new("a")));
    };
    assert_eq!(refused(twice), "action");
}
