//! What experiments promise: when they are not begun, when they end, and what they leave behind.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use salve_chaos::experiment::{Bound, Cause, Experiment, Lab, LabConfig, Ready, Refusal, Status};
use salve_chaos::{
    ArmError, Arming, Call, ChaosLayer, Config, Event, Fault, Handle, Kind, Rule, Skew, WatchLayer,
};
use salve_core::{Name, Ratio, Reading, Sensor, Unit};
use tokio::time::{Instant, sleep};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// A reading that a test sets.
#[derive(Clone)]
struct Gauge(Name, Arc<AtomicU64>);

impl Gauge {
    fn new(value: u64) -> Self {
        Self("gauge".into(), Arc::new(AtomicU64::new(value)))
    }

    fn set(&self, value: u64) {
        self.1.store(value, Ordering::Relaxed);
    }

    fn sensors(&self) -> Vec<Box<dyn Sensor>> {
        vec![Box::new(self.clone())]
    }
}

impl Sensor for Gauge {
    fn name(&self) -> &Name {
        &self.0
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let value = self.1.load(Ordering::Relaxed);
        if value != UNKNOWN {
            report(Reading { name: "errors", value: value as f64, unit: Unit::Count });
        }
    }
}

const UNKNOWN: u64 = u64::MAX;

fn point() -> Handle {
    let config = Config::new("api").with_most_per_second(10_000).with_most_in_total(1_000_000);
    Handle::new(config).unwrap()
}

fn lab() -> Lab {
    Lab::new(settings()).unwrap().with_approval(|_| true)
}

/// Other tests of this process run experiments at the same time.
fn settings() -> LabConfig {
    LabConfig::default().with_enabled(true).with_most_at_once(100)
}

fn spike() -> Experiment {
    let experiment = Experiment::latency_spike("api", 2 * SECOND, 60 * SECOND);
    experiment.with_steady(Bound::at_most("errors", 5.0))
}

/// Callers in a row, 20 ms apart, of a service that is protected by `protect`, until dropped.
fn traffic<L>(point: &Handle, protect: L) -> tokio::task::JoinHandle<()>
where
    L: Layer<
            Inner,
            Service: Service<u32, Response = u32, Error = BoxError, Future: Send>
                         + Clone
                         + Send
                         + 'static,
        >,
{
    let inner = tower::util::BoxCloneSyncService::new(
        ChaosLayer::from(point.clone())
            .layer(service_fn(|n: u32| async move { Ok::<_, BoxError>(n) })),
    );
    let service = WatchLayer::from(point.clone()).layer(protect.layer(inner));
    tokio::spawn(async move {
        for n in 0.. {
            tokio::spawn(service.clone().oneshot(n));
            sleep(Duration::from_millis(20)).await;
        }
    })
}

type Inner = tower::util::BoxCloneSyncService<u32, u32, BoxError>;

#[tokio::test(start_paused = true)]
async fn a_protected_service_passes_and_everything_is_taken_back() {
    let (point, gauge) = (point(), Gauge::new(0));
    let mut events = point.subscribe(NonZeroUsize::MIN.saturating_add(9_999));
    let traffic = traffic(&point, tower::layer::util::Identity::new());
    let began = Instant::now();
    let report = lab().run([&point], spike(), gauge.sensors()).await.unwrap();
    traffic.abort();
    assert_eq!(report.status, Status::Passed, "{}", report.why());
    assert_eq!((report.lasted, began.elapsed()), (60 * SECOND, 60 * SECOND));
    assert_eq!(report.recovered_after, Some(Duration::ZERO));
    assert!(report.is_taken_back() && !point.is_armed());
    // 3,000 calls, of which one in twenty is in each group.
    for group in [report.experiment_group, report.control_group] {
        assert!((90..220).contains(&group.calls), "{group}");
    }
    assert!(report.struck >= report.experiment_group.calls);
    assert_eq!(report.observations.len(), 60);
    assert!(matches!(events.try_next().unwrap().event, Event::Armed { .. }));
    assert!(matches!(events.try_next().unwrap().event, Event::ExperimentStarted { .. }));
    let last = std::iter::from_fn(|| events.try_next()).last().unwrap().event;
    assert!(matches!(last, Event::ExperimentEnded { status: Status::Passed, .. }), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn harm_ends_it_at_once() {
    let (point, gauge) = (point(), Gauge::new(0));
    let traffic = traffic(&point, tower::layer::util::Identity::new());
    let report = lab().run([&point], spike().with_slow(SECOND), gauge.sensors()).await.unwrap();
    traffic.abort();
    let Some(Cause::Harm { experiment, control, ratio }) = report.cause else {
        panic!("{}", report.why())
    };
    assert_eq!((experiment.bad, control.bad), (experiment.calls, 0));
    assert!(ratio >= 100.0 && experiment.calls < 40, "{experiment}");
    assert!(report.lasted < 40 * SECOND && report.is_taken_back());
    assert!(report.recommendations[0].advice.contains("timeout"));
    let text = report.to_markdown();
    assert!(text.contains("aborted") && text.contains("everything taken back | yes"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_leaves_its_bound_ends_it_and_its_return_is_timed() {
    for (value, broken) in [(6, Some(6.0)), (UNKNOWN, None)] {
        let (point, gauge) = (point(), Gauge::new(5));
        let set = gauge.clone();
        tokio::spawn(async move {
            sleep(SECOND * 10).await;
            set.set(value);
            sleep(SECOND * 20).await;
            set.set(0);
        });
        let report = lab().run([&point], spike(), gauge.sensors()).await.unwrap();
        let Some(Cause::SteadyState { breach }) = &report.cause else { panic!("{}", report.why()) };
        assert_eq!((breach.bound.reading.as_str(), breach.value), ("errors", broken));
        assert!(report.lasted <= 11 * SECOND, "{:?}", report.lasted);
        assert!(report.recovered_after.unwrap() >= 18 * SECOND);
        assert!(report.recovered_after.unwrap() <= 21 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_back_is_said() {
    let (point, gauge) = (point(), Gauge::new(0));
    let set = gauge.clone();
    tokio::spawn(async move {
        sleep(SECOND * 10).await;
        set.set(9);
    });
    let report = lab().run([&point], spike(), gauge.sensors()).await.unwrap();
    assert_eq!(report.recovered_after, None);
    assert!(report.recommendations.iter().any(|it| it.advice.contains("keeps it down")));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_and_a_burning_budget_end_it() {
    struct Fixed(Name, &'static str, f64, Instant);
    impl Sensor for Fixed {
        fn name(&self) -> &Name {
            &self.0
        }
        fn read(&self, report: &mut dyn FnMut(Reading)) {
            let value = if Instant::now() < self.3 { 0.0 } else { self.2 };
            report(Reading { name: self.1, value, unit: Unit::Count });
        }
    }
    for (reading, value) in [("open", 1.0), ("burn_rate", 15.0)] {
        let mut sensors = Gauge::new(0).sensors();
        sensors.push(Box::new(Fixed("x".into(), reading, value, Instant::now() + 5 * SECOND)));
        let report = lab().run([&point()], spike(), sensors).await.unwrap();
        let Some(Cause::SteadyState { breach }) = &report.cause else { panic!("{reading}") };
        assert_eq!(breach.bound.reading, *reading);
    }
}

#[tokio::test(start_paused = true)]
async fn the_operator_and_every_switch_end_it() {
    type End = fn(&Lab, &Handle);
    let ends: [(End, Cause); 3] = [
        (|lab, _| assert!(lab.abort("enough")), Cause::Operator { reason: "enough".to_owned() }),
        (|_, point| assert!(point.halt()), Cause::Halted),
        (|_, point| assert!(point.disarm()), Cause::ControlLost),
    ];
    for (end, cause) in ends {
        let (lab, point) = (Arc::new(lab()), point());
        let running = {
            let (lab, point) = (Arc::clone(&lab), point.clone());
            tokio::spawn(async move { lab.run([&point], spike(), Gauge::new(0).sensors()).await })
        };
        sleep(Duration::from_millis(7_300)).await;
        assert!(lab.is_busy() && point.is_armed());
        end(&lab, &point);
        let report = running.await.unwrap().unwrap();
        assert_eq!((report.cause, report.lasted), (Some(cause), Duration::from_millis(7_300)));
        assert!(!lab.is_busy() && !lab.abort("again"));
    }
}

#[tokio::test(start_paused = true)]
async fn silence_of_its_operator_ends_it() {
    let config = settings().with_silence(5 * SECOND);
    let lab = Arc::new(Lab::new(config).unwrap().with_approval(|_| true));
    let beating = Arc::clone(&lab);
    tokio::spawn(async move {
        for _ in 0..4 {
            sleep(4 * SECOND).await;
            beating.beat();
        }
    });
    let report = lab.run([&point()], spike(), Gauge::new(0).sensors()).await.unwrap();
    assert_eq!((report.cause, report.lasted), (Some(Cause::ControlLost), 21 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_whoever_runs_it_is_gone_or_stands_still() {
    let (lab, point) = (lab(), point());
    let (experiment, sensors) = (spike(), Gauge::new(0).sensors());
    let mut running = Box::pin(lab.run([&point], experiment, sensors));
    assert!(tokio::time::timeout(2 * SECOND, &mut running).await.is_err());
    assert!(point.is_armed());
    // Not polled any more: three looks fail to come.
    sleep(4 * SECOND).await;
    assert!(!point.is_armed());
    assert_eq!(running.await.unwrap().cause, Some(Cause::ControlLost));

    let running = lab.run([&point], spike(), Gauge::new(0).sensors());
    assert!(tokio::time::timeout(2 * SECOND, running).await.is_err());
    assert!(!point.is_armed() && !lab.is_busy(), "dropped, it is over at once");
}

#[tokio::test(start_paused = true)]
async fn only_the_calls_that_are_followed_are_struck() {
    let (lab, point) = (lab(), point());
    let running = lab.run([&point], spike(), Gauge::new(0).sensors());
    let outside = async {
        sleep(SECOND).await;
        let began = Instant::now();
        for _ in 0..200 {
            point.call(&Call::ANY, || async { Ok::<_, BoxError>(1) }).await.unwrap();
        }
        began.elapsed()
    };
    let (report, took) = tokio::join!(running, outside);
    let report = report.unwrap();
    assert_eq!((report.status, report.struck), (Status::Inconclusive, 0));
    assert_eq!(took, Duration::ZERO);
    assert!(report.recommendations[0].evidence.contains("0 and 0 calls"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_safe_allowed_approved_or_steady_is_not_begun() {
    let point = point();
    let off = Lab::new(LabConfig::default()).unwrap();
    let begin = async |lab: &Lab, experiment: Experiment, gauge: Gauge| {
        let refusal = lab.run([&point], experiment, gauge.sensors()).await.unwrap_err();
        assert!(!point.is_armed() && !lab.is_busy());
        refusal
    };
    let well = || Gauge::new(0);
    assert_eq!(begin(&off, spike(), well()).await, Refusal::Disabled);
    let unasked = Lab::new(settings()).unwrap();
    assert_eq!(begin(&unasked, spike(), well()).await, Refusal::NotApproved);
    assert_eq!(begin(&lab().with_approval(|_| false), spike(), well()).await, Refusal::NotApproved);

    let hang =
        Ready::find("blackhole").unwrap().on("api").with_steady(Bound::at_most("errors", 1.0));
    assert_eq!(begin(&lab(), hang, well()).await, Refusal::NotAllowed(Kind::Hang));
    let elsewhere = Experiment { targets: vec!["other".into()], ..spike() };
    assert_eq!(begin(&lab(), elsewhere, well()).await, Refusal::NoSuchTarget("other".into()));
    for (value, known) in [(6, Some(6.0)), (UNKNOWN, None)] {
        let Refusal::NotSteady(breach) = begin(&lab(), spike(), Gauge::new(value)).await else {
            panic!("begun with {value}")
        };
        assert_eq!(breach.value, known);
    }
    let field = async |experiment| match begin(&lab(), experiment, well()).await {
        Refusal::Setting(error) => error.field().to_owned(),
        other => panic!("{other}"),
    };
    assert_eq!(field(Experiment::latency_spike("api", SECOND, 60 * SECOND)).await, "steady");
    assert_eq!(field(spike().with_share(Ratio::percent::<11>())).await, "share");
    assert_eq!(field(spike().with_duration(SECOND * 601)).await, "duration");
    let mut critical = spike();
    critical.rules[0].aim = critical.rules[0].aim.clone().with_critical();
    assert_eq!(field(critical).await, "aim.classes");
    let mut mixed = spike();
    mixed.rules.push(Rule::new("clock", Fault::Clock(Skew::Frozen)));
    assert_eq!(field(mixed).await, "fault");

    point.arm(Arming::new("ada", "by hand", SECOND).with_rules([])).unwrap();
    let taken = lab().run([&point], spike(), well().sensors()).await.unwrap_err();
    let Refusal::NotArmed { target, error: ArmError::AlreadyArmed { owner } } = taken else {
        panic!("{taken}")
    };
    assert_eq!((target.as_str(), owner.as_str()), ("api", "ada"));
    assert!(point.is_armed(), "an experiment does not end what it did not begin");
}
