//! Where other rate limiters break: each scenario played here with its numbers.

use std::future::poll_fn;
use std::time::Duration;

use salve_core::{Reason, RegistryConfig, Sent};
use salve_rate_limit::{Config, Handle, KeyedHandle, Quota, RateLimitLayer};
use salve_testkit::Probe;
use tokio::time::advance;
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceExt};

const MS: Duration = Duration::from_millis(1);

fn limit(quota: Quota) -> Handle {
    Handle::new(Config::new("peers", quota).with_queue(10)).unwrap()
}

fn pass(limit: &Handle) -> usize {
    (0..100_000).take_while(|_| limit.check().is_ok()).count()
}

/// A hundred thousand keys, each used once: bounded, and forgotten without being asked to.
#[tokio::test(start_paused = true)]
async fn gv01_keys_that_are_no_longer_used_do_not_stay() {
    let bounds = RegistryConfig::default().with_max_keys(1_000).with_idle_after(MS);
    let config = Config::new("peers", Quota::per_second(1_000).smooth());
    let tenants = KeyedHandle::<u32>::new(config, bounds).unwrap();
    for tenant in 0..100_000 {
        if tenant % 100 == 0 {
            advance(2 * MS).await;
        }
        tenants.check(&tenant).unwrap();
    }
    let counts = tenants.registry_counts();
    assert!(counts.keys <= 1_000 && counts.overflowed == 0, "{counts:?}");
    assert!(counts.evicted >= 99_000, "{counts:?}");
}

/// Two in 10 ms, three asked for, then a second without calls: others then grant 205 or 199.
#[tokio::test(start_paused = true)]
async fn fj01_an_idle_period_after_a_deficit_grants_no_more_than_the_burst() {
    let limit = limit(Quota::new(2, 10 * MS));
    assert_eq!(pass(&limit), 2);
    // A deficit: calls that wait, and a smaller burst than has been spent.
    let waiting = [(); 3].map(|()| {
        let mut call = spawn(limit.until_allowed());
        assert!(call.poll().is_pending());
        call
    });
    drop(waiting);
    limit.reconfigure(Config::new("peers", Quota::new(2, 10 * MS).with_burst(1))).unwrap();
    limit.reconfigure(Config::new("peers", Quota::new(2, 10 * MS))).unwrap();
    for _ in 0..10 {
        advance(Duration::from_secs(1)).await;
        assert_eq!(pass(&limit), 2);
    }
    advance(Duration::from_secs(365 * 24 * 60 * 60)).await;
    assert_eq!(pass(&limit), 2);
}

#[tokio::test(start_paused = true)]
async fn rj01_a_limit_that_was_not_set_is_one_that_limits() {
    // Its default period is 500 nanoseconds: a hundred million calls a second.
    let limit = Handle::new(Config::default()).unwrap();
    assert_eq!(limit.config().tiers, Config::new("any", Quota::per_minute(100)).tiers);
    assert_eq!(pass(&limit), 100);
    advance(Duration::from_secs(1)).await;
    assert_eq!(pass(&limit), 1);
}

/// Ten calls at the end of one second and none at the beginning of the next.
#[tokio::test(start_paused = true)]
async fn there_is_no_border_between_windows_at_which_two_allowances_pass() {
    let limit = limit(Quota::new(10, Duration::from_secs(1)));
    advance(995 * MS).await;
    let before = pass(&limit);
    advance(10 * MS).await;
    assert_eq!((before, pass(&limit)), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_spent_holds_up_no_readiness_and_no_place() {
    let (probe, control) = Probe::new();
    let pool = tower::limit::ConcurrencyLimit::new(probe, 1);
    let layer =
        RateLimitLayer::new(Config::new("peers", Quota::per_second(1).smooth()).with_queue(5));
    let mut limited = layer.unwrap().layer(pool.clone());
    limited.handle().check().unwrap();
    poll_fn(|cx| limited.poll_ready(cx)).await.unwrap();
    let mut waiting = spawn(limited.call(1));
    assert!(waiting.poll().is_pending());
    // The one place of the pool is free all the while.
    assert_eq!(pool.oneshot(2).await, Ok(2));
    assert_eq!(control.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn clones_share_one_rate() {
    let (probe, control) = Probe::new();
    let layer = RateLimitLayer::new(Config::new("peers", Quota::per_second(5))).unwrap();
    let services = [layer.layer(probe.clone()), layer.layer(probe)];
    for number in 0..20 {
        let answer = services[number as usize % 2].clone().oneshot(number).await;
        assert_eq!(answer.is_ok(), number < 5);
    }
    assert_eq!(control.calls(), 5);
}

/// Where waiters only sleep and ask again, they wake together and race for one turn.
#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_order_and_each_once() {
    let limit = limit(Quota::per_second(100).smooth());
    limit.check().unwrap();
    let mut calls = (0..5).map(|_| spawn(limit.until_allowed())).collect::<Vec<_>>();
    assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
    for turn in 0..5 {
        advance(10 * MS).await;
        assert_eq!(limit.status().waiting, 4 - turn);
        let done = calls.iter_mut().take(turn + 1).next_back().unwrap();
        assert!(done.is_woken() && done.poll().is_ready());
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_a_burst_is_an_error_and_not_a_wait() {
    let limit = limit(Quota::per_second(5));
    let rejection = limit.until_n_allowed(6).await.unwrap_err();
    assert_eq!((rejection.reason(), rejection.sent()), (Reason::TooCostly, Sent::No));
}
