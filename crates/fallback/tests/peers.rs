//! The scenarios in which other libraries' fallbacks fail, with their numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use salve_fallback::{Alternative, Config, FallbackLayer};
use salve_testkit::{Mode, Probe, TestError, allocation_counter};
use tower::{Layer, Service, ServiceExt, service_fn};

fn value() -> FallbackLayer<u32, u32, TestError> {
    FallbackLayer::new(Config::default(), [Alternative::value("none", 99)]).unwrap()
}

#[tokio::test]
async fn f01_an_error_at_readiness_is_answered_too() {
    let (probe, control) = Probe::new();
    control.set(Mode::FailReadiness);
    let mut service = value().layer(probe);
    assert_eq!(service.ready().await.unwrap().call(1).await, Ok(99));
    assert_eq!(control.calls(), 0);
}

/// A request that cannot be cloned can be given to a value, and one that can is not.
#[tokio::test]
async fn f02_a_value_needs_no_copy_of_the_request() {
    #[derive(Debug)]
    struct Once(Arc<AtomicUsize>);
    impl Clone for Once {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::Relaxed);
            Self(Arc::clone(&self.0))
        }
    }
    struct NeverCloned;

    let clones = Arc::new(AtomicUsize::new(0));
    let answers = service_fn(|_: Once| async { Ok::<u32, TestError>(1) });
    let layer = FallbackLayer::new(Config::default(), [Alternative::value("none", 99)]).unwrap();
    for _ in 0..100 {
        assert_eq!(layer.layer(answers).oneshot(Once(Arc::clone(&clones))).await, Ok(1));
    }
    let fails = service_fn(|_: Once| async { Err::<u32, _>(TestError::Failed) });
    assert_eq!(layer.layer(fails).oneshot(Once(Arc::clone(&clones))).await, Ok(99));
    assert_eq!(clones.load(Ordering::Relaxed), 0);

    let fails = service_fn(|_: NeverCloned| async { Err::<u32, _>(TestError::Failed) });
    let layer = FallbackLayer::new(Config::default(), [Alternative::value("none", 99)]).unwrap();
    assert_eq!(layer.layer(fails).oneshot(NeverCloned).await, Ok(99));
}

#[tokio::test]
async fn f03_panics_are_answered_where_that_is_asked_for() {
    let config = Config::default().with_catch_panics(true);
    let layer = FallbackLayer::new(config, [Alternative::value("none", 99)]).unwrap();
    for mode in [Mode::PanicInCall, Mode::PanicInPoll] {
        let (probe, control) = Probe::new();
        control.set(mode);
        assert_eq!(layer.layer(probe).oneshot(1).await, Ok(99), "{mode:?}");
    }
    let counts = layer.handle().counts();
    assert_eq!((counts.failed, counts.panics, counts.answered), (2, 2, 2));

    // Otherwise they reach the caller.
    let (probe, control) = Probe::new();
    control.set(Mode::PanicInPoll);
    let call = tokio::spawn(value().layer(probe).oneshot(1));
    assert!(call.await.unwrap_err().is_panic());
}

#[test]
fn f04_bad_settings_are_refused_and_nothing_panics() {
    let refused = |alternatives: Vec<Alternative<u32, u32, TestError>>| {
        FallbackLayer::new(Config::default(), alternatives).unwrap_err().to_string()
    };
    assert_eq!(refused(vec![]), "fallback: `alternatives` is 0, but must be between 1 and 64");
    assert_eq!(
        refused((0..65).map(|nth| Alternative::value(nth.to_string(), nth)).collect()),
        "fallback: `alternatives` is 65, but must be between 1 and 64"
    );
    assert_eq!(
        refused(vec![Alternative::value("none", 0), Alternative::value("none", 1)]),
        "fallback: `alternatives` is `none` twice, but must be of distinct names"
    );
}

/// A peer allocates for each call, whether it fails or not.
#[test]
fn a_call_that_succeeds_allocates_nothing_though_its_request_is_kept() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (probe, _) = Probe::new();
    let layer = FallbackLayer::new(Config::default(), [Alternative::service("probe", probe)]);
    let mut service = layer.unwrap().layer(service_fn(|n: u32| async move { Ok(n) }));
    let allocated = allocation_counter::measure(|| {
        for n in 0..100 {
            let answer: Result<u32, TestError> = runtime.block_on(service.call(n));
            assert_eq!(answer, Ok(n));
        }
    });
    assert_eq!(allocated.count_total, 0);
}
