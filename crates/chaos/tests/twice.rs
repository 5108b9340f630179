//! Requests that are delivered twice, answers that come too late, and messages out of order.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve_chaos::{
    Arming, Call, ChaosLayer, Config, Event, Fault, Handle, Kind, Latency, Rule, Wire,
};
use salve_core::{ByClone, Ratio};
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn armed(fault: Fault) -> Handle {
    let rule = Rule::new("rule", fault).with_share(Ratio::ONE);
    let point =
        Handle::new(Config::new("point").with_rule(rule).with_most_per_second(100)).unwrap();
    point.arm(Arming::new("ada", "a test", 60 * SECOND)).unwrap();
    point
}

/// A till that takes so long for each payment, and what it has taken.
fn till(
    takes: Duration,
) -> (
    impl Service<u32, Response = u32, Error = BoxError, Future: Send> + Clone + Send,
    Arc<AtomicU32>,
) {
    let taken = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&taken);
    let service = service_fn(move |amount: u32| {
        let count = Arc::clone(&count);
        async move {
            sleep(takes).await;
            Ok::<_, BoxError>(count.fetch_add(amount, Ordering::SeqCst) + amount)
        }
    });
    (service, taken)
}

#[tokio::test(start_paused = true)]
async fn a_request_is_delivered_twice_and_its_caller_gets_the_first_answer() {
    let point = armed(Fault::Duplicate);
    let (till, taken) = till(SECOND);
    let service = ChaosLayer::from(point.clone()).with_duplicates(ByClone).layer(till);
    let mut events = point.subscribe(NonZeroUsize::MIN.saturating_add(9));
    let began = Instant::now();
    assert_eq!(service.clone().oneshot(5).await.unwrap(), 5);
    assert_eq!((taken.load(Ordering::SeqCst), began.elapsed()), (10, SECOND));
    assert!(matches!(&events.try_next().unwrap().event,
        Event::Struck { injected, shadow: false } if injected.kind() == Kind::Duplicate));
    point.disarm();
    assert_eq!(service.oneshot(5).await.unwrap(), 15);
    assert_eq!((point.status().struck, point.status().held), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_answer_waits_for_the_second_delivery() {
    let nth = Arc::new(AtomicU32::new(0));
    let done = Arc::clone(&nth);
    // The first is done at once, the second takes a second.
    let service = service_fn(move |(): ()| {
        let (nth, done) = (nth.fetch_add(1, Ordering::SeqCst), Arc::clone(&nth));
        async move {
            sleep(nth * SECOND).await;
            Ok::<_, BoxError>((nth, done))
        }
    });
    let service = ChaosLayer::from(armed(Fault::Duplicate)).with_duplicates(ByClone).layer(service);
    let began = Instant::now();
    assert_eq!(service.oneshot(()).await.unwrap().0, 0);
    assert_eq!((began.elapsed(), done.load(Ordering::SeqCst)), (SECOND, 2));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_copied_is_delivered_once_and_counted() {
    let point = armed(Fault::Duplicate);
    let (till, taken) = till(SECOND);
    let picky = |amount: &u32| (*amount < 10).then_some(*amount);
    let service = ChaosLayer::from(point.clone()).with_duplicates(picky).layer(till.clone());
    service.clone().oneshot(10).await.unwrap();
    assert_eq!((taken.load(Ordering::SeqCst), point.status().impossible), (10, 1));
    service.oneshot(1).await.unwrap();
    assert_eq!(taken.load(Ordering::SeqCst), 12);
    // A layer that was given no way to copy, and a closure that can be called once.
    ChaosLayer::from(point.clone()).layer(till).oneshot(1).await.unwrap();
    point.call(&Call::ANY, || async { Ok::<_, BoxError>(1) }).await.unwrap();
    let status = point.status();
    assert_eq!((taken.load(Ordering::SeqCst), status.impossible, status.struck), (13, 3, 1));
    assert_eq!(status.armed.unwrap().struck, 1);
}

#[tokio::test(start_paused = true)]
async fn the_work_is_done_although_the_caller_has_given_up() {
    let point = armed(Fault::Late(Latency::Fixed(10 * SECOND)));
    let (till, taken) = till(SECOND);
    let service = ChaosLayer::from(point.clone()).layer(till);
    assert!(timeout(2 * SECOND, service.oneshot(5)).await.is_err(), "it sees a time-out");
    assert_eq!(taken.load(Ordering::SeqCst), 5, "and has paid");
    assert_eq!((point.status().struck, point.status().held), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn messages_are_lost_doubled_and_change_places() {
    for (fault, arrives) in [
        (Fault::Duplicate, &[&[1, 1][..], &[2, 2], &[3, 3]]),
        (Fault::Swap, &[&[][..], &[2, 1], &[]]),
        (Fault::ERROR, &[&[][..], &[], &[]]),
    ] {
        let point = armed(fault);
        let mut wire = Wire::new(point.clone());
        let arrived = [1, 2, 3].map(|message| wire.pass(&Call::ANY, message));
        assert_eq!(arrived, arrives.map(<[i32]>::to_vec), "{fault:?}");
        let kept = u64::from(fault == Fault::Swap);
        assert_eq!((point.status().held, point.status().struck), (kept, 3));
        point.disarm();
        let rest = if kept == 1 { vec![4, 3] } else { vec![4] };
        assert_eq!(wire.pass(&Call::ANY, 4), rest, "nothing that is kept is lost");
        assert_eq!((wire.flush(), point.status().held), (None, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_message_can_suffer_is_left_undone_and_counted() {
    let point = armed(Fault::Hang);
    let mut wire = Wire::new(point.clone());
    assert_eq!(wire.pass(&Call::ANY, 1), [1]);
    assert_eq!((point.status().impossible, point.status().struck), (1, 0));
    let swaps = armed(Fault::Swap);
    assert_eq!(swaps.call(&Call::ANY, || async { Ok::<_, BoxError>(1) }).await.unwrap(), 1);
    assert_eq!(swaps.status().impossible, 1);
}
