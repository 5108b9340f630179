//! What callers and inner services see, on paused time.

use std::future::{pending, poll_fn, ready};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salve_core::{
    CallContext, Enforcement, Outcome, Reason, Refusable, Rejection, Sensor, Sent, Settlement,
    clock,
};
use salve_testkit::{Mode, Probe, TestError};
use salve_timeout::{Config, Event, Handle, TimeoutCounts, TimeoutLayer, timeout};
use tower::{Layer, Service, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

fn attempt(limit: Duration) -> TimeoutLayer {
    TimeoutLayer::new(Config::of_attempt("test", limit)).unwrap()
}

fn total(limit: Duration) -> TimeoutLayer {
    TimeoutLayer::new(Config::of_total("test", limit)).unwrap()
}

fn refusal(result: Result<u32, TestError>) -> (Reason, Sent) {
    let error = result.unwrap_err();
    let rejection = error.rejection().expect("a rejection");
    assert_eq!((rejection.by().as_str(), rejection.retry_after()), ("test", None));
    (rejection.reason(), rejection.sent())
}

/// Runs `call` and says how long that took.
async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let began = clock::now();
    let output = call.await;
    (output, clock::now().since(began))
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_ended() {
    let layer = attempt(40 * MS);
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let (result, took) = timed(layer.layer(probe).oneshot(1)).await;
    assert_eq!(refusal(result), (Reason::AttemptTimeout, Sent::Unknown));
    assert!((40 * MS..=41 * MS).contains(&took), "{took:?}");
    assert_eq!((control.in_flight(), control.cancelled()), (0, 1));
    assert_eq!(
        layer.handle().counts(),
        TimeoutCounts { attempt_timeouts: 1, ..Default::default() }
    );
}

#[tokio::test(start_paused = true)]
async fn a_whole_call_that_takes_too_long_is_ended() {
    let layer = total(40 * MS);
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let result = layer.layer(probe).oneshot(1).await;
    assert_eq!(refusal(result), (Reason::DeadlineExceeded, Sent::Unknown));
    let expected = TimeoutCounts { deadlines_exceeded: 1, ..Default::default() };
    assert_eq!(layer.handle().counts(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_become_ready_was_not_called() {
    let (probe, control) = Probe::new();
    control.set(Mode::Unready);
    let result = attempt(40 * MS).layer(probe).oneshot(1).await;
    assert_eq!(refusal(result), (Reason::AttemptTimeout, Sent::No));
    assert_eq!(control.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_there_when_time_runs_out_is_returned() {
    let exact = service_fn(|()| async {
        tokio::time::sleep(40 * MS).await;
        Ok::<_, Rejection>(7)
    });
    assert_eq!(attempt(40 * MS).layer(exact).oneshot(()).await, Ok(7));
    let late = service_fn(|()| async {
        tokio::time::sleep(41 * MS).await;
        Ok::<_, Rejection>(7)
    });
    assert!(attempt(40 * MS).layer(late).oneshot(()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_is_over_is_not_made() {
    let (probe, control) = Probe::new();
    let layer = attempt(40 * MS);
    let context = CallContext::NEW.with_deadline(clock::now());
    let service = layer.layer(probe.clone());
    let result = context.scope(service.oneshot(1)).await;
    assert_eq!(refusal(result), (Reason::DeadlineExceeded, Sent::No));
    let service = layer.clone().call_only().layer(probe);
    let result = context.scope(service.oneshot(1)).await;
    assert_eq!(refusal(result), (Reason::DeadlineExceeded, Sent::No));
    assert_eq!(control.calls(), 0);
    assert_eq!(layer.handle().counts(), TimeoutCounts { refused: 2, ..Default::default() });
}

#[tokio::test(start_paused = true)]
async fn the_callers_deadline_is_kept_and_named_as_such() {
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let context = CallContext::NEW.with_deadline(clock::now().after(10 * MS));
    let call = context.scope(attempt(40 * MS).layer(probe).oneshot(1));
    let (result, took) = timed(call).await;
    assert_eq!(refusal(result), (Reason::DeadlineExceeded, Sent::Unknown));
    assert!((10 * MS..=11 * MS).contains(&took), "{took:?}");
}

/// What an inner service finds in its context, in `call` and in each poll.
async fn seen_inside(layer: TimeoutLayer, outer: CallContext) -> Vec<CallContext> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let inner = service_fn(move |()| {
        let notes = Arc::clone(&notes);
        let note = move || notes.lock().unwrap().push(CallContext::current().with_reading(None));
        note();
        async move {
            tokio::time::sleep(MS).await;
            note();
            Ok::<_, Rejection>(())
        }
    });
    outer.scope(layer.layer(inner.clone()).oneshot(())).await.unwrap();
    outer.scope(layer.call_only().layer(inner).oneshot(())).await.unwrap();
    Arc::try_unwrap(seen)
        .map_or_else(|seen| seen.lock().unwrap().clone(), |seen| seen.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn inner_layers_see_the_sooner_deadline_and_never_a_later_one() {
    let now = clock::now();
    let seen = seen_inside(attempt(40 * MS), CallContext::NEW).await;
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0].deadline(), Some(now.after(40 * MS)));
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].started(), None, "an attempt is not the whole call");

    let sooner = CallContext::NEW.with_deadline(clock::now().after(10 * MS)).with_attempt(2, 1);
    for context in seen_inside(attempt(40 * MS), sooner).await {
        assert_eq!(context, sooner);
    }
}

#[tokio::test(start_paused = true)]
async fn the_total_is_counted_from_when_the_whole_call_began() {
    let now = clock::now();
    let seen = seen_inside(total(40 * MS), CallContext::NEW).await;
    assert_eq!((seen[0].deadline(), seen[0].started()), (Some(now.after(40 * MS)), Some(now)));

    let began_earlier = CallContext::NEW.with_started(now);
    tokio::time::advance(30 * MS).await;
    for context in seen_inside(total(40 * MS), began_earlier).await {
        assert_eq!(context.deadline(), Some(now.after(40 * MS)));
        assert_eq!(context.started(), Some(now));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_taken_inside_are_taken_from_the_caller() {
    let inner = service_fn(|()| async {
        assert!(CallContext::take_attempt());
        tokio::task::yield_now().await;
        assert!(CallContext::take_attempt());
        Ok::<_, Rejection>(CallContext::take_attempt())
    });
    let mut call = Box::pin(attempt(40 * MS).layer(inner).oneshot(()));
    let mut context = CallContext::NEW.with_attempt(1, 2);
    let more = poll_fn(|cx| {
        let (polled, left) = context.enter(|| call.as_mut().poll(cx));
        context = left;
        polled
    });
    assert_eq!(more.await, Ok(false));
    assert_eq!(context.attempts_left(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn single_requests_may_have_limits_of_their_own() {
    let by_size = |size: &u32| (*size > 10).then(|| *size * MS);
    let layer = attempt(5 * MS).with_limit_for(by_size);
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    for (request, limit) in [(1, 5), (40, 40)] {
        let (result, took) = timed(layer.layer(probe.clone()).oneshot(request)).await;
        assert_eq!(refusal(result), (Reason::AttemptTimeout, Sent::Unknown));
        assert!((limit * MS..=(limit + 1) * MS).contains(&took), "{took:?}");
    }
    let none = attempt(5 * MS).with_limit_for(|_: &u32| Some(Duration::ZERO));
    let calls = control.calls();
    let result = none.layer(probe).oneshot(1).await;
    assert_eq!(refusal(result), (Reason::AttemptTimeout, Sent::No));
    assert_eq!(control.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn in_shadow_mode_calls_go_on_and_are_counted_once() {
    let config = Config::of_attempt("test", 5 * MS).with_enforcement(Enforcement::Shadow);
    let layer = TimeoutLayer::new(config).unwrap();
    let mut events = layer.handle().subscribe(NonZeroUsize::MIN);
    let slow = service_fn(|()| async {
        assert_eq!(CallContext::current().deadline(), None);
        tokio::time::sleep(50 * MS).await;
        tokio::time::sleep(50 * MS).await;
        Ok::<_, Rejection>(7)
    });
    assert_eq!(layer.layer(slow).oneshot(()).await, Ok(7));
    assert_eq!(layer.handle().counts(), TimeoutCounts { shadow: 1, ..Default::default() });
    let told = events.try_next().unwrap();
    let (reason, sent) = (Reason::AttemptTimeout, Sent::Unknown);
    assert_eq!(told.event, Event::TimedOut { reason, sent, after: 5 * MS, shadow: true });

    let over = CallContext::NEW.with_deadline(clock::now());
    let quick = service_fn(|()| ready(Ok::<_, Rejection>(8)));
    assert_eq!(over.scope(layer.layer(quick).oneshot(())).await, Ok(8));
    assert_eq!(over.scope(layer.clone().call_only().layer(quick).oneshot(())).await, Ok(8));
    assert_eq!(layer.handle().counts(), TimeoutCounts { shadow: 3, ..Default::default() });
}

#[tokio::test(start_paused = true)]
async fn new_settings_hold_from_the_next_call_on() {
    let layer = attempt(40 * MS);
    let handle = layer.handle();
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let service = layer.layer(probe);
    let (first, took) = timed(async {
        let call = tokio::spawn(service.clone().oneshot(1));
        tokio::task::yield_now().await;
        handle.reconfigure(Config::of_total("other", 5 * MS)).unwrap();
        call.await.unwrap()
    })
    .await;
    assert_eq!(refusal(first).0, Reason::AttemptTimeout);
    assert!(took >= 40 * MS);
    let (second, took) = timed(service.oneshot(1)).await;
    assert_eq!(refusal(second).0, Reason::DeadlineExceeded);
    assert!(took <= 6 * MS);

    let before = handle.config();
    assert_eq!(before.name, "test");
    assert!(handle.reconfigure(Config { total: None, ..before.clone() }).is_err());
    assert_eq!(handle.config(), before);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_only_begun_keeps_its_deadline() {
    struct Streamed;
    impl salve_core::Classify<Settlement, Rejection> for Streamed {
        fn classify(&self, _: Result<&Settlement, &Rejection>) -> Outcome {
            Outcome::Success
        }
        fn settlement<'a>(&self, response: &'a Settlement) -> Option<&'a Settlement> {
            Some(response)
        }
    }
    impl Clone for Streamed {
        fn clone(&self) -> Self {
            Self
        }
    }
    let begun = service_fn(|()| ready(Ok::<_, Rejection>(Settlement::new())));
    let now = clock::now();
    let layer = attempt(40 * MS).with_classifier(Streamed);
    let answer = layer.layer(begun).oneshot(()).await.unwrap();
    assert_eq!(answer.deadline(), Some(now.after(40 * MS)));
}

#[tokio::test(start_paused = true)]
async fn futures_are_limited_without_tower() {
    let handle = Handle::new(Config::of_attempt("test", 40 * MS)).unwrap();
    let done: Result<u32, Rejection> = timeout(&handle, async { Ok(7) }).await;
    assert_eq!(done, Ok(7));
    let (hung, took) = timed(handle.run(pending::<Result<u32, TestError>>())).await;
    assert_eq!(refusal(hung), (Reason::AttemptTimeout, Sent::Unknown));
    assert!((40 * MS..=41 * MS).contains(&took), "{took:?}");
}

#[test]
fn no_timer_is_made_for_what_is_ready() {
    let handle = Handle::new(Config::default()).unwrap();
    let call = handle.run(ready(Ok::<_, Rejection>(7)));
    // Outside of a runtime a timer would panic.
    assert_eq!(poll_once(call), Some(Ok(7)));
}

fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_any_stage_is_not_counted() {
    let layer = attempt(40 * MS);
    let (probe, control) = Probe::new();
    for mode in [Mode::Unready, Mode::Hold] {
        control.set(mode);
        for polls in 0..3 {
            let mut call = Box::pin(layer.layer(probe.clone()).call(1));
            for _ in 0..polls {
                let polled = poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx))).await;
                assert!(polled.is_pending());
            }
            drop(call);
            assert_eq!(control.in_flight(), 0);
            tokio::time::advance(100 * MS).await;
        }
    }
    assert_eq!(layer.handle().counts(), TimeoutCounts::default());
}

#[tokio::test(start_paused = true)]
async fn listeners_and_sensors_are_told() {
    let layer = attempt(40 * MS);
    let handle = layer.handle();
    let mut events = handle.subscribe(NonZeroUsize::new(4).unwrap());
    let (probe, control) = Probe::new();
    control.set(Mode::Unready);
    assert!(layer.layer(probe).oneshot(1).await.is_err());
    let told = events.try_next().unwrap();
    let (reason, sent) = (Reason::AttemptTimeout, Sent::No);
    assert_eq!(told.event, Event::TimedOut { reason, sent, after: 40 * MS, shadow: false });
    assert_eq!((told.by.as_str(), told.at), ("test", clock::now()));
    handle.reconfigure(handle.config()).unwrap();
    assert_eq!(events.try_next().unwrap().event, Event::Reconfigured);

    let mut read = Vec::new();
    handle.read(&mut |reading| read.push((reading.name, reading.value)));
    assert!(read.contains(&("attempt_limit", 0.04)));
    assert!(read.contains(&("attempt_timeouts_total", 1.0)));
    assert!(!read.iter().any(|(name, _)| *name == "total_limit"));
}

#[test]
fn settings_out_of_bounds_are_named() {
    let day = Duration::from_secs(24 * 60 * 60);
    let neither = Config { total: None, ..Config::default() };
    for (config, text) in [
        (neither, "timeout: `attempt` is none, but must be set where `total` is not"),
        (
            Config::of_attempt("x", Duration::ZERO),
            "timeout: `attempt` is 0ns, but must be between 1ms and 2592000s",
        ),
        (
            Config::of_total("x", 31 * day),
            "timeout: `total` is 2678400s, but must be between 1ms and 2592000s",
        ),
    ] {
        assert_eq!(Handle::new(config).unwrap_err().to_string(), text);
    }
    assert!(Handle::new(Config::of_attempt("x", MS).with_total(30 * day)).is_ok());
}
