//! Where other bulkheads break: each scenario played here with its numbers.

use std::future::poll_fn;
use std::time::Duration;

use salve_bulkhead::{BulkheadLayer, Config, Handle};
use salve_core::{Reason, Refusable, Sent};
use salve_testkit::{Mode, Probe, TestError};
use tower::{Layer, Service, ServiceExt};

fn layer(config: Config) -> BulkheadLayer {
    BulkheadLayer::new(config).unwrap()
}

fn reason(error: &TestError) -> Reason {
    error.rejection().expect("a rejection").reason()
}

#[tokio::test(start_paused = true)]
async fn b01_a_full_bulkhead_says_that_it_is_full() {
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let service = layer(Config::new("peers").with_places(1)).layer(probe);
    let mut running = tokio_test::task::spawn(service.clone().oneshot(1));
    assert!(running.poll().is_pending());
    let error = service.clone().oneshot(2).await.unwrap_err();
    let rejection = error.rejection().unwrap();
    assert_eq!((rejection.reason(), rejection.sent()), (Reason::Full, Sent::No));
    assert_eq!((rejection.http_status(), rejection.retry_after()), (503, None));
}

#[tokio::test(start_paused = true)]
async fn b02_the_default_queue_is_bounded() {
    let bulkhead = Handle::new(Config::new("peers").with_places(1)).unwrap();
    let _held = bulkhead.try_acquire().unwrap();
    let mut waiting = 0;
    for _ in 0..10_000 {
        let mut call = tokio_test::task::spawn(bulkhead.acquire());
        waiting += u32::from(call.poll().is_pending());
    }
    assert_eq!((waiting, bulkhead.counts().full), (0, 10_000));
    // Where a queue is asked for, its time is bounded unless that is asked for too.
    assert_eq!(Config::default().max_wait, Some(Duration::from_secs(30)));
}

/// The pool has five permits and takes one as soon as a service is ready.
#[tokio::test(start_paused = true)]
async fn b03_calls_that_wait_hold_nothing_of_the_inner_service() {
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let pool = tower::limit::ConcurrencyLimit::new(probe, 5);
    let tenant_a = layer(Config::new("a").with_places(1).with_queue(10)).layer(pool.clone());
    let mut running = tokio_test::task::spawn(tenant_a.clone().oneshot(1));
    assert!(running.poll().is_pending());
    let mut waiting =
        (0..4).map(|n| tokio_test::task::spawn(tenant_a.clone().oneshot(n))).collect::<Vec<_>>();
    for call in &mut waiting {
        assert!(call.poll().is_pending());
    }
    assert_eq!((tenant_a.handle().status().queued(), control.in_flight()), (4, 1));
    let mut others =
        (0..4).map(|n| tokio_test::task::spawn(pool.clone().oneshot(n))).collect::<Vec<_>>();
    for call in &mut others {
        assert!(call.poll().is_pending());
    }
    assert_eq!(control.in_flight(), 5);
}

#[tokio::test(start_paused = true)]
async fn tw03_a_ready_service_that_is_not_called_holds_no_place() {
    let (probe, _control) = Probe::new();
    let layer = layer(Config::new("peers").with_places(1));
    let mut idle = layer.layer(probe.clone());
    poll_fn(|cx| idle.poll_ready(cx)).await.unwrap();
    assert_eq!(layer.handle().status().in_use, 0);
    assert_eq!(layer.layer(probe).oneshot(1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a05_one_layer_on_two_services_shares_one_limit() {
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let layer = layer(Config::new("peers").with_places(5));
    let services = [layer.layer(probe.clone()), layer.layer(probe)];
    let mut calls = (0..10)
        .map(|n| tokio_test::task::spawn(services[n as usize % 2].clone().oneshot(n)))
        .collect::<Vec<_>>();
    let refused = calls.iter_mut().filter_map(|call| match call.poll() {
        std::task::Poll::Ready(result) => Some(reason(&result.unwrap_err())),
        std::task::Poll::Pending => None,
    });
    assert_eq!(refused.collect::<Vec<_>>(), [Reason::Full; 5]);
    assert_eq!(control.peak(), 5);
}

#[test]
fn a04_no_places_at_all_is_refused_as_a_setting() {
    let error = Handle::new(Config::new("peers").with_places(0)).unwrap_err();
    assert_eq!(error.to_string(), "bulkhead: `places` is 0, but must be between 1 and 1000000");
    let bulkhead = Handle::new(Config::new("peers")).unwrap();
    assert!(bulkhead.resize(0).is_err());
    assert!(bulkhead.try_acquire().is_ok());
}
