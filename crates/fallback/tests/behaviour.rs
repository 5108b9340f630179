//! What a chain of alternatives does, call by call.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use salve_core::{
    CallContext, Effector, Enforcement, FailureKind, Origin, Outcome, Reason, Rejection,
    RetryAdvice, Sensor, clock,
};
use salve_fallback::{
    Alternative, Chain, Config, Event, Failed, FallbackLayer, Handle, Returned, Why,
};
use salve_testkit::{Mode, Probe, ProbeControl, TestError};
use tokio::sync::Notify;
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceExt, service_fn};

type Alt = Alternative<u32, u32, TestError>;

fn layer(config: Config, alternatives: Vec<Alt>) -> FallbackLayer<u32, u32, TestError> {
    FallbackLayer::new(config, alternatives).unwrap()
}

fn failing() -> (Probe, ProbeControl) {
    let (probe, control) = Probe::new();
    control.set(Mode::Fail);
    (probe, control)
}

fn fails(name: &'static str) -> Alt {
    Alt::of_failure(name, |_| Err(TestError::Unready))
}

fn events(layer: &FallbackLayer<u32, u32, TestError>) -> impl FnMut() -> Vec<Event> + use<> {
    let mut events = layer.handle().subscribe(NonZeroUsize::new(20).unwrap());
    move || std::iter::from_fn(|| events.try_next().map(|told| told.event)).collect()
}

fn rejected(reason: Reason) -> TestError {
    Rejection::new(&Origin::new("test", "test".into()), reason).into()
}

#[tokio::test]
async fn alternatives_are_tried_by_priority_until_one_answers() {
    let chain = vec![
        Alt::value("last", 3).with_priority(3),
        fails("second").with_priority(2),
        fails("first").with_priority(1),
        Alt::value("never", 9).with_priority(3),
    ];
    let layer = layer(Config::default(), chain);
    let mut told = events(&layer);
    assert_eq!(layer.layer(failing().0).oneshot(7).await, Ok(3));
    let failed = |alternative: &'static str| Event::AlternativeFailed {
        alternative: alternative.into(),
        why: Why::Failed(FailureKind::Error),
    };
    assert_eq!(
        told(),
        [
            Event::PrimaryFailed { why: Why::Failed(FailureKind::Error) },
            failed("first"),
            failed("second"),
            Event::AlternativeAnswered { alternative: "last".into() },
        ]
    );
    let counts = layer.handle().counts();
    assert_eq!((counts.failed, counts.answered, counts.exhausted), (1, 1, 0));
    let by_name: Vec<_> =
        counts.alternatives.iter().map(|it| (it.name.as_str(), it.answered, it.failed)).collect();
    assert_eq!(by_name, [("first", 0, 1), ("second", 0, 1), ("last", 1, 0), ("never", 0, 0)]);
}

#[tokio::test]
async fn without_cascade_only_the_first_is_tried() {
    let chain = || vec![fails("first"), Alt::value("second", 2)];
    let layer = layer(Config::default().with_cascade(false), chain());
    assert_eq!(layer.layer(failing().0).oneshot(7).await, Err(TestError::Failed));
    assert_eq!(layer.handle().counts().exhausted, 1);
}

#[tokio::test]
async fn the_error_is_the_calls_own_or_the_last_alternatives() {
    for (returned, expected) in
        [(Returned::Original, TestError::Failed), (Returned::Last, TestError::Unready)]
    {
        let config = Config::default().with_returned(returned);
        let layer = layer(config, vec![fails("only")]);
        assert_eq!(layer.layer(failing().0).oneshot(7).await, Err(expected));
    }
}

#[tokio::test]
async fn a_success_and_what_is_ignored_pass() {
    let classify = |result: Result<&u32, &TestError>| match result {
        Err(TestError::Failed) => Outcome::Ignored,
        _ => Outcome::Success,
    };
    let layer = layer(Config::default(), vec![Alt::value("none", 0)]).with_classifier(classify);
    let (probe, control) = failing();
    assert_eq!(layer.layer(probe.clone()).oneshot(7).await, Err(TestError::Failed));
    control.set(Mode::Answer);
    assert_eq!(layer.layer(probe).oneshot(7).await, Ok(7));
    assert_eq!(layer.handle().counts().failed, 0);
}

#[tokio::test]
async fn a_rejection_is_always_answered_whatever_the_classifier_says() {
    let layer = layer(Config::default(), vec![Alt::value("none", 0)])
        .with_classifier(|_: Result<&u32, &TestError>| Outcome::Ignored);
    let mut told = layer.handle().subscribe(NonZeroUsize::new(9).unwrap());
    let refuses = service_fn(|_: u32| async { Err(rejected(Reason::RateLimited)) });
    assert_eq!(layer.layer(refuses).oneshot(7).await, Ok(0));
    let why = Why::Refused(Reason::RateLimited);
    assert_eq!(told.try_next().unwrap().event, Event::PrimaryFailed { why });
}

#[tokio::test]
async fn a_response_that_is_a_failure_is_answered_and_shown_and_given_back() {
    let classify = |result: Result<&u32, &TestError>| match result {
        Ok(500..) => Outcome::Failure { retry: RetryAdvice::Never, kind: FailureKind::Overload },
        _ => Outcome::Success,
    };
    let by_response = Alt::of_failure("by response", |failed| match failed {
        Failed::Response(503) => Ok(1),
        Failed::Response(_) => Ok(599),
        Failed::Error(_) | Failed::Panic => Err(TestError::Failed),
    });
    let layer = layer(Config::default(), vec![by_response]).with_classifier(classify);
    let (probe, _) = Probe::new();
    assert_eq!(layer.layer(probe.clone()).oneshot(503).await, Ok(1));
    assert_eq!(layer.layer(probe).oneshot(500).await, Ok(500), "which no alternative bettered");
    assert_eq!(layer.handle().counts().exhausted, 1);
}

#[tokio::test]
async fn functions_and_services_get_the_request_each() {
    let (probe, control) = failing();
    let chain = vec![
        Alt::function("one", |request, failed| {
            assert_eq!(failed.error(), Some(&TestError::Failed));
            async move { if request == 1 { Ok(11) } else { Err(TestError::Failed) } }
        }),
        Alt::service("two", probe),
        Alt::function("three", |request, _| async move { Ok(request + 30) }),
    ];
    let layer = layer(Config::default(), chain);
    assert_eq!(layer.layer(failing().0).oneshot(1).await, Ok(11));
    assert_eq!(layer.layer(failing().0).oneshot(7).await, Ok(37));
    control.set(Mode::Answer);
    assert_eq!(layer.layer(failing().0).oneshot(7).await, Ok(7));
    assert_eq!((control.calls(), control.unready_calls()), (2, 0));
}

#[tokio::test]
async fn a_request_that_cannot_be_copied_is_passed_over() {
    let uncopied = Alt::function_with("asks", |_: &u32| None, |_, _| async { Ok(1) });
    let layer = layer(Config::default(), vec![uncopied, Alt::value("none", 0)]);
    assert_eq!(layer.layer(failing().0).oneshot(7).await, Ok(0));
    assert_eq!(layer.handle().counts().alternatives[0].failed, 0);
}

#[tokio::test(start_paused = true)]
async fn what_needs_time_is_not_tried_past_the_deadline() {
    let layer = layer(
        Config::default(),
        vec![Alt::function("asks", |_, _| async { Ok(1) }), Alt::value("none", 0)],
    );
    let deadline = clock::now().after(Duration::from_secs(1));
    let late = service_fn(|_: u32| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Err(TestError::Failed)
    });
    let context = CallContext::NEW.with_deadline(deadline);
    assert_eq!(context.scope(layer.layer(late).oneshot(7)).await, Ok(0));
    // In time it is tried, and sees the same deadline.
    let deadline = clock::now().after(Duration::from_secs(1));
    let sees = Alt::function("sees", move |_, _| async move {
        assert_eq!(CallContext::current().deadline(), Some(deadline));
        Ok(2)
    });
    let layer = self::layer(Config::default(), vec![sees]);
    let context = CallContext::NEW.with_deadline(deadline);
    assert_eq!(context.scope(layer.layer(failing().0).oneshot(7)).await, Ok(2));
}

#[tokio::test]
async fn an_alternative_that_waits_holds_nothing_of_the_service_and_is_dropped_with_the_call() {
    let (held, control) = Probe::new();
    control.set(Mode::Hold);
    let layer = layer(Config::default(), vec![Alt::service("held", held)]);
    let places = tower::limit::ConcurrencyLimit::new(failing().0, 1);
    let mut service = layer.layer(places);
    let mut call = spawn(service.call(1));
    assert_eq!(call.poll(), Poll::Pending);
    assert_eq!(control.in_flight(), 1);
    let mut second = spawn(service.call(2));
    assert_eq!(second.poll(), Poll::Pending);
    assert_eq!(control.in_flight(), 2, "the only place was given back");
    drop(call);
    assert_eq!((control.in_flight(), control.cancelled()), (1, 1));
    control.release();
    assert_eq!(second.poll(), Poll::Ready(Ok(2)));
    let counts = layer.handle().counts();
    assert_eq!((counts.failed, counts.answered, counts.exhausted), (2, 1, 0));
}

#[tokio::test]
async fn panics_of_alternatives_are_failures_too_and_the_original_panic_goes_on() {
    let panics = || {
        vec![
            Alt::of_failure("at once", |_| panic!("planted")),
            Alt::function("in call", |_, _| {
                assert!(CallContext::current().attempt() > 1, "planted");
                async { Ok(0) }
            }),
            Alt::function("in poll", |_, _| async { panic!("planted") }),
        ]
    };
    let config = Config::default().with_catch_panics(true);
    let catching = layer(config.clone(), panics());
    assert_eq!(catching.layer(failing().0).oneshot(1).await, Err(TestError::Failed));
    assert_eq!(catching.handle().counts().panics, 3);

    let (probe, control) = Probe::new();
    control.set(Mode::PanicInPoll);
    let call = tokio::spawn(catching.layer(probe.clone()).oneshot(1));
    let panic = call.await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"the probe panics in poll, as it was told to"));
    // And the last one, where the last is asked for.
    let last = layer(config.with_returned(Returned::Last), panics());
    let panic = tokio::spawn(last.layer(probe).oneshot(1)).await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"planted"));
}

#[tokio::test]
async fn the_response_of_an_alternative_is_marked_and_no_other() {
    let layer = layer(Config::default(), vec![Alt::value("none", 5)])
        .with_mark(|response, by| *response += 1000 * by.as_str().len() as u32);
    assert_eq!(layer.layer(Probe::new().0).oneshot(7).await, Ok(7));
    assert_eq!(layer.layer(failing().0).oneshot(7).await, Ok(4005));
}

#[tokio::test]
async fn shadow_mode_changes_no_answer_and_counts() {
    let config = Config::default().with_enforcement(Enforcement::Shadow);
    let layer = layer(config, vec![Alt::function("asks", |_, _| async { Ok(1) })]);
    let mut told = events(&layer);
    assert_eq!(layer.layer(failing().0).oneshot(7).await, Err(TestError::Failed));
    let counts = layer.handle().counts();
    assert_eq!((counts.failed, counts.shadow, counts.exhausted), (1, 1, 0));
    assert_eq!(told()[1], Event::WouldHaveTried { alternative: "asks".into() });
}

#[tokio::test]
async fn a_pause_is_a_lever_and_holds_for_calls_that_have_not_failed_yet() {
    let layer = layer(Config::default(), vec![Alt::value("none", 0)]);
    let handle = layer.handle();
    let mut told = events(&layer);
    let (probe, control) = Probe::new();
    control.set(Mode::PanicInPoll);
    let mut service = layer.layer(failing().0);
    let begun = service.call(7);
    handle.pull("pause").unwrap();
    handle.pull("pause").unwrap();
    assert_eq!(service.call(7).await, Err(TestError::Failed));
    assert_eq!(begun.await, Err(TestError::Failed));
    handle.reconfigure(&Config::new("other").with_cascade(false)).unwrap();
    assert!(handle.is_paused() && !handle.config().cascade);
    assert_eq!(handle.config().name, "fallback", "which stays");
    handle.pull("resume").unwrap();
    assert_eq!(service.call(7).await, Ok(0));
    assert!(handle.pull("stop").unwrap_err().to_string().contains("`stop`"));
    assert_eq!(handle.levers().len(), 2);
    let steered: Vec<_> = told()
        .into_iter()
        .filter(|event| matches!(event, Event::Paused | Event::Resumed | Event::Reconfigured))
        .collect();
    assert_eq!(steered, [Event::Paused, Event::Reconfigured, Event::Resumed]);
    drop(probe);
}

#[tokio::test]
async fn a_call_that_has_failed_keeps_its_settings() {
    let go = Arc::new(Notify::new());
    let held = Alt::function("held", {
        let go = Arc::clone(&go);
        move |_, _| {
            let go = Arc::clone(&go);
            async move {
                go.notified().await;
                Err(TestError::Failed)
            }
        }
    });
    let layer = layer(Config::default(), vec![held, Alt::value("none", 0)]);
    let mut call = spawn(layer.layer(failing().0).call(7));
    assert_eq!(call.poll(), Poll::Pending);
    layer.handle().pause();
    layer.handle().reconfigure(&Config::default().with_cascade(false)).unwrap();
    go.notify_one();
    assert_eq!(call.poll(), Poll::Ready(Ok(0)));
}

#[tokio::test]
async fn a_chain_works_without_tower_and_shares_its_policy() {
    let handle = Handle::new(Config::new("stock")).unwrap();
    let chain = Chain::with_handle(&handle, [Alternative::value("none", 0)]).unwrap();
    let chain = chain.for_any_errors();
    let refused = chain.call((), |()| async { Err::<u32, _>("refused") });
    assert_eq!(refused.await, Ok(0));
    let layer = FallbackLayer::from(
        Chain::with_handle(&handle, vec![Alt::value("none", 1), Alt::value("two", 2)]).unwrap(),
    );
    assert_eq!(layer.layer(failing().0).oneshot(7).await, Ok(1));
    let counts = handle.counts();
    assert_eq!((counts.failed, counts.alternatives.len()), (2, 2));
    assert_eq!(counts.alternatives[0].answered, 2, "one name, one counter");
    let mut readings = Vec::new();
    handle.read(&mut |reading| readings.push((reading.name, reading.value)));
    assert_eq!(
        readings,
        [
            ("primary_failures_total", 2.0),
            ("panics_total", 0.0),
            ("alternatives_answered_total", 2.0),
            ("exhausted_total", 0.0),
            ("shadow_fallbacks_total", 0.0),
            ("paused", 0.0),
        ]
    );
}

#[tokio::test]
async fn names_are_counted_apart_up_to_a_bound() {
    let handle = Handle::new(Config::default()).unwrap();
    for nth in 0..300 {
        let one = Alt::value(format!("nth {nth}"), nth);
        let _ = Chain::with_handle(&handle, [one]).unwrap();
    }
    let counted = handle.counts().alternatives;
    assert_eq!((counted.len(), counted[254].name.as_str()), (256, "nth 254"));
    assert_eq!(counted[255].name, "others");
}
