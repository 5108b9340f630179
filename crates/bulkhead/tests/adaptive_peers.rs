//! Where other adaptive limits break: each scenario played here with its numbers, by every algorithm.

use std::time::Duration;

use salve_bulkhead::{Adaptive, Algorithm, BulkheadLayer, Config, Handle};
use salve_core::{FailureKind, Outcome, Reason, Refusable, Rejection, RetryAdvice};
use salve_testkit::{Mode, Probe};
use tokio::time::{advance, sleep, timeout};
use tower::{Layer, ServiceExt};

const MS: Duration = Duration::from_millis(1);

fn algorithms() -> [Algorithm; 4] {
    [Algorithm::baseline(), Algorithm::aimd(), Algorithm::vegas(), Algorithm::gradient2()]
}

fn config(algorithm: Algorithm, places: u32) -> Config {
    let adaptive = Adaptive::default().with_algorithm(algorithm);
    Config::new("peers").with_places(places).with_adaptive(adaptive)
}

fn bulkhead(algorithm: Algorithm, places: u32) -> Handle {
    Handle::new(config(algorithm, places)).unwrap()
}

async fn answered_after(delay: Duration) -> Result<(), Rejection> {
    sleep(delay).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a01_and_ac01_one_call_in_flight_grows_nothing() {
    for algorithm in algorithms() {
        let bulkhead = bulkhead(algorithm, 10);
        for _ in 0..2_000 {
            bulkhead.call(|| answered_after(MS)).await.unwrap();
        }
        assert_eq!(bulkhead.status().places, 10, "{algorithm:?}");
        assert_eq!(bulkhead.counts().limit_raised, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a02_eight_failures_at_once_move_the_limit_one_step() {
    for kind in [FailureKind::Overload, FailureKind::Timeout, FailureKind::Error] {
        for algorithm in algorithms() {
            let bulkhead = bulkhead(algorithm, 64);
            let permits = [(); 8].map(|()| bulkhead.try_acquire().unwrap());
            advance(200 * MS).await;
            for permit in permits {
                permit.finish(Outcome::Failure { retry: RetryAdvice::Yes, kind });
            }
            let (places, counts) = (bulkhead.status().places, bulkhead.counts());
            assert!((32..=64).contains(&places), "{algorithm:?}: {places}");
            assert!(counts.limit_lowered <= 1);
            let is_aimd = matches!(algorithm, Algorithm::Aimd { .. });
            assert!(!is_aimd || places == 57, "{places}");
        }
    }
}

/// They are cut off from outside, as tower's own timeout does it, or end in a rejection that says
/// that they may have been sent.
#[tokio::test(start_paused = true)]
async fn a03_calls_that_time_out_lower_the_limit() {
    for algorithm in algorithms() {
        for from_outside in [true, false] {
            let bulkhead = bulkhead(algorithm, 64);
            for _ in 0..200 {
                bulkhead.call(|| answered_after(10 * MS)).await.unwrap();
            }
            let before = bulkhead.status().places;
            let calls = (0..200).map(|_| {
                let bulkhead = bulkhead.clone();
                tokio::spawn(async move {
                    let hung = bulkhead.call(|| async move {
                        if !from_outside {
                            sleep(250 * MS).await;
                            return Err(timed_out().maybe_sent());
                        }
                        std::future::pending::<Result<(), Rejection>>().await
                    });
                    timeout(300 * MS, hung).await.is_err()
                })
            });
            for _ in 0..3 {
                for call in calls.clone().collect::<Vec<_>>() {
                    call.await.unwrap();
                }
            }
            let after = bulkhead.status().places;
            assert!(after < before, "{algorithm:?}, {from_outside}: {before} to {after}");
        }
    }
}

fn timed_out() -> Rejection {
    let origin = salve_core::Origin::new("timeout", "peers".into());
    Rejection::new(&origin, Reason::AttemptTimeout)
}

#[test]
fn a04_a_floor_of_nothing_is_refused_as_a_setting() {
    let with = |adaptive| Config::new("peers").with_adaptive(adaptive).validate().unwrap_err();
    let error = with(Adaptive::default().with_bounds(0, 200));
    let text = "bulkhead: `adaptive.floor` is 0, but must be between 1 and 200";
    assert_eq!(error.to_string(), text);
    let error = with(Adaptive::default().with_bounds(30, 200));
    assert_eq!(error.to_string(), "bulkhead: `places` is 25, but must be between 30 and 200");
    let bulkhead = bulkhead(Algorithm::baseline(), 25);
    assert!(bulkhead.resize(0).is_err() && bulkhead.resize(201).is_err());
    assert_eq!(bulkhead.status().places, 25);
}

#[tokio::test(start_paused = true)]
async fn a05_two_services_of_one_layer_share_one_limit() {
    for algorithm in algorithms() {
        let (probe, control) = Probe::new();
        control.set(Mode::Hold);
        let layer = BulkheadLayer::new(config(algorithm, 5)).unwrap();
        let services = [layer.layer(probe.clone()), layer.layer(probe)];
        let mut calls = (0..10)
            .map(|n| tokio_test::task::spawn(services[n as usize % 2].clone().oneshot(n)))
            .collect::<Vec<_>>();
        let refused = calls.iter_mut().filter_map(|call| match call.poll() {
            std::task::Poll::Ready(result) => Some(result.unwrap_err()),
            std::task::Poll::Pending => None,
        });
        let reasons = refused.map(|error| error.rejection().unwrap().reason());
        assert_eq!(reasons.collect::<Vec<_>>(), [Reason::Full; 5]);
        assert_eq!(control.peak(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a06_a_latency_that_is_ten_times_higher_for_good_is_no_lockout() {
    for algorithm in algorithms() {
        let bulkhead = bulkhead(algorithm, 20);
        load(&bulkhead, MS, 5).await;
        assert!(bulkhead.status().places >= 20, "{algorithm:?}");
        load(&bulkhead, 10 * MS, 60).await;
        let status = bulkhead.status();
        assert!(status.places >= 20, "{algorithm:?}: {status:?}");
        let learnt = status.baseline_latency.is_none_or(|baseline| baseline >= 5 * MS);
        assert!(learnt, "{algorithm:?}: {status:?}");
    }
}

/// Sixteen callers for so many seconds, each with one call after another.
async fn load(bulkhead: &Handle, latency: Duration, seconds: u64) {
    let callers = (0..16).map(|_| {
        let bulkhead = bulkhead.clone();
        tokio::spawn(async move {
            loop {
                if bulkhead.call(|| answered_after(latency)).await.is_err() {
                    sleep(MS).await;
                }
            }
        })
    });
    let callers = callers.collect::<Vec<_>>();
    sleep(Duration::from_secs(seconds)).await;
    for caller in callers {
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
    }
}
