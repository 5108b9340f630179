//! The scenarios in which other retry libraries fail, with their numbers.

#[allow(dead_code, reason = "not every play is needed here")]
mod script;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use salve_core::{Budget, BudgetRule, FailureKind, Outcome, Ratio, Repeatable, RetryAdvice};
use salve_retry::{Backoff, Config, DeadLetterBox, Jitter, RetryLayer, Rules};
use salve_testkit::TestError;
use script::{MS, Play, SECOND, script};
use tower::{Layer, Service, ServiceExt};

fn layer(config: Config) -> RetryLayer<Rules<salve_core::ErrorsAreFailures, Repeatable>> {
    RetryLayer::new(config).unwrap().with_request_rule(Repeatable)
}

fn at_once(attempts: u32) -> Config {
    Config::new("test").with_max_attempts(attempts).with_backoff(Backoff::none())
}

/// A request that counts its copies.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

fn counted() -> (Counted, impl Fn() -> usize) {
    let copies = Arc::new(AtomicUsize::new(0));
    (Counted(Arc::clone(&copies)), move || copies.load(Ordering::Relaxed))
}

fn share(percent: f64, minimum_per_second: u32) -> Budget {
    let share = Ratio::try_from(percent).unwrap();
    let rule = BudgetRule::Share { share, minimum_per_second, horizon: 10 * SECOND };
    Budget::new(rule).unwrap()
}

#[test]
fn r01_the_cap_holds_after_jitter() {
    let backoff = Backoff::exponential(SECOND, 2.0)
        .with_max(SECOND)
        .with_jitter(Jitter::Factor(Ratio::percent::<50>()));
    let mut rng = fastrand::Rng::with_seed(1);
    let waits: Vec<_> = (1..=10_000).map(|retry| backoff.wait(retry, None, &mut rng)).collect();
    assert!(waits.iter().all(|wait| (SECOND / 2..=SECOND).contains(wait)));
    let at_the_cap = waits.iter().filter(|wait| **wait == SECOND).count();
    assert!(at_the_cap < 10, "{at_the_cap} of 10,000 waits pile up on the cap");
}

#[tokio::test(start_paused = true)]
async fn r02_a_single_attempt_does_not_copy_its_request() {
    for play in [Play::Answer, Play::Fail] {
        let (request, copies) = counted();
        let (service, _) = script::<Counted>([play]);
        let _ = layer(at_once(1)).layer(service).oneshot(request).await;
        assert_eq!(copies(), 0);
    }
    let (request, copies) = counted();
    let (service, _) = script::<Counted>([Play::Fail]);
    let letters = DeadLetterBox::new(std::num::NonZeroUsize::MIN);
    let kept = layer(at_once(1)).with_dead_letters(letters.clone());
    assert!(kept.layer(service).oneshot(request).await.is_err());
    assert_eq!((copies(), letters.len()), (1, 1), "a sink needs the request");
}

#[tokio::test(start_paused = true)]
async fn r02_the_last_attempt_does_not_copy_its_request() {
    let (request, copies) = counted();
    let (service, log) = script::<Counted>([Play::Fail]);
    assert!(layer(at_once(3)).layer(service).oneshot(request).await.is_err());
    assert_eq!((log.calls(), copies()), (3, 2));
}

/// What f02 is about: copies that nobody can use.
#[tokio::test(start_paused = true)]
async fn f02_nothing_is_copied_that_no_further_attempt_can_use() {
    // The backoff does not end before the deadline.
    let slow = Config::new("test").with_backoff(Backoff::constant(10 * SECOND));
    let (request, copies) = counted();
    let (service, log) = script::<Counted>([Play::Fail]);
    let hurried = layer(slow.with_total_deadline(10 * SECOND));
    assert!(hurried.layer(service).oneshot(request).await.is_err());
    assert_eq!((log.calls(), copies()), (1, 0));

    // Nothing is left in the budget.
    let (request, copies) = counted();
    let (service, log) = script::<Counted>([Play::Fail]);
    let poor = layer(at_once(3)).with_budget(share(0.0, 0));
    assert!(poor.layer(service).oneshot(request).await.is_err());
    assert_eq!((log.calls(), copies()), (1, 0));

    // The request may not be repeated, and what was never sent is not retried.
    let (request, copies) = counted();
    let (service, log) = script::<Counted>([Play::Fail]);
    let careful = RetryLayer::new(at_once(3).with_retry_unsent(false)).unwrap();
    assert!(careful.layer(service).oneshot(request).await.is_err());
    assert_eq!((log.calls(), copies()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn r03_there_is_a_budget_unless_it_is_taken_away() {
    // 100 requests of 5 attempts: 100 retries from the reserve of 10 a second, 20 % of 100 more.
    for (budget, expected) in [(true, 100 + 100 + 20), (false, 500)] {
        let (service, log) = script::<u32>([Play::Fail]);
        let layer = layer(at_once(5));
        let layer = if budget { layer } else { layer.without_budget() };
        let mut service = layer.layer(service);
        let calls: Vec<_> = (0..100).map(|request| service.call(request)).collect();
        for mut call in calls.into_iter().map(tokio_test::task::spawn) {
            while call.poll().is_pending() {}
        }
        assert_eq!(log.calls(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn r04_the_share_that_may_be_repeated_can_be_set() {
    for (percent, expected) in [(0.05, 50), (0.2, 200), (1.0, 1_000)] {
        assert_eq!(retries_of_a_thousand(percent).await, expected, "at {percent}");
    }
}

#[tokio::test(start_paused = true)]
async fn tw01_shares_are_granted_exactly_as_asked() {
    for (percent, expected) in [(0.3, 300), (0.4, 400), (0.6, 600), (0.75, 750), (0.9, 900)] {
        assert_eq!(retries_of_a_thousand(percent).await, expected, "at {percent}");
    }
}

/// How many retries a thousand failing calls of two attempts make.
async fn retries_of_a_thousand(percent: f64) -> usize {
    let (service, log) = script::<u32>([Play::Fail]);
    let mut service = layer(at_once(2)).with_budget(share(percent, 0)).layer(service);
    for request in 0..1_000 {
        assert_eq!(service.call(request).await, Err(TestError::Failed));
    }
    log.calls() - 1_000
}

#[test]
fn bo01_the_cap_holds_after_jitter_on_top() {
    let backoff = Backoff::constant(SECOND).with_max(SECOND).with_jitter(Jitter::Above(Ratio::ONE));
    let mut rng = fastrand::Rng::with_seed(1);
    assert!((1..=10_000).all(|retry| backoff.wait(retry, None, &mut rng) <= SECOND));
}

#[tokio::test(start_paused = true)]
async fn bo02_the_total_deadline_counts_the_attempts_too() {
    // 100 ms in all, waits of 10 ms, attempts that take 60 s.
    let config = Config::new("test")
        .with_max_attempts(100)
        .with_backoff(Backoff::constant(10 * MS))
        .with_total_deadline(100 * MS);
    let (service, log) = script::<u32>([Play::FailAfter(60 * SECOND)]);
    assert!(layer(config.clone()).layer(service).oneshot(0).await.is_err());
    assert_eq!((log.calls(), log.elapsed()), (1, 100 * MS));

    let (service, log) = script::<u32>([Play::FailAfter(30 * MS)]);
    assert!(layer(config).layer(service).oneshot(0).await.is_err());
    assert_eq!((log.calls(), log.elapsed()), (3, 100 * MS));
}

#[tokio::test(start_paused = true)]
async fn r2_01_a_wait_that_was_asked_for_is_kept() {
    let config = Config::new("test").with_backoff(Backoff::constant(10 * MS));
    let (service, log) = script::<u32>([Play::Fail, Play::Answer]);
    let in_a_minute = |result: Result<&u32, &TestError>| match result {
        Ok(_) => Outcome::Success,
        Err(_) => Outcome::Failure {
            retry: RetryAdvice::After(Duration::from_secs(60)),
            kind: FailureKind::Overload,
        },
    };
    let service = layer(config).with_classifier(in_a_minute).layer(service);
    assert_eq!(service.oneshot(0).await, Ok(1));
    assert_eq!(log.gaps(), [Duration::from_secs(60)]);
}
