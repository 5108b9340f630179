//! The scenarios in which other libraries' hedges fail, with their numbers, and what none of them
//! does.

#[allow(dead_code, reason = "not every play is needed here")]
mod script;

use std::time::Duration;

use salve_core::{Budget, BudgetRule, CallContext, Repeatable};
use salve_hedge::{Config, Handle, HedgeLayer};
use salve_testkit::{TestError, allocation_counter};
use script::{MS, Play, SECOND, after, layer, script};
use tower::{Layer, Service, ServiceExt};

#[tokio::test(start_paused = true)]
async fn h01_failures_at_once_are_delivered_at_once() {
    let (service, log) = script::<u32>([Play::Fail(Duration::ZERO)]);
    let service = layer(after(SECOND).with_max_copies(2)).layer(service);
    assert_eq!(service.oneshot(0).await, Err(TestError::Failed));
    assert_eq!((log.calls(), log.elapsed()), (1, Duration::ZERO));

    // Nor does the last of several failures wait for a copy that is yet to come.
    let (service, log) = script::<u32>([Play::Fail(12 * MS), Play::Fail(3 * MS)]);
    let service = layer(after(10 * MS).with_max_copies(4)).layer(service);
    assert_eq!(service.oneshot(0).await, Err(TestError::Failed));
    assert_eq!((log.calls(), log.elapsed()), (2, 13 * MS));
}

#[tokio::test(start_paused = true)]
async fn h02_a_hundred_slow_calls_do_not_become_three_hundred() {
    let (service, log) = script::<u32>([Play::Answer(SECOND)]);
    let layer = HedgeLayer::new(after(10 * MS).with_max_copies(2)).unwrap();
    let mut service = layer.with_request_rule(Repeatable).layer(service);
    let calls: Vec<_> = (0..100).map(|request| tokio::spawn(service.call(request))).collect();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    // 20 % of 100, and 10 a second over 10 seconds for a start.
    assert_eq!(log.calls(), 100 + 20 + 100);
}

#[tokio::test(start_paused = true)]
async fn tw02_an_error_of_the_copy_does_not_beat_the_call() {
    let (service, log) = script::<u32>([Play::Answer(100 * MS), Play::Fail(Duration::ZERO)]);
    assert_eq!(layer(after(10 * MS)).layer(service).oneshot(0).await, Ok(0));
    assert_eq!((log.calls(), log.elapsed()), (2, 100 * MS));
}

/// In a peer the refusal of a further copy ends those that are under way.
#[tokio::test(start_paused = true)]
async fn a_budget_that_runs_dry_ends_no_copy_that_is_under_way() {
    let one = BudgetRule::Tokens { capacity: 1, retry_cost: 1, timeout_cost: 1 };
    let (service, log) = script::<u32>([Play::Hang, Play::Answer(50 * MS)]);
    let layer = layer(after(10 * MS).with_max_copies(4)).with_budget(Budget::new(one).unwrap());
    assert_eq!(layer.layer(service).oneshot(0).await, Ok(1));
    assert_eq!((log.calls(), log.elapsed()), (2, 60 * MS));
    assert_eq!(layer.handle().counts().budget_refused, 3);
}

/// Retries and hedges of a peer multiply.
#[tokio::test(start_paused = true)]
async fn a_hedge_takes_its_copies_from_the_attempts_of_a_retry_around_it() {
    let (service, log) = script::<u32>([Play::Answer(SECOND)]);
    let call = layer(after(10 * MS).with_max_copies(4)).layer(service).oneshot(0);
    assert_eq!(CallContext::current().with_attempt(1, 2).scope(call).await, Ok(0));
    assert_eq!(log.calls(), 3);
}

/// A peer's histograms take 33 KB.
#[test]
fn a_policy_takes_360_bytes_its_budget_248_and_its_measurements_2304() {
    for (config, budget, expected) in [
        (after(MS), false, 360),
        (after(MS), true, 360 + 248),
        (Config::new("test"), false, 360 + 2_304),
        (Config::new("test"), true, 360 + 248 + 2_304),
    ] {
        let mut made = None;
        let taken = allocation_counter::measure(|| {
            let handle = Handle::new(config.clone()).unwrap();
            made = Some(if budget { handle } else { handle.without_budget() });
        });
        let bytes = taken.bytes_current + size_of::<Handle>() as i64;
        assert!(bytes <= expected, "{bytes} bytes, with a budget: {budget}, {config:?}");
    }
}

#[test]
fn a_call_that_needs_no_copy_has_no_room_for_one() {
    /// A response so large that room for another would show.
    type Large = [u64; 128];
    let policy = Handle::new(after(MS)).unwrap();
    let call = policy.call(|| std::future::ready(Ok::<Large, TestError>([0; 128])));
    let size = size_of_val(&call);
    assert!(size < size_of::<Large>() + 320, "{size} bytes");
}
