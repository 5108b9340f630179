//! Retries that are held back: by a pause, or because they are only tried out.

#[allow(dead_code, reason = "not every play is needed here")]
mod script;

use std::num::NonZeroUsize;
use std::time::Duration;

use salve_core::{
    Budget, BudgetRule, CallContext, Effector, Enforcement, FailureKind, Ratio, Repeatable, Sensor,
    clock,
};
use salve_retry::{
    Backoff, Cause, Config, DeadLetterBox, Event, GaveUp, KeyedHandle, RetryLayer, Rules,
};
use salve_testkit::TestError;
use script::{Play, SECOND, script};
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceExt};

type Safe = Rules<salve_core::ErrorsAreFailures, Repeatable>;

fn every_second() -> Config {
    Config::new("test").with_backoff(Backoff::constant(SECOND))
}

fn layer(config: Config) -> RetryLayer<Safe> {
    RetryLayer::new(config).unwrap().without_budget().with_request_rule(Repeatable)
}

fn shadow() -> Config {
    every_second().with_enforcement(Enforcement::Shadow)
}

const FAILED: Cause = Cause::Failed(FailureKind::Error);

#[tokio::test(start_paused = true)]
async fn a_pause_holds_for_calls_that_fail_and_for_those_that_wait() {
    let (service, log) = script::<u32>([Play::Fail]);
    let letters = DeadLetterBox::new(NonZeroUsize::new(9).unwrap());
    let layer = layer(every_second()).with_dead_letters(letters.clone());
    let handle = layer.handle();
    let mut events = handle.subscribe(NonZeroUsize::new(9).unwrap());
    let mut service = layer.layer(service);
    let mut waits = spawn(service.call(1));
    assert!(waits.poll().is_pending());

    handle.pull("pause").unwrap();
    handle.pull("pause").unwrap();
    assert!(handle.is_paused());
    assert!(service.call(2).await.is_err());
    assert!(waits.await.is_err());
    assert_eq!(log.calls(), 2, "one attempt of each");
    let mut given_up: Vec<_> = std::iter::from_fn(|| letters.take())
        .map(|letter| (letter.request, letter.attempts, letter.why))
        .collect();
    given_up.sort_by_key(|letter| letter.0);
    assert_eq!(given_up, [(1, 1, GaveUp::Paused), (2, 1, GaveUp::Paused)]);

    handle.pull("resume").unwrap();
    assert!(service.call(3).await.is_err());
    assert_eq!(log.calls(), 5);
    let told: Vec<Event> = std::iter::from_fn(|| events.try_next()).map(|it| it.event).collect();
    let retried = Event::Retried { attempt: 1, wait: SECOND, cause: FAILED };
    let paused = Event::Exhausted { attempts: 1, why: GaveUp::Paused };
    assert_eq!(told[..5], [retried, Event::Paused, paused, paused, Event::Resumed]);
    assert_eq!(handle.pull("stop").unwrap_err().to_string(), "`test` has no lever `stop`");
    assert!(handle.levers().iter().all(|lever| !lever.reduces_capacity));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_repeated_is_no_matter_of_a_pause() {
    let layer = RetryLayer::new(every_second()).unwrap();
    layer.handle().pause();
    let (service, _) = script::<u32>([Play::Fail]);
    assert!(layer.layer(service).oneshot(0).await.is_err());
    assert_eq!(layer.handle().counts().exhausted, 0);
}

#[tokio::test(start_paused = true)]
async fn every_key_is_paused_at_once() {
    let hosts = KeyedHandle::<String>::new(every_second(), Default::default()).unwrap();
    let mut tries = 0;
    hosts.pause();
    for paused in [true, false] {
        let call = hosts.call("vps:17", || {
            tries += 1;
            async { Err::<(), _>(TestError::Failed) }
        });
        assert!(call.await.is_err());
        assert_eq!(tries, if paused { 1 } else { 1 + 3 });
        hosts.resume();
    }
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_attempts_nothing_again_and_counts_what_it_would_have() {
    let (service, log) = script::<u32>([Play::Fail]);
    let rule =
        BudgetRule::Share { share: Ratio::ZERO, minimum_per_second: 1, horizon: 10 * SECOND };
    let budget = Budget::new(rule).unwrap();
    let letters = DeadLetterBox::new(NonZeroUsize::new(9).unwrap());
    let layer = layer(shadow()).with_budget(budget.clone()).with_dead_letters(letters.clone());
    let handle = layer.handle();
    let mut events = handle.subscribe(NonZeroUsize::new(9).unwrap());
    for _ in 0..20 {
        assert!(layer.layer(service.clone()).oneshot(0).await.is_err());
    }
    let counts = handle.counts();
    assert_eq!((log.calls(), counts.retries, counts.shadow), (20, 0, 20));
    assert_eq!((counts.exhausted, letters.is_empty()), (0, true));
    assert_eq!(budget.available(clock::now()), 10, "a shadow pays nothing");
    let expected = Event::WouldHaveRetried { attempt: 1, wait: SECOND, cause: FAILED };
    assert_eq!(events.try_next().unwrap().event, expected);
    let mut seen = 0.0;
    handle.read(&mut |reading| {
        if reading.name == "shadow_retries_total" {
            seen = reading.value;
        }
    });
    assert_eq!(seen, 20.0);

    handle.reconfigure(shadow().with_max_attempts(1)).unwrap();
    assert!(layer.layer(service).oneshot(0).await.is_err());
    assert_eq!(handle.counts().shadow, 20, "one attempt leaves nothing to repeat");
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_cuts_nothing_off_and_refuses_nobody() {
    let config = shadow().with_total_deadline(SECOND).with_attempt_timeout(SECOND);
    let (service, log) = script::<u32>([Play::AnswerAfter(5 * SECOND)]);
    let mut service = layer(config).layer(service);
    assert!(service.call(0).await.is_ok());
    let past = CallContext::NEW.with_deadline(clock::now());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(past.scope(service.call(0)).await.is_ok());
    assert_eq!(log.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_is_not_seen_by_retries_further_in() {
    let (service, log) = script::<u32>([Play::Fail]);
    let inner = layer(every_second().with_max_attempts(4));
    let outer = layer(shadow().with_max_attempts(2));
    assert!(outer.layer(inner.layer(service)).oneshot(0).await.is_err());
    let seen: Vec<_> = log.seen().iter().map(|seen| (seen.attempt, seen.left)).collect();
    assert_eq!(seen, [(1, Some(3)), (2, Some(2)), (3, Some(1)), (4, Some(0))]);
    assert_eq!((inner.handle().counts().retries, outer.handle().counts().shadow), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_copies_no_request() {
    for (config, copies) in [(every_second(), 1), (shadow(), 0)] {
        let (service, _) = script::<u32>([Play::Answer]);
        let made = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = std::sync::Arc::clone(&made);
        let layer = layer(config).with_cloner(move |request: &u32| {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Some(*request)
        });
        assert!(layer.layer(service).oneshot(0).await.is_ok());
        assert_eq!(made.load(std::sync::atomic::Ordering::Relaxed), copies);
    }
}
