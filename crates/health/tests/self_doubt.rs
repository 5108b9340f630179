//! A round after a gap in the registry's own loop is void: nothing is judged in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve_core::{Moment, Ratio};
use salve_health::detect::{Threshold, ThresholdConfig, of_latency, of_value};
use salve_health::{Config, Detect, Finding, Handle, Sample, State, TargetConfig};
use tokio::time::{advance, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn target(name: &'static str) -> TargetConfig {
    TargetConfig::new(name)
        .with_jitter(Ratio::ZERO)
        .with_grace(Duration::ZERO)
        .with_interval(10 * SECOND)
        .with_thresholds(1, 1)
}

fn registry() -> Handle {
    let registry = Handle::new(Config::new("test")).unwrap();
    tokio::spawn(registry.clone().run());
    registry
}

/// Counts what a detector is told.
#[derive(Clone, Default)]
struct Told(Arc<[AtomicU32; 2]>);

impl Told {
    fn get(&self) -> (u32, u32) {
        (self.0[0].load(Ordering::SeqCst), self.0[1].load(Ordering::SeqCst))
    }
}

impl Detect for Told {
    fn look(&mut self, _: &Sample) -> Option<Box<str>> {
        self.0[0].fetch_add(1, Ordering::SeqCst);
        None
    }

    fn stalled(&mut self, gap: Duration) {
        assert!(gap >= 60 * SECOND);
        self.0[1].fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn inv_22_a_run_that_a_gap_cut_in_two_is_void_and_runs_again() {
    let registry = registry();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    // A client with a limit of its own, for which the gap looks like an answer that never came.
    let check = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async {
            let answer = timeout(2 * SECOND, sleep(SECOND)).await;
            answer.map_err(|_| "no answer")
        }
    };
    let told = Told::default();
    registry.register_with(target("api"), check, told.clone()).unwrap();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    advance(60 * SECOND).await;
    sleep(Duration::from_millis(500)).await;
    let status = registry.status("api").unwrap();
    assert_eq!((status.state, status.record.results), (State::Starting, 0));
    assert_eq!(runs.load(Ordering::SeqCst), 2, "it runs again at once");
    assert_eq!(told.get(), (0, 0));
    sleep(SECOND).await;
    assert_eq!(registry.state("api"), Some(State::Healthy));
    assert_eq!(told.get().0, 1);
}

#[tokio::test(start_paused = true)]
async fn inv_22_a_run_that_hangs_across_a_gap_is_ended_and_counts_for_nothing() {
    let registry = registry();
    registry.register(target("hangs"), std::future::pending::<()>).unwrap();
    sleep(4 * SECOND).await;
    advance(60 * SECOND).await;
    sleep(4 * SECOND).await;
    let status = registry.status("hangs").unwrap();
    assert_eq!((status.timeouts, status.state), (0, State::Starting));
    sleep(2 * SECOND).await;
    assert_eq!(registry.status("hangs").unwrap().timeouts, 1, "its own five seconds are over");
}

#[tokio::test(start_paused = true)]
async fn inv_22_detectors_hear_of_a_gap_once_and_before_the_next_sample() {
    let registry = registry();
    let told = Told::default();
    registry.register_with(target("job"), || async {}, told.clone()).unwrap();
    sleep(15 * SECOND).await;
    assert_eq!(told.get(), (2, 0));
    advance(60 * SECOND).await;
    sleep(25 * SECOND).await;
    let (looks, stalls) = told.get();
    assert!(looks >= 4, "{looks}");
    assert_eq!(stalls, 1);
}

#[tokio::test(start_paused = true)]
async fn inv_22_what_must_hold_for_some_time_begins_that_time_anew() {
    let registry = registry();
    let high = Threshold::new(ThresholdConfig::above(90.0, 85.0).with_hold(30 * SECOND)).unwrap();
    let check = || async { Finding::pass().with_value(97.0, "percent") };
    registry.register_with(target("memory"), check, of_value(high)).unwrap();
    sleep(15 * SECOND).await;
    assert_eq!(registry.state("memory"), Some(State::Healthy));
    // Without self-doubt the 30 s would be over with the next sample.
    advance(60 * SECOND).await;
    sleep(25 * SECOND).await;
    assert_eq!(registry.state("memory"), Some(State::Healthy));
    sleep(15 * SECOND).await;
    assert_eq!(registry.state("memory"), Some(State::Degraded));
    let reason = registry.status("memory").unwrap().sample.and_then(|it| it.finding.reason);
    assert_eq!(reason.as_deref(), Some("97 is beyond 90, and has been for a while"));
}

#[tokio::test(start_paused = true)]
async fn detectors_look_at_latencies_in_milliseconds() {
    let registry = registry();
    let slow = ThresholdConfig::above(500.0, 100.0).with_hold(Duration::ZERO);
    let slow = of_latency(Threshold::new(slow).unwrap());
    registry.register_with(target("api"), || sleep(SECOND), slow).unwrap();
    sleep(2 * SECOND).await;
    assert_eq!(registry.state("api"), Some(State::Degraded));
    let mut detectors: Vec<Box<dyn Detect>> = vec![
        Box::new(|_: &Sample| None),
        Box::new(|_: &Sample| Some(Box::from("second"))),
        Box::new(|_: &Sample| Some(Box::from("third"))),
    ];
    let sample = Sample { finding: Finding::pass(), latency: SECOND, at: Moment::ZERO };
    assert_eq!(detectors.look(&sample).as_deref(), Some("second"));
}
