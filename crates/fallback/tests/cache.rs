//! What a cache of answers does, call by call.
#![cfg(feature = "cache")]

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::task::Poll;
use std::time::Duration;

use salve_core::{
    Effector, Enforcement, FailureKind, Origin, Outcome, Reason, Rejection, Repeatable,
    RetryAdvice, Sensor, Settlement,
};
use salve_fallback::cache::{Answers, CacheLayer, Cause, Config, Event, Kept, Scope};
use salve_fallback::future::{AnyErrors, RefusableErrors};
use salve_testkit::{Mode, Probe, TestError};
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceExt, service_fn};

type Plain = Answers<String, u32, AnyErrors>;

const SECOND: Duration = Duration::from_secs(1);

fn answers(config: Config) -> Plain {
    Answers::new(config).unwrap().for_any_errors()
}

async fn ask(
    answers: &Plain,
    key: &str,
    result: Result<u32, &'static str>,
) -> Result<u32, &'static str> {
    answers.call(key.to_owned(), || async move { result }).await
}

fn by_number(request: &u32) -> Cow<'_, u32> {
    Cow::Borrowed(request)
}

type Numbers = CacheLayer<u32, u32, fn(&u32) -> Cow<'_, u32>, Repeatable, RefusableErrors>;

fn layer(config: Config) -> Numbers {
    let by_number: fn(&u32) -> Cow<'_, u32> = by_number;
    CacheLayer::new(Answers::new(config).unwrap(), by_number).with_request_rule(Repeatable)
}

fn kept(cause: Cause, seconds: u64, is_stale: bool) -> Kept {
    Kept { cause, age: SECOND * seconds as u32, is_stale }
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_stands_in_for_a_failure_until_it_is_too_old() {
    let answers = answers(Config::default()).with_mark(|response, kept| {
        *response += kept.age.as_secs() as u32 * 10 + u32::from(kept.is_stale);
    });
    let mut events = answers.handle().subscribe(NonZeroUsize::new(9).unwrap());
    assert_eq!(ask(&answers, "a", Err("down")).await, Err("down"));
    assert_eq!(ask(&answers, "a", Ok(4)).await, Ok(4));
    // The source is asked all the same.
    assert_eq!(ask(&answers, "a", Ok(5_000)).await, Ok(5_000));
    tokio::time::advance(299 * SECOND).await;
    assert_eq!(ask(&answers, "a", Err("down")).await, Ok(7_990), "fresh");
    tokio::time::advance(SECOND).await;
    assert_eq!(ask(&answers, "a", Err("down")).await, Ok(8_001), "stale");
    assert_eq!(ask(&answers, "b", Err("down")).await, Err("down"), "of another key");
    tokio::time::advance(3_300 * SECOND).await;
    assert_eq!(ask(&answers, "a", Err("down")).await, Err("down"), "gone");
    let told: Vec<_> = std::iter::from_fn(|| events.try_next().map(|told| told.event)).collect();
    let served = |seconds, is_stale| Event::Served(kept(Cause::Failed, seconds, is_stale));
    let nothing = Event::NothingKept;
    assert_eq!(told, [nothing, served(299, false), served(300, true), nothing, nothing]);
    let counts = answers.handle().counts();
    assert_eq!((counts.stored, counts.failed, counts.served_failed), (2, 5, 2));
}

#[tokio::test(start_paused = true)]
async fn failures_faults_and_what_has_only_begun_are_not_kept() {
    #[derive(Clone)]
    struct Kinds;
    impl salve_core::Classify<(u32, Option<Settlement>), &'static str> for Kinds {
        fn classify(&self, result: Result<&(u32, Option<Settlement>), &&'static str>) -> Outcome {
            match result {
                Ok((500, _)) => Outcome::FAILURE,
                Ok((404, _)) => Outcome::Ignored,
                Ok(_) => Outcome::Success,
                Err(_) => Outcome::FAILURE,
            }
        }
        fn settlement<'a>(
            &self,
            response: &'a (u32, Option<Settlement>),
        ) -> Option<&'a Settlement> {
            response.1.as_ref()
        }
    }
    let answers = Answers::<u8, (u32, Option<Settlement>)>::new(Config::default()).unwrap();
    let answers = answers.for_any_errors().with_classifier(Kinds);
    let ask = |result| answers.call(1, move || async move { result });
    for (status, settlement) in [(500, None), (404, None), (200, Some(Settlement::new()))] {
        let answered = ask(Ok((status, settlement))).await;
        assert_eq!(answered.unwrap().0, status);
        assert_eq!(answers.handle().counts().stored, 0, "{status}");
        assert!(ask(Err("down")).await.is_err());
    }
    assert!(ask(Ok((200, None))).await.is_ok());
    assert_eq!(ask(Ok((500, None))).await.unwrap().0, 200, "instead of a 500");
}

#[tokio::test(start_paused = true)]
async fn fresh_answers_are_served_where_that_is_asked_for() {
    let layer = layer(Config::queries("stock").with_serve_fresh(true));
    let (probe, control) = Probe::new();
    let service = layer.layer(probe);
    for _ in 0..3 {
        assert_eq!(service.clone().oneshot(7).await, Ok(7));
    }
    assert_eq!((control.calls(), control.clones() > 0), (1, true));
    tokio::time::advance(300 * SECOND).await;
    assert_eq!(service.clone().oneshot(7).await, Ok(7));
    assert_eq!(control.calls(), 2);
    let counts = layer.handle().counts();
    assert_eq!((counts.served_fresh, counts.stored), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_source_is_not_asked_for_thirty_seconds() {
    let unreachable = |result: Result<&u32, &&'static str>| match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure { retry: RetryAdvice::Yes, kind: FailureKind::Unreachable },
    };
    let answers = Answers::<String, u32>::new(Config::default()).unwrap();
    let answers = answers.for_any_errors().with_classifier(unreachable);
    let asked = std::cell::Cell::new(0);
    let ask = |key: &str, result| {
        let asked = &asked;
        answers.call(key.to_owned(), move || {
            asked.set(asked.get() + 1);
            async move { result }
        })
    };
    for key in ["a", "b"] {
        assert_eq!(ask(key, Ok(1)).await, Ok(1));
    }
    assert_eq!(ask("a", Err("no route")).await, Ok(1));
    assert_eq!(answers.handle().status().unreachable_for, Some(30 * SECOND));
    tokio::time::advance(29 * SECOND).await;
    for key in ["a", "b", "a"] {
        assert_eq!(ask(key, Ok(2)).await, Ok(1), "which is kept");
    }
    assert_eq!(asked.get(), 3, "the dead host was asked once");
    assert_eq!(ask("c", Err("no route")).await, Err("no route"), "nothing is kept: it is asked");
    tokio::time::advance(30 * SECOND).await;
    assert_eq!(ask("a", Ok(3)).await, Ok(3), "the verdict has run out");
    assert_eq!(answers.handle().status().unreachable_for, None);
    assert_eq!(answers.handle().counts().served_unreachable, 3);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_speaks_for_its_source_and_says_how_long() {
    let open = || -> TestError {
        let origin = Origin::new("circuit-breaker", "stock".into());
        Rejection::new(&origin, Reason::Unavailable).with_retry_after(5 * SECOND).into()
    };
    let answers = Answers::<u32, u32>::new(Config::default().with_scope(Scope::Key)).unwrap();
    for key in [1, 2] {
        assert_eq!(answers.call(key, || async { Ok::<_, TestError>(7) }).await, Ok(7));
    }
    assert_eq!(answers.call(1, || async { Err(open()) }).await, Ok(7));
    tokio::time::advance(4 * SECOND).await;
    assert_eq!(answers.call(1, || async { Ok::<_, TestError>(8) }).await, Ok(7));
    assert_eq!(answers.call(2, || async { Ok::<_, TestError>(8) }).await, Ok(8), "another key");
    tokio::time::advance(SECOND).await;
    assert_eq!(answers.call(1, || async { Ok::<_, TestError>(9) }).await, Ok(9));
    assert_eq!(answers.handle().status().unreachable_for, None, "not known for single keys");
}

#[tokio::test(start_paused = true)]
async fn one_caller_revalidates_and_a_dropped_one_is_followed() {
    let layer = layer(Config::default().with_revalidate(true));
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    assert_eq!(service.call(7).await, Ok(7));
    tokio::time::advance(400 * SECOND).await;
    control.set(Mode::Hold);
    let mut first = spawn(service.call(7));
    assert_eq!(first.poll(), Poll::Pending);
    for _ in 0..9 {
        assert_eq!(service.call(7).await, Ok(7), "what is kept");
    }
    assert_eq!((control.calls(), control.in_flight()), (2, 1));
    drop(first);
    let mut second = spawn(service.call(7));
    assert_eq!(second.poll(), Poll::Pending);
    assert_eq!(control.calls(), 3);
    control.release();
    assert_eq!(second.poll(), Poll::Ready(Ok(7)));
    // It is over: whoever comes next asks.
    assert_eq!(service.call(7).await, Ok(7));
    assert_eq!(control.calls(), 4);
    assert_eq!(layer.handle().counts().served_revalidating, 9);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_an_earlier_call_replaces_none_of_a_later() {
    let answers = answers(Config::default());
    let slow = answers.call("a".to_owned(), || async {
        tokio::time::sleep(2 * SECOND).await;
        Ok::<_, &str>(1)
    });
    let mut slow = spawn(slow);
    assert_eq!(slow.poll(), Poll::Pending);
    tokio::time::advance(SECOND).await;
    assert_eq!(ask(&answers, "a", Ok(2)).await, Ok(2));
    tokio::time::advance(SECOND).await;
    assert_eq!(slow.poll(), Poll::Ready(Ok(1)));
    assert_eq!(ask(&answers, "a", Err("down")).await, Ok(2));
    assert_eq!(answers.handle().counts().stored, 2);
}

#[tokio::test(start_paused = true)]
async fn it_is_cleared_with_what_is_in_flight_and_held_by_levers() {
    let answers = answers(Config::default());
    let handle = answers.handle();
    for (key, value) in [("a", 1), ("b", 2)] {
        assert_eq!(ask(&answers, key, Ok(value)).await, Ok(value));
    }
    assert_eq!((handle.status().entries, handle.status().weight), (2, 2));
    assert!(answers.forget("b") && !answers.forget("b"));
    handle.pull("hold").unwrap();
    assert!(handle.status().is_held);
    assert_eq!(ask(&answers, "a", Ok(9)).await, Ok(1), "what is kept");
    assert_eq!(ask(&answers, "b", Ok(9)).await, Ok(9), "nothing is: it is asked");
    handle.pull("release").unwrap();
    let mut slow = spawn(answers.call("a".to_owned(), || async {
        tokio::time::sleep(SECOND).await;
        Ok::<_, &str>(3)
    }));
    assert_eq!(slow.poll(), Poll::Pending);
    handle.pull("clear").unwrap();
    assert_eq!(handle.status().entries, 0);
    tokio::time::advance(SECOND).await;
    assert_eq!(slow.poll(), Poll::Ready(Ok(3)));
    assert_eq!(ask(&answers, "a", Err("down")).await, Err("down"));
    assert_eq!(ask(&answers, "a", Ok(4)).await, Ok(4));
    assert_eq!(ask(&answers, "a", Err("down")).await, Ok(4), "it keeps again");
    assert!(handle.pull("stop").is_err());
    let mut flags = Vec::new();
    handle.read(&mut |reading| flags.push((reading.name, reading.value)));
    assert_eq!((flags.len(), flags[0]), (14, ("cache_entries", 1.0)));
}

#[tokio::test(start_paused = true)]
async fn it_is_bounded_in_number_and_in_weight() {
    let bounded = answers(Config::default().with_max_entries(10));
    for key in 0..1_000 {
        ask(&bounded, &key.to_string(), Ok(key)).await.unwrap();
    }
    assert_eq!(bounded.handle().status().entries, 10);
    assert_eq!(ask(&bounded, "999", Err("down")).await, Ok(999), "the newest stay");

    let config = Config::default().with_max_entries(10);
    let weighed = Answers::weighed(config.clone(), 100, |_: &String, weight: &u32| *weight);
    let weighed = weighed.unwrap().for_any_errors();
    for (key, weight) in [("a", 60), ("b", 30), ("c", 30)] {
        ask(&weighed, key, Ok(weight)).await.unwrap();
    }
    let status = weighed.handle().status();
    assert_eq!((status.entries, status.weight), (2, 60), "the oldest had to go");
    for key in 0..100 {
        ask(&weighed, &key.to_string(), Ok(0)).await.unwrap();
    }
    assert_eq!(weighed.handle().status().entries, 10, "though they weigh nothing");

    let refused = |config: Config, weight| {
        Answers::weighed(config, weight, |_: &u8, _: &u8| 1).unwrap_err().to_string()
    };
    assert!(refused(config.clone(), 0).contains("`max_weight` is 0"));
    assert!(refused(config, u64::MAX).contains("for each of the entries"));
}

#[tokio::test(start_paused = true)]
async fn new_settings_hold_at_once_and_all_or_nothing() {
    let layer = layer(Config::new("stock"));
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    assert_eq!(service.call(7).await, Ok(7));
    let handle = layer.handle();
    let fresh = Config::new("other").with_serve_fresh(true);
    let refused = handle.reconfigure(fresh.clone().with_max_entries(5)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cache: `max_entries` is 5, but must be 10000, which is fixed while it runs"
    );
    assert!(handle.reconfigure(fresh.clone().with_servable(SECOND)).is_err());
    assert!(!handle.config().serve_fresh);
    handle.reconfigure(fresh).unwrap();
    assert_eq!(handle.config().name, "stock");
    assert_eq!(service.call(7).await, Ok(7));
    assert_eq!(control.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_serves_nothing_and_counts() {
    let config = Config::default().with_serve_fresh(true).with_revalidate(true);
    let layer = layer(config.with_enforcement(Enforcement::Shadow));
    let (probe, control) = Probe::new();
    let mut service = layer.layer(probe);
    for _ in 0..2 {
        assert_eq!(service.call(7).await, Ok(7));
    }
    assert_eq!((control.calls(), layer.handle().counts().shadow), (2, 1));
    tokio::time::advance(400 * SECOND).await;
    control.set(Mode::Fail);
    assert_eq!(service.call(7).await, Err(TestError::Failed));
    let counts = layer.handle().counts();
    assert_eq!((counts.shadow, counts.served_failed, counts.nothing_kept), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn errors_at_readiness_and_panics_if_asked_are_answered_too() {
    let catching = layer(Config::default().with_catch_panics(true));
    let plain = layer(Config::default());
    let (probe, control) = Probe::new();
    for layer in [&catching, &plain] {
        control.set(Mode::Answer);
        assert_eq!(layer.layer(probe.clone()).oneshot(7).await, Ok(7));
        control.set(Mode::FailReadiness);
        assert_eq!(layer.layer(probe.clone()).oneshot(7).await, Ok(7));
    }
    control.set(Mode::PanicInPoll);
    assert_eq!(catching.layer(probe.clone()).oneshot(7).await, Ok(7));
    assert_eq!(catching.handle().counts().panics, 1);
    for (layer, request) in [(catching, 8), (plain, 7)] {
        let call = tokio::spawn(layer.layer(probe.clone()).oneshot(request));
        assert!(call.await.unwrap_err().is_panic());
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_more_than_read_passes() {
    let by_number: fn(&u32) -> Cow<'_, u32> = by_number;
    let answers: Answers<u32, u32> = Answers::new(Config::default()).unwrap();
    let layer: CacheLayer<u32, u32, _> = CacheLayer::new(answers, by_number);
    let service = service_fn(|n: u32| async move { Ok::<_, TestError>(n) });
    assert_eq!(layer.layer(service).oneshot(7).await, Ok(7));
    let fails = service_fn(|_: u32| async move { Err::<u32, _>(TestError::Failed) });
    assert_eq!(layer.layer(fails).oneshot(7).await, Err(TestError::Failed));
    assert_eq!(layer.handle().counts(), salve_fallback::cache::Counts::default());
}

/// What is served again and again takes no memory from the heap, and neither does a call whose
/// answer is not kept; an answer that is kept must.
mod contract {
    use super::*;

    mod keeping {
        use super::*;
        salve_testkit::contract!(@tests layer(
            Config::default().with_enforcement(Enforcement::Shadow)
        );
            answers_and_errors_pass_unchanged,
            calls_only_what_is_ready,
            clones_do_not_share_readiness,
            dropped_calls_leave_no_trace,
            panics_pass_and_do_no_harm,
            types_can_be_moved_to_other_threads,
            wakes_when_the_inner_becomes_ready,
            readiness_is_sought_in_the_future,
            waiting_holds_nothing_of_the_inner
        );
    }

    mod passing {
        use super::*;
        type By = fn(&u32) -> Cow<'_, u32>;
        fn passing() -> CacheLayer<u32, u32, By> {
            CacheLayer::new(Answers::new(Config::default()).unwrap(), by_number as By)
        }
        salve_testkit::contract!(absorbing, passing());
    }
}
