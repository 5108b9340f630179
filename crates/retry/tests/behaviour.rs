//! What a retrying service does, call by call.

mod script;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use salve_core::{
    Budget, BudgetRule, CallContext, FailureKind, Origin, Outcome, Ratio, Reason, Refusable,
    Rejection, Repeatable, RetryAdvice, Sensor, Sent, clock,
};
use salve_retry::{
    Backoff, Cause, Config, DeadLetterBox, Event, GaveUp, Handle, RetryLayer, Rules, retry,
};
use salve_testkit::{Mode, Probe, TestError};
use script::{Log, MS, Play, SECOND, script};
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceExt, service_fn};

type Safe = Rules<salve_core::ErrorsAreFailures, Repeatable>;

fn every(wait: Duration) -> Config {
    Config::new("test").with_backoff(Backoff::constant(wait))
}

/// Retries of requests that may be repeated, without a budget.
fn layer(config: Config) -> RetryLayer<Safe> {
    RetryLayer::new(config).unwrap().without_budget().with_request_rule(Repeatable)
}

fn dry_budget() -> Budget {
    let rule = BudgetRule::Share { share: Ratio::ZERO, minimum_per_second: 0, horizon: SECOND };
    Budget::new(rule).unwrap()
}

fn rejection(reason: Reason) -> Rejection {
    Rejection::new(&Origin::new("test", "inner".into()), reason)
}

fn reason(result: Result<u32, TestError>) -> (Reason, Sent) {
    let error = result.unwrap_err();
    let rejection = error.rejection().unwrap_or_else(|| panic!("{error:?} is no rejection"));
    (rejection.reason(), rejection.sent())
}

#[tokio::test(start_paused = true)]
async fn attempts_follow_the_backoff_and_are_numbered() {
    let (service, log) = script::<u32>([Play::Fail, Play::Fail, Play::Answer]);
    let layer = layer(every(SECOND));
    let handle = layer.handle();
    let mut events = handle.subscribe(NonZeroUsize::new(9).unwrap());
    assert_eq!(layer.layer(service).oneshot(0).await, Ok(2));
    assert_eq!(log.gaps(), [SECOND, SECOND]);
    let seen: Vec<_> = log.seen().iter().map(|seen| (seen.attempt, seen.left)).collect();
    assert_eq!(seen, [(1, Some(2)), (2, Some(1)), (3, Some(0))]);
    let cause = Cause::Failed(FailureKind::Error);
    for expected in [
        Event::Retried { attempt: 1, wait: SECOND, cause },
        Event::Retried { attempt: 2, wait: SECOND, cause },
        Event::Recovered { attempts: 3 },
    ] {
        assert_eq!(events.try_next().unwrap().event, expected);
    }
    let counts = handle.counts();
    assert_eq!((counts.calls, counts.attempts, counts.retries, counts.recovered), (1, 3, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_succeeds_at_once_has_recovered_from_nothing() {
    let (service, _) = script::<u32>([Play::Answer]);
    let layer = layer(every(SECOND));
    let handle = layer.handle();
    let mut events = handle.subscribe(NonZeroUsize::MIN);
    assert_eq!(layer.layer(service).oneshot(0).await, Ok(0));
    assert!(events.try_next().is_none());
    let counts = handle.counts();
    assert_eq!((counts.calls, counts.attempts, counts.retries, counts.recovered), (1, 1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_last_error_reaches_the_caller_and_the_call_counts_as_exhausted() {
    let (service, log) = script::<u32>([Play::Fail]);
    let layer = layer(every(SECOND));
    assert_eq!(layer.layer(service).oneshot(0).await, Err(TestError::Failed));
    assert_eq!(log.calls(), 3);
    assert_eq!(layer.handle().counts().exhausted, 1);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_repeated_is_attempted_again_only_if_it_was_never_sent() {
    let unsafe_layer = || RetryLayer::new(every(MS)).unwrap();
    let (service, log) = script::<u32>([Play::Fail]);
    assert_eq!(unsafe_layer().layer(service).oneshot(0).await, Err(TestError::Failed));
    assert_eq!(log.calls(), 1);

    let busy = rejection(Reason::Full).with_retry_after(SECOND * 5);
    let (service, log) = script::<u32>([Play::Reject(busy.clone()), Play::Answer]);
    assert_eq!(unsafe_layer().layer(service).oneshot(0).await, Ok(1));
    assert_eq!(log.gaps(), [SECOND * 5]);

    let timeout = rejection(Reason::AttemptTimeout).maybe_sent();
    let (service, log) = script::<u32>([Play::Reject(timeout), Play::Answer]);
    assert!(unsafe_layer().layer(service).oneshot(0).await.is_err());
    assert_eq!(log.calls(), 1);

    let (service, log) = script::<u32>([Play::Reject(busy), Play::Answer]);
    let layer = RetryLayer::new(every(MS).with_retry_unsent(false)).unwrap();
    assert!(layer.layer(service).oneshot(0).await.is_err());
    assert_eq!(log.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_that_no_attempt_can_mend_is_left_alone() {
    for reason in [Reason::DeadlineExceeded, Reason::TooCostly, Reason::Closing, Reason::Disabled] {
        let (service, log) = script::<u32>([Play::Reject(rejection(reason))]);
        let layer = layer(every(MS));
        assert!(layer.layer(service).oneshot(0).await.is_err());
        assert_eq!((log.calls(), layer.handle().counts().exhausted), (1, 0), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn permanent_and_ignored_results_are_left_alone() {
    for outcome in [Outcome::PERMANENT, Outcome::Ignored] {
        let (service, log) = script::<u32>([Play::Fail]);
        let layer = layer(every(MS)).with_classifier(move |_: Result<&u32, &TestError>| outcome);
        assert_eq!(layer.layer(service).oneshot(0).await, Err(TestError::Failed));
        assert_eq!((log.calls(), layer.handle().counts().exhausted), (1, 0), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_judged_failures_are_attempted_again() {
    let (service, log) = script::<u32>([Play::Answer]);
    let picky = |result: Result<&u32, &TestError>| match result {
        Ok(2) => Outcome::Success,
        _ => Outcome::FAILURE,
    };
    assert_eq!(layer(every(MS)).with_classifier(picky).layer(service).oneshot(0).await, Ok(2));
    assert_eq!(log.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_was_asked_for_takes_the_place_of_the_backoff() {
    for (asked, expected) in [(MS, vec![MS]), (300 * SECOND, vec![300 * SECOND])] {
        let (service, log) = script::<u32>([Play::Fail]);
        let after = move |_: Result<&u32, &TestError>| Outcome::Failure {
            retry: RetryAdvice::After(asked),
            kind: FailureKind::Overload,
        };
        let layer = layer(every(10 * SECOND).with_max_attempts(2)).with_classifier(after);
        assert!(layer.layer(service).oneshot(0).await.is_err());
        assert_eq!(log.gaps(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_given_up_if_the_dependency_asks_for_too_long_a_wait() {
    let (service, log) = script::<u32>([Play::Reject(
        rejection(Reason::Unavailable).with_retry_after(300 * SECOND + MS),
    )]);
    let layer = layer(every(MS));
    let mut events = layer.handle().subscribe(NonZeroUsize::MIN);
    assert!(layer.layer(service).oneshot(0).await.is_err());
    assert_eq!((log.calls(), log.elapsed()), (1, Duration::ZERO));
    let expected = Event::Exhausted { attempts: 1, why: GaveUp::RetryAfter };
    assert_eq!(events.try_next().unwrap().event, expected);
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_at_or_after_the_deadline() {
    // The third attempt would begin at 2 s exactly.
    let deadline = clock::now().after(2 * SECOND);
    let (service, log) = script::<u32>([Play::Fail]);
    let layer = layer(every(SECOND).with_max_attempts(9));
    let call =
        CallContext::current().with_deadline(deadline).scope(layer.layer(service).oneshot(0));
    assert_eq!(call.await, Err(TestError::Failed));
    assert_eq!((log.calls(), log.elapsed()), (2, SECOND));

    let call = CallContext::current().with_deadline(deadline);
    tokio::time::advance(SECOND).await;
    let (service, log) = script::<u32>([Play::Answer]);
    let refused = call.scope(layer.layer(service).oneshot(0)).await;
    assert_eq!(reason(refused), (Reason::DeadlineExceeded, Sent::No));
    let counts = layer.handle().counts();
    assert_eq!((log.calls(), counts.refused, counts.attempts), (0, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn the_total_deadline_cuts_off_an_attempt_that_may_have_been_carried_out() {
    let (service, log) = script::<u32>([Play::FailAfter(SECOND), Play::Hang]);
    let config = every(SECOND).with_total_deadline(5 * SECOND);
    let result = layer(config).layer(service).oneshot(0).await;
    assert_eq!(reason(result), (Reason::DeadlineExceeded, Sent::Unknown));
    assert_eq!((log.calls(), log.elapsed()), (2, 5 * SECOND));
    assert_eq!(log.seen()[1].deadline, Some(5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn the_total_deadline_counts_readiness() {
    let (probe, control) = Probe::new();
    let layer = layer(every(SECOND).with_total_deadline(5 * SECOND));
    let log = Log::new();
    control.set(Mode::Unready);
    let never_sent = layer.layer(probe.clone()).oneshot(0).await;
    assert_eq!(reason(never_sent), (Reason::DeadlineExceeded, Sent::No));
    assert_eq!((log.elapsed(), control.calls()), (5 * SECOND, 0));

    // After an attempt that failed, its error is the answer.
    control.set(Mode::Fail);
    let mut call = spawn(layer.layer(probe).oneshot(0));
    assert!(call.poll().is_pending());
    control.set(Mode::Unready);
    assert_eq!(call.await, Err(TestError::Failed));
    assert_eq!((log.elapsed(), control.calls()), (10 * SECOND, 1));
    assert_eq!(layer.handle().counts().exhausted, 2);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_cut_off_and_another_is_made() {
    let (service, log) = script::<u32>([Play::Hang, Play::Answer]);
    let config = every(SECOND).with_attempt_timeout(3 * SECOND);
    assert_eq!(layer(config.clone()).layer(service).oneshot(0).await, Ok(1));
    assert_eq!(log.gaps(), [4 * SECOND]);
    assert_eq!(log.seen()[0].deadline, Some(3 * SECOND));
    assert_eq!(log.seen()[1].deadline, Some(7 * SECOND));

    let (service, log) = script::<u32>([Play::Hang]);
    let result = RetryLayer::new(config).unwrap().layer(service).oneshot(0).await;
    assert_eq!(reason(result), (Reason::AttemptTimeout, Sent::Unknown));
    assert_eq!(log.calls(), 1, "a request that may have been carried out was repeated");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_cut_off_before_it_was_called_was_never_sent() {
    let (probe, control) = Probe::new();
    control.set(Mode::Unready);
    let config = every(SECOND).with_attempt_timeout(3 * SECOND).with_max_attempts(2);
    let layer = RetryLayer::new(config).unwrap();
    let result = layer.layer(probe).oneshot(0).await;
    assert_eq!(reason(result), (Reason::AttemptTimeout, Sent::No));
    assert_eq!((control.calls(), layer.handle().counts().attempts), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_comes_just_in_time_counts() {
    let (service, _) = script::<u32>([Play::AnswerAfter(3 * SECOND)]);
    let config = every(SECOND).with_attempt_timeout(3 * SECOND).with_total_deadline(3 * SECOND);
    assert_eq!(layer(config).layer(service).oneshot(0).await, Ok(0));
}

#[test]
fn an_answer_at_once_needs_no_timer() {
    // Without a runtime a timer cannot be made.
    let config = Config::new("test").with_attempt_timeout(SECOND).with_total_deadline(SECOND);
    let (service, _) = script::<u32>([Play::Fail, Play::Answer]);
    let layer = layer(config.with_backoff(Backoff::none()));
    let mut call = std::pin::pin!(layer.layer(service).oneshot(0));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending(), "others get their turn between attempts");
    assert_eq!(call.as_mut().poll(&mut cx), Poll::Ready(Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_at_readiness_is_replaced_by_its_clone() {
    let (probe, control) = Probe::new();
    control.set(Mode::FailReadiness);
    // Never sent, so that it is attempted again although it may not be repeated.
    let layer = RetryLayer::new(every(SECOND)).unwrap();
    let mut call = spawn(layer.layer(probe).oneshot(7));
    assert!(call.poll().is_pending());
    assert_eq!(control.clones(), 2);
    control.set(Mode::Answer);
    assert_eq!(call.await, Ok(7));
    assert_eq!((control.clones(), control.calls(), control.unready_calls()), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_clones_the_service_once_however_often_it_attempts() {
    let (probe, control) = Probe::new();
    let mut service = layer(every(MS).with_max_attempts(8)).layer(probe);
    control.set(Mode::Fail);
    assert_eq!(service.call(0).await, Err(TestError::Failed));
    assert_eq!((control.calls(), control.clones(), control.unready_calls()), (8, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_no_clone_are_copied_by_a_closure() {
    #[derive(Debug)]
    struct Upload(Option<&'static str>);
    let copy = |upload: &Upload| upload.0.map(|file| Upload(Some(file)));
    let (service, log) = script::<Upload>([Play::Fail]);
    let mut service = layer(every(MS)).with_cloner(copy).layer(service);
    assert_eq!(service.call(Upload(Some("file"))).await, Err(TestError::Failed));
    assert_eq!(log.calls(), 3);
    assert_eq!(service.call(Upload(None)).await, Err(TestError::Failed));
    assert_eq!(log.calls(), 4, "what cannot be copied gets one attempt");
}

#[tokio::test(start_paused = true)]
async fn dead_letters_keep_the_request_and_the_last_error() {
    let letters = DeadLetterBox::new(NonZeroUsize::new(2).unwrap());
    let (service, _) = script::<u32>([Play::Fail]);
    let layer = layer(every(SECOND)).with_dead_letters(letters.clone());
    let mut service = layer.layer(service);
    for request in 0..3 {
        assert_eq!(service.call(request).await, Err(TestError::Failed));
    }
    let first = letters.take().unwrap();
    assert_eq!((first.request, first.attempts, first.why), (0, 3, GaveUp::Attempts));
    assert_eq!(first.error, "the probe failed");
    assert_eq!(letters.take().unwrap().request, 1);
    assert!(letters.is_empty());
    assert_eq!((letters.dropped(), layer.handle().counts().dead_letters), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn only_what_was_given_up_becomes_a_dead_letter() {
    let letters = DeadLetterBox::new(NonZeroUsize::new(9).unwrap());
    let (service, _) = script::<u32>([Play::Answer, Play::Fail]);
    let rule = |request: &u32| *request == 1;
    let layer = layer(every(SECOND).with_max_attempts(1))
        .with_request_rule(rule)
        .with_dead_letters(letters.clone());
    let mut service = layer.layer(service);
    assert_eq!(service.call(1).await, Ok(0));
    assert!(service.call(0).await.is_err());
    assert!(letters.is_empty(), "a success or a request that may not be repeated was buried");
    assert!(service.call(1).await.is_err());
    assert_eq!(letters.len(), 1, "one attempt is enough for a dead letter");
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_ends_the_call_with_its_error() {
    let (service, log) = script::<u32>([Play::Fail]);
    let layer = layer(every(MS)).with_budget(dry_budget());
    let mut events = layer.handle().subscribe(NonZeroUsize::MIN);
    assert_eq!(layer.layer(service).oneshot(0).await, Err(TestError::Failed));
    assert_eq!(log.calls(), 1);
    assert_eq!(events.try_next().unwrap().event, Event::BudgetRefused { attempts: 1 });
    let counts = layer.handle().counts();
    assert_eq!((counts.budget_refused, counts.exhausted), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn tokens_are_given_back_by_a_success_and_timeouts_cost_more() {
    let rule = BudgetRule::Tokens { capacity: 20, retry_cost: 5, timeout_cost: 10 };
    let budget = Budget::new(rule).unwrap();
    let config = every(MS).with_attempt_timeout(SECOND);
    let (service, _) = script::<u32>([Play::Hang, Play::Fail, Play::Answer, Play::Fail]);
    let mut service = layer(config).with_budget(budget.clone()).layer(service);
    let mut call = spawn(service.call(0));
    assert!(call.poll().is_pending());
    tokio::time::advance(SECOND + MS).await;
    assert!(call.poll().is_pending());
    assert_eq!(budget.available(clock::now()), 2, "a timeout costs 10 of 20");
    assert_eq!(call.await, Ok(2));
    assert_eq!(budget.available(clock::now()), 4);
    assert!(service.call(0).await.is_err());
    assert_eq!(budget.available(clock::now()), 2);
}

#[tokio::test(start_paused = true)]
async fn nested_retries_do_not_multiply() {
    for (outer, inner, expected) in [(3, 3, 3), (5, 2, 5), (2, 5, 2), (4, 1, 4), (1, 3, 1)] {
        let (service, log) = script::<u32>([Play::Fail]);
        let outer = layer(every(SECOND).with_max_attempts(outer));
        let inner = layer(every(MS).with_max_attempts(inner));
        let nested = outer.layer(inner.layer(service));
        assert_eq!(nested.oneshot(0).await, Err(TestError::Failed));
        let numbers: Vec<_> = log.seen().iter().map(|seen| seen.attempt).collect();
        assert_eq!(numbers, (1..=expected).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn three_levels_of_retries_do_not_multiply_either() {
    let (service, log) = script::<u32>([Play::Fail]);
    let level = || layer(every(MS).with_max_attempts(4));
    let nested = level().layer(level().layer(level().layer(service)));
    assert_eq!(nested.oneshot(0).await, Err(TestError::Failed));
    assert_eq!(log.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn nested_retries_share_attempts_whatever_is_left_in_the_budgets() {
    let full = || RetryLayer::new(every(MS)).unwrap().with_request_rule(Repeatable);
    let dry = || full().with_budget(dry_budget());
    for (outer, inner, expected) in
        [(full(), full(), 3), (full(), dry(), 3), (dry(), full(), 3), (dry(), dry(), 1)]
    {
        let (service, log) = script::<u32>([Play::Fail]);
        assert!(outer.layer(inner.layer(service)).oneshot(0).await.is_err());
        assert_eq!(log.calls(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn nested_retries_that_share_a_budget_count_a_call_once() {
    let rule = BudgetRule::Share {
        share: Ratio::percent::<20>(),
        minimum_per_second: 0,
        horizon: 10 * SECOND,
    };
    let budget = Budget::new(rule).unwrap();
    let level = || layer(every(Duration::ZERO)).with_budget(budget.clone());
    let (service, log) = script::<u32>([Play::Fail]);
    let mut nested = level().layer(level().layer(service));
    for _ in 0..100 {
        assert!(nested.call(0).await.is_err());
    }
    assert_eq!(log.calls(), 120);
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_finish_under_the_settings_they_began_with() {
    let (service, log) = script::<u32>([Play::Fail]);
    let layer = layer(every(SECOND));
    let mut service = layer.layer(service);
    let mut call = spawn(service.call(0));
    assert!(call.poll().is_pending());
    let refused = layer.handle().reconfigure(every(MS).with_max_attempts(0)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "retry: `max_attempts` is 0, but must be between 1 and 4294967295"
    );
    layer.handle().reconfigure(every(MS).with_max_attempts(1)).unwrap();
    assert!(call.await.is_err());
    assert_eq!(log.gaps(), [SECOND, SECOND]);
    assert!(service.call(0).await.is_err());
    assert_eq!(log.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_makes_no_further_attempt() {
    for polls in 0..4 {
        let (service, log) = script::<u32>([Play::FailAfter(SECOND)]);
        let layer = layer(every(SECOND).with_attempt_timeout(9 * SECOND));
        let mut call = spawn(layer.layer(service).oneshot(0));
        // Not begun, running, waiting, running again.
        for _ in 0..polls {
            assert!(call.poll().is_pending());
            tokio::time::advance(SECOND).await;
        }
        let calls = log.calls();
        drop(call);
        tokio::time::advance(60 * SECOND).await;
        assert_eq!((log.calls(), calls), (calls, [0, 1, 1, 2][polls]));
    }
}

#[tokio::test(start_paused = true)]
async fn closures_are_retried_whatever_their_error_is() {
    let policy = Handle::new(every(SECOND)).unwrap();
    let tries = AtomicUsize::new(0);
    let result: Result<(), String> = retry(&policy, || async {
        tries.fetch_add(1, Ordering::Relaxed);
        Err("busy".to_owned())
    })
    .await;
    assert_eq!((result, tries.into_inner()), (Err("busy".to_owned()), 3));

    // An error that can hold a rejection is asked for one.
    let result: Result<(), Rejection> =
        policy.call(|| async { Err(rejection(Reason::Closing)) }).await;
    assert_eq!(result.unwrap_err().reason(), Reason::Closing);
    assert_eq!(policy.counts().retries, 2);
}

#[tokio::test(start_paused = true)]
async fn closures_with_a_deadline_that_has_passed_are_refused_if_their_error_can_say_so() {
    let policy = Handle::new(every(SECOND)).unwrap();
    let late = CallContext::current().with_deadline(clock::now());
    let refused: Result<(), Rejection> = late.scope(policy.call(|| async { Ok(()) })).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::DeadlineExceeded);
    let made: Result<(), String> = late.scope(retry(&policy, || async { Ok(()) })).await;
    assert_eq!(made, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn the_class_of_the_request_reaches_the_inner_service() {
    #[derive(Clone)]
    struct Prefetch;
    impl salve_core::RequestRule<u32> for Prefetch {
        fn is_repeatable(&self, _: &u32) -> bool {
            true
        }
        fn class(&self, _: &u32) -> Option<salve_core::Class> {
            Some(salve_core::Class::Sheddable)
        }
    }
    let service = service_fn(|_: u32| async { Ok::<_, TestError>(CallContext::current().class()) });
    let layer = RetryLayer::new(every(MS)).unwrap().with_request_rule(Prefetch);
    assert_eq!(layer.layer(service).oneshot(0).await, Ok(salve_core::Class::Sheddable));
}

#[tokio::test(start_paused = true)]
async fn a_sensor_reads_what_was_counted() {
    let layer = layer(every(MS)).with_budget(Budget::default());
    let (service, _) = script::<u32>([Play::Fail]);
    assert!(layer.layer(service).oneshot(0).await.is_err());
    let mut readings = std::collections::HashMap::new();
    layer.handle().read(&mut |reading| {
        readings.insert(reading.name, reading.value);
    });
    assert_eq!(readings["calls_total"], 1.0);
    assert_eq!(readings["attempts_total"], 3.0);
    assert_eq!(readings["retries_total"], 2.0);
    assert_eq!(readings["exhausted_total"], 1.0);
    assert_eq!(readings["budget_available"], 98.0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_only_begun_must_end_in_the_time_of_its_attempt() {
    #[derive(Clone)]
    struct Streams;
    type Stream = (salve_core::Settlement, Arc<()>);
    impl salve_core::Classify<Stream, TestError> for Streams {
        fn classify(&self, result: Result<&Stream, &TestError>) -> Outcome {
            if result.is_ok() { Outcome::Success } else { Outcome::FAILURE }
        }
        fn settlement<'a>(&self, stream: &'a Stream) -> Option<&'a salve_core::Settlement> {
            Some(&stream.0)
        }
    }
    let service = service_fn(|_: u32| async { Ok::<Stream, TestError>(Default::default()) });
    let layer = RetryLayer::new(every(MS).with_attempt_timeout(SECOND)).unwrap();
    let now = clock::now();
    let (settlement, _) = layer.with_classifier(Streams).layer(service).oneshot(0).await.unwrap();
    assert_eq!(settlement.deadline(), Some(now.after(SECOND)));
}
