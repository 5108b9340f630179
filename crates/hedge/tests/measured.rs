//! A delay that follows the latency of the service: what is measured, and what is not.

#[allow(dead_code, reason = "not every helper is needed here")]
mod script;

use std::future::Future;
use std::time::Duration;

use salve_core::{CallContext, Outcome, Ratio, Reason, clock};
use salve_hedge::{Config, Handle, HedgeLayer, Quantile, Status};
use salve_testkit::TestError;
use script::{MS, Play, SECOND, Safe, after, layer, rejection, script};
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceExt};

/// The median, from ten answers on.
fn median() -> Quantile {
    Quantile::new(Ratio::percent::<50>()).with_min_samples(10)
}

fn measuring(quantile: Quantile) -> HedgeLayer<Safe> {
    layer(Config::new("test").with_quantile(quantile))
}

/// Makes one call through `layer` that plays `play`, and says how the policy stands then.
async fn one(layer: &HedgeLayer<Safe>, play: Play) -> Status {
    let _ = layer.layer(script::<u32>([play]).0).oneshot(0).await;
    layer.handle().status()
}

/// Measures ten answers of this latency, and lets the delay be worked out.
async fn warm_up(layer: &HedgeLayer<Safe>, latency: Duration) {
    for _ in 0..10 {
        one(layer, Play::Answer(latency)).await;
    }
    tokio::time::advance(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn no_copy_is_sent_before_enough_was_measured() {
    let layer = measuring(median());
    for answered in 1..10 {
        assert_eq!(one(&layer, Play::Answer(SECOND)).await.answered, answered);
        assert_eq!(layer.handle().status().delay, None);
    }
    assert_eq!(layer.handle().counts().copies, 0);
    one(&layer, Play::Answer(SECOND)).await;
    tokio::time::advance(SECOND).await;
    let delay = layer.handle().status().delay.unwrap();
    assert!((SECOND..SECOND * 9 / 8).contains(&delay), "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_is_late_after_the_quantile() {
    let layer = measuring(median());
    warm_up(&layer, 20 * MS).await;
    let delay = layer.handle().status().delay.unwrap();
    assert!((20 * MS..22 * MS + MS / 2).contains(&delay), "{delay:?}");
    let (service, log) = script::<u32>([Play::Hang, Play::Answer(MS)]);
    assert_eq!(layer.layer(service).oneshot(0).await, Ok(1));
    // Timers round up to the millisecond.
    assert_eq!(log.times()[1], 21 * MS);
}

#[tokio::test(start_paused = true)]
async fn floor_and_ceiling_hold() {
    for (latency, expected) in [(MS, 30 * MS), (500 * MS, 90 * MS)] {
        let layer = measuring(median().with_floor(30 * MS).with_ceiling(90 * MS));
        warm_up(&layer, latency).await;
        assert_eq!(layer.handle().status().delay, Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn old_latencies_are_forgotten() {
    let layer = measuring(median().with_window(10 * SECOND));
    warm_up(&layer, 20 * MS).await;
    assert_eq!(layer.handle().status().answered, 10);
    tokio::time::advance(3 * SECOND).await;
    assert_eq!(layer.handle().status().answered, 10, "half a window is not over");
    tokio::time::advance(6 * SECOND).await;
    let status = layer.handle().status();
    assert_eq!((status.answered, status.delay, status.quantile), (0, None, None));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_lost_to_its_copy_took_longer_than_it_was_watched() {
    let layer = measuring(median());
    warm_up(&layer, 20 * MS).await;
    let (service, _) = script::<u32>([Play::Hang, Play::Answer(MS)]);
    assert_eq!(layer.layer(service).oneshot(0).await, Ok(1));
    let status = layer.handle().status();
    assert_eq!((status.answered, status.cut_short), (10, 1), "and the copy is not measured");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_caller_dropped_took_longer_than_it_was_watched() {
    let layer = measuring(median());
    let mut service = layer.layer(script::<u32>([Play::Hang]).0);
    drop(service.call(0));
    assert_eq!(layer.handle().status().cut_short, 0, "it was not made");
    let mut call = spawn(service.call(0));
    assert!(call.poll().is_pending());
    drop(call);
    assert_eq!(layer.handle().status().cut_short, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_no_fast_answer() {
    let layer = measuring(median());
    let timeout = rejection(Reason::AttemptTimeout).maybe_sent();
    for (count, play) in [Play::Fail(MS), Play::Reject(MS, timeout)].into_iter().enumerate() {
        let status = one(&layer, play).await;
        assert_eq!((status.answered, status.cut_short), (0, count as u64 + 1));
    }
    let status = one(&layer, Play::Reject(MS, rejection(Reason::Full))).await;
    assert_eq!((status.answered, status.cut_short), (0, 2), "it was never sent");

    let ignored = |_: Result<&u32, &TestError>| Outcome::Ignored;
    let (service, _) = script::<u32>([Play::Answer(MS)]);
    let careless = layer.clone().with_classifier(ignored);
    assert_eq!(careless.layer(service).oneshot(0).await, Ok(0));
    let status = layer.handle().status();
    assert_eq!((status.answered, status.cut_short), (0, 2), "it says nothing");
}

#[tokio::test(start_paused = true)]
async fn where_most_calls_fail_late_the_delay_is_the_ceiling() {
    let layer = measuring(median().with_ceiling(2 * SECOND));
    warm_up(&layer, 20 * MS).await;
    for _ in 0..11 {
        one(&layer, Play::Fail(30 * MS)).await;
    }
    tokio::time::advance(SECOND).await;
    let status = layer.handle().status();
    assert_eq!((status.quantile, status.delay), (None, Some(2 * SECOND)));
}

#[tokio::test(start_paused = true)]
async fn calls_are_measured_that_get_no_copies() {
    let quantile = Config::new("test").with_quantile(median());
    let unsafe_ones = HedgeLayer::new(quantile).unwrap();
    let (service, _) = script::<u32>([Play::Answer(MS)]);
    assert_eq!(unsafe_ones.layer(service).oneshot(0).await, Ok(0));
    assert_eq!(unsafe_ones.handle().status().answered, 1);

    let layer = measuring(median());
    layer.handle().pause();
    assert_eq!(one(&layer, Play::Answer(MS)).await.answered, 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_measured_survives_new_settings_as_long_as_something_measures() {
    let layer = measuring(median());
    warm_up(&layer, 20 * MS).await;
    let handle = layer.handle();
    let longer = median().with_window(60 * SECOND).with_ceiling(10 * MS);
    handle.reconfigure(Config::new("test").with_quantile(longer)).unwrap();
    let status = handle.status();
    assert_eq!((status.answered, status.delay), (10, Some(10 * MS)), "at once");
    handle.reconfigure(after(5 * MS)).unwrap();
    let status = handle.status();
    assert_eq!((status.answered, status.delay), (0, Some(5 * MS)));
    handle.reconfigure(Config::new("test").with_quantile(longer)).unwrap();
    assert_eq!(handle.status().delay, None);
}

#[tokio::test(start_paused = true)]
async fn readiness_is_no_part_of_the_latency() {
    let (probe, control) = salve_testkit::Probe::new();
    control.set(salve_testkit::Mode::Unready);
    let layer = measuring(median());
    let mut call = spawn(layer.layer(probe).oneshot(0));
    assert!(call.poll().is_pending());
    tokio::time::advance(SECOND).await;
    control.release();
    assert!(call.poll().is_ready());
    let quantile = layer.handle().status().quantile.unwrap();
    assert!(quantile < MS, "{quantile:?}");
}

/// A layer inside retries must not take the time an earlier attempt took for its own.
#[tokio::test(start_paused = true)]
async fn the_reading_of_an_outer_layer_is_good_for_one_poll() {
    let layer = measuring(median());
    let (service, _) = script::<u32>([Play::Answer(40 * MS)]);
    let mut call = std::pin::pin!(layer.layer(service).oneshot(0));
    let result = std::future::poll_fn(|cx| {
        let context = CallContext::current().with_reading(Some(clock::now()));
        context.enter(|| call.as_mut().poll(cx)).0
    })
    .await;
    assert_eq!(result, Ok(0));
    let quantile = layer.handle().status().quantile.unwrap();
    assert!((40 * MS..45 * MS).contains(&quantile), "{quantile:?}");
}

#[tokio::test(start_paused = true)]
async fn latencies_below_a_millisecond_are_told_apart() {
    let quantile = Quantile::default().with_min_samples(20);
    let policy = measuring(quantile).handle();
    for micros in 400..420 {
        call_of(&policy, Duration::from_micros(micros)).await;
    }
    tokio::time::advance(SECOND).await;
    let status = policy.status();
    assert_eq!((status.answered, status.delay), (20, Some(MS)), "the floor");
    let quantile = status.quantile.unwrap();
    assert!(quantile > Duration::from_micros(419), "{quantile:?}");
    assert!(quantile <= Duration::from_micros(419 + 131), "{quantile:?}");
}

/// Makes one call that is answered after `time`, by paused time and to the nanosecond.
async fn call_of(policy: &Handle, time: Duration) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut receiver = Some(receiver);
    let mut call = spawn(policy.call(|| {
        let receiver = receiver.take();
        async move { receiver.unwrap().await.map_err(|_| TestError::Failed) }
    }));
    assert!(call.poll().is_pending());
    tokio::time::advance(time).await;
    sender.send(()).unwrap();
    assert!(call.poll().is_ready());
}
