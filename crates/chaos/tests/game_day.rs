//! A day of experiments: in their order, with a rest, and ended by what leaves harm behind.

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use salve_chaos::experiment::{
    Advice, Bound, Experiment, GameDay, Lab, LabConfig, Refusal, Status,
};
use salve_chaos::{ChaosLayer, Config, Fault, Handle, Kind, Rule, WatchLayer};
use salve_core::{Name, Ratio, Reading, Sensor, Unit};
use tokio::time::{Instant, sleep};
use tower::{BoxError, Layer, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// Whether all is well.
#[derive(Clone)]
struct Well(Name, Arc<AtomicBool>);

impl Well {
    fn new() -> Self {
        Self("site".into(), Arc::new(AtomicBool::new(true)))
    }

    fn sensors(&self) -> Vec<Box<dyn Sensor>> {
        vec![Box::new(self.clone())]
    }
}

impl Sensor for Well {
    fn name(&self) -> &Name {
        &self.0
    }

    fn read(&self, report: &mut dyn FnMut(Reading)) {
        let value = f64::from(u8::from(self.1.load(Ordering::Relaxed)));
        report(Reading { name: "well", value, unit: Unit::Flag });
    }
}

fn point() -> Handle {
    let config = Config::new("api").with_most_per_second(10_000).with_most_in_total(1_000_000);
    Handle::new(config).unwrap()
}

fn lab() -> Lab {
    let allowed = [Kind::Latency, Kind::Error];
    // Other tests of this process run experiments at the same time.
    let config = LabConfig::default().with_enabled(true).with_most_at_once(100);
    Lab::new(config.with_allowed(allowed).with_require_approval(false)).unwrap()
}

fn planned(name: &'static str, fault: Fault) -> Experiment {
    let rule = Rule::new("strike", fault).with_share(Ratio::percent::<100>());
    let mut experiment = Experiment::new(name, "api", rule);
    experiment.duration = 20 * SECOND;
    experiment.recovery = 5 * SECOND;
    experiment.share = Ratio::percent::<10>();
    experiment.with_steady(Bound::at_least("well", 1.0))
}

fn late() -> Experiment {
    planned("late", Fault::Latency(salve_chaos::Latency::Fixed(100 * Duration::from_millis(1))))
}

/// A call every 10 ms, until dropped.
fn traffic(point: &Handle) -> tokio::task::JoinHandle<()> {
    let inner = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let service =
        WatchLayer::from(point.clone()).layer(ChaosLayer::from(point.clone()).layer(inner));
    tokio::spawn(async move {
        for n in 0.. {
            tokio::spawn(service.clone().oneshot(n));
            sleep(Duration::from_millis(10)).await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn experiments_run_in_their_order_with_a_rest_and_stand_in_one_report() {
    let (point, well) = (point(), Well::new());
    let traffic = traffic(&point);
    let day = GameDay::new("spring")
        .with_experiment("late answers hurt nobody", late())
        .with_experiment("they do not hurt twice", late())
        .with_rest(10 * SECOND)
        .with_findings(|report| {
            let advice = format!("`{}` needed no repair.", report.experiment);
            vec![Advice { advice, evidence: "nothing was reported".to_owned() }]
        });
    let began = Instant::now();
    let report = day.run(&lab(), from_ref(&point), || well.sensors()).await.unwrap();
    traffic.abort();
    assert_eq!(began.elapsed(), 50 * SECOND);
    assert!(report.has_passed() && !point.is_armed(), "{}", report.to_markdown());
    assert_eq!((report.rounds.len(), report.left_out.len()), (2, 0));
    let text = report.to_markdown();
    for part in
        ["2 of 2 hypotheses held", "| late answers hurt nobody | held |", "needed no repair"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hypothesis_that_does_not_hold_ends_the_day_unless_it_is_to_go_on() {
    for (goes_on, rounds) in [(false, 1), (true, 2)] {
        let (point, well) = (point(), Well::new());
        let traffic = traffic(&point);
        let day = GameDay::new("spring")
            .with_experiment("errors hurt nobody", planned("errors", Fault::ERROR))
            .with_experiment("late answers hurt nobody", late())
            .with_going_on(goes_on);
        let report = day.run(&lab(), &[point], || well.sensors()).await.unwrap();
        traffic.abort();
        assert_eq!((report.rounds.len(), report.has_passed()), (rounds, false));
        let first = report.rounds[0].outcome.as_ref().unwrap();
        assert_eq!(first.status, Status::Aborted, "{}", first.why());
        assert_eq!(report.left_out.len(), 2 - rounds);
        assert_eq!(report.rounds.get(1).map(|round| round.has_held()), goes_on.then_some(true));
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_recover_ends_the_day_whatever_was_said() {
    let (point, well) = (point(), Well::new());
    let traffic = traffic(&point);
    let breaks = well.1.clone();
    let breaking = tokio::spawn(async move {
        sleep(5 * SECOND).await;
        breaks.store(false, Ordering::Relaxed);
    });
    let day = GameDay::new("spring")
        .with_experiment("late answers hurt nobody", late())
        .with_experiment("nor twice", late())
        .with_going_on(true);
    let report = day.run(&lab(), from_ref(&point), || well.sensors()).await.unwrap();
    traffic.abort();
    breaking.abort();
    assert_eq!(report.left_out, ["late"]);
    assert!(!report.rounds[0].has_held() && !point.is_armed());
    assert!(report.to_markdown().contains("one before ended the day"));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_said_and_a_bad_plan_is_not_begun() {
    let well = Well::new();
    let day = GameDay::new("spring").with_experiment("?", planned("hang", Fault::Hang));
    let report = day.run(&lab(), &[point()], || well.sensors()).await.unwrap();
    assert_eq!(report.rounds[0].outcome, Err(Refusal::NotAllowed(Kind::Hang)));
    let report = day.run(&lab(), &[], || well.sensors()).await.unwrap();
    assert_eq!(report.rounds[0].outcome, Err(Refusal::NoSuchTarget("api".into())));
    assert!(report.to_markdown().contains("not tried"));

    let nothing = GameDay::new("spring").run(&lab(), &[point()], || well.sensors()).await;
    assert_eq!(nothing.unwrap_err().field(), "experiments");
    let long = day.with_rest(SECOND * 3_601).run(&lab(), &[point()], || well.sensors()).await;
    assert_eq!(long.unwrap_err().field(), "rest");
}

#[cfg(feature = "json")]
#[tokio::test(start_paused = true)]
async fn the_report_is_read_by_machines_too() {
    let (point, well) = (point(), Well::new());
    let traffic = traffic(&point);
    let day = GameDay::new("spring").with_experiment("late answers hurt nobody", late());
    let report = day.run(&lab(), &[point], || well.sensors()).await.unwrap();
    traffic.abort();
    let json = report.to_json();
    assert_eq!(json["passed"], true);
    assert_eq!(json["rounds"][0]["report"]["status"], "passed");
    assert_eq!(json["rounds"][0]["refused"], serde_json::Value::Null);
}
