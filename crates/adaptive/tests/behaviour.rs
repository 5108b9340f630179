//! What callers of a service behind a controller see, under paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use salve_adaptive::{AdaptiveLayer, Config, Handle};
use salve_core::{CallContext, Class, Outcome, Reason, Refusable, Repeatable, Sensor, Sent, clock};
use salve_testkit::TestError;
use tower::{Layer, Service, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

fn layer(config: &Config) -> (AdaptiveLayer<Repeatable>, Handle) {
    let layer = AdaptiveLayer::new(config).unwrap().with_request_rule(Repeatable);
    let handle = layer.handle();
    (layer, handle)
}

/// Fails so many times, then succeeds.
fn flaky(
    failures: u32,
) -> (impl Service<u32, Response = u32, Error = TestError, Future: Send> + Clone, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let service = service_fn(move |request: u32| {
        let fails = counted.fetch_add(1, Ordering::Relaxed) < failures;
        async move { if fails { Err(TestError::Failed) } else { Ok(request) } }
    });
    (service, calls)
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_mended_by_another_attempt_if_that_is_safe() {
    let (safe, handle) = layer(&Config::default());
    let (service, calls) = flaky(2);
    assert_eq!(safe.layer(service).oneshot(7).await, Ok(7));
    assert_eq!((calls.load(Ordering::Relaxed), handle.counts().retries), (3, 2));

    let unsafe_to_repeat = AdaptiveLayer::new(&Config::default()).unwrap();
    let (service, calls) = flaky(2);
    assert!(unsafe_to_repeat.layer(service).oneshot(7).await.is_err());
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

/// Cannot be cloned, and copied only if it says so.
struct Errand {
    copyable: bool,
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_copied_is_sent_once_and_its_failure_handed_over() {
    let copy = |errand: &Errand| errand.copyable.then_some(Errand { copyable: true });
    let layer = AdaptiveLayer::new(&Config::default()).unwrap();
    let layer = layer.with_request_rule(Repeatable).with_cloner(copy);
    let handle = layer.handle();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let service = layer.layer(service_fn(move |_: Errand| {
        let fails = counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        async move { if fails { Err(TestError::Failed) } else { Ok(()) } }
    }));
    assert_eq!(service.clone().oneshot(Errand { copyable: true }).await, Ok(()));
    assert_eq!(service.oneshot(Errand { copyable: false }).await, Err(TestError::Failed));
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    assert_eq!((handle.status().under_way, handle.status().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_never_answers_is_given_up_at_the_deadline_and_may_have_been_sent() {
    let (layer, handle) = layer(&Config::default().with_patience(300 * MS));
    let service =
        layer.layer(service_fn(|_: u32| std::future::pending::<Result<u32, TestError>>()));
    let began = clock::now();
    let error = service.clone().oneshot(1).await.unwrap_err();
    let rejection = error.rejection().unwrap();
    assert_eq!((rejection.reason(), rejection.sent()), (Reason::DeadlineExceeded, Sent::Unknown));
    assert!((300 * MS..302 * MS).contains(&clock::now().since(began)));
    assert_eq!(handle.status().under_way, 0);

    let sooner = CallContext::NEW.with_deadline(clock::now().after(50 * MS));
    let began = clock::now();
    assert!(sooner.scope(service.oneshot(1)).await.is_err());
    assert!((50 * MS..52 * MS).contains(&clock::now().since(began)));
}

#[tokio::test(start_paused = true)]
async fn the_dead_are_left_alone_and_those_who_wait_are_served_when_they_live() {
    let (layer, handle) = layer(&Config::default());
    let lives = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU32::new(0));
    let (alive, counted) = (lives.clone(), calls.clone());
    let service = layer.layer(service_fn(move |request: u32| {
        counted.fetch_add(1, Ordering::Relaxed);
        let lives = alive.load(Ordering::Relaxed);
        async move { if lives { Ok(request) } else { Err(TestError::Failed) } }
    }));
    while !handle.status().dead {
        assert!(service.clone().oneshot(1).await.is_err());
    }
    calls.store(0, Ordering::Relaxed);
    let waiting: Vec<_> = (0..50).map(|nth| tokio::spawn(service.clone().oneshot(nth))).collect();
    tokio::time::sleep(500 * MS).await;
    assert!(handle.status().parked >= 25, "{:?}", handle.status());
    let probes = calls.load(Ordering::Relaxed);
    assert!((1..=25).contains(&probes), "{probes} probes");
    lives.store(true, Ordering::Relaxed);
    let mut served = 0;
    for call in waiting {
        served += u32::from(call.await.unwrap().is_ok());
    }
    // Probes that failed may have taken their calls with them.
    assert!(served >= 50 - probes, "{served} served");
    assert!(!handle.status().dead);
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_waits_in_the_order_of_classes_and_is_woken() {
    let (layer, handle) = layer(&Config::default().with_ceiling(1));
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = order.clone();
    let service = layer.layer(service_fn(move |request: u32| {
        seen.lock().unwrap().push(request);
        async move {
            tokio::time::sleep(20 * MS).await;
            Ok::<_, TestError>(request)
        }
    }));
    let call = |request, class| {
        let service = service.clone();
        let context = CallContext::NEW.with_class(class);
        tokio::spawn(context.scope(service.oneshot(request)))
    };
    let first = call(0, Class::Normal);
    tokio::task::yield_now().await;
    let (normal, critical) = (call(1, Class::Normal), call(2, Class::Critical));
    let sheddable = call(3, Class::Sheddable);
    tokio::task::yield_now().await;
    assert_eq!((handle.status().under_way, handle.status().waiting), (1, 2));
    for call in [first, normal, critical] {
        assert!(call.await.unwrap().is_ok());
    }
    let refused = sheddable.await.unwrap().unwrap_err();
    assert_eq!(refused.rejection().unwrap().reason(), Reason::Full);
    assert_eq!(*order.lock().unwrap(), [0, 2, 1]);
}

/// Whoever is refused may hear of it late, as on a busy machine, and another may have come meanwhile.
#[tokio::test(start_paused = true)]
async fn who_hears_late_of_the_end_of_his_wait_hears_of_it_all_the_same() {
    let (layer, handle) = layer(&Config::default().with_ceiling(1));
    let service = layer.layer(service_fn(|request: u32| async move {
        tokio::time::sleep(900 * MS).await;
        Ok::<_, TestError>(request)
    }));
    let mut first = tokio_test::task::spawn(service.clone().oneshot(1));
    assert!(first.poll().is_pending());
    let mut late = tokio_test::task::spawn(service.clone().oneshot(2));
    assert!(late.poll().is_pending());
    tokio::time::sleep(500 * MS).await;
    assert!(late.is_woken() && handle.status().waiting == 0);
    let mut another = tokio_test::task::spawn(service.clone().oneshot(3));
    assert!(another.poll().is_pending());
    let std::task::Poll::Ready(Err(refused)) = late.poll() else { panic!("it still waits") };
    assert_eq!(refused.rejection().unwrap().reason(), Reason::QueueTimeout);
    tokio::time::sleep(400 * MS).await;
    assert_eq!(first.poll(), std::task::Poll::Ready(Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn another_attempt_goes_beside_one_that_is_overdue() {
    let (layer, handle) = layer(&Config::default());
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let service = layer.layer(service_fn(move |request: u32| {
        let nth = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::time::sleep(if nth == 200 { 900 * MS } else { 5 * MS }).await;
            Ok::<_, TestError>(request)
        }
    }));
    for _ in 0..200 {
        service.clone().oneshot(1).await.unwrap();
    }
    let began = clock::now();
    assert_eq!(service.oneshot(2).await, Ok(2));
    let took = clock::now().since(began);
    assert!((120 * MS..140 * MS).contains(&took), "{took:?}");
    assert_eq!((handle.counts().seconds, handle.status().under_way), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn dropped_calls_leave_line_and_limit() {
    let (layer, handle) = layer(&Config::default().with_ceiling(1));
    let service =
        layer.layer(service_fn(|_: u32| std::future::pending::<Result<u32, TestError>>()));
    let calls: Vec<_> = (0..4).map(|nth| tokio::spawn(service.clone().oneshot(nth))).collect();
    tokio::task::yield_now().await;
    assert_eq!((handle.status().under_way, handle.status().waiting), (1, 3));
    for call in &calls {
        call.abort();
    }
    for call in calls {
        assert!(call.await.unwrap_err().is_cancelled());
    }
    let status = handle.status();
    assert_eq!((status.under_way, status.waiting, status.parked), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_classifier_ignores_is_handed_over_and_says_nothing() {
    let layer = AdaptiveLayer::new(&Config::default()).unwrap().with_request_rule(Repeatable);
    let layer = layer.with_classifier(|_: Result<&u32, &TestError>| Outcome::Ignored);
    let handle = layer.handle();
    let (service, calls) = flaky(100);
    let service = layer.layer(service);
    for _ in 0..50 {
        assert!(service.clone().oneshot(1).await.is_err());
    }
    assert_eq!((calls.load(Ordering::Relaxed), handle.status().dead), (50, false));
}

#[tokio::test(start_paused = true)]
async fn it_can_be_read() {
    let (layer, handle) = layer(&Config::new("inventory"));
    layer.layer(flaky(0).0).oneshot(1).await.unwrap();
    assert_eq!(Sensor::name(&handle).as_str(), "inventory");
    let mut calls = None;
    handle.read(&mut |reading| {
        if reading.name == "calls_total" {
            calls = Some(reading.value);
        }
    });
    assert_eq!(calls, Some(1.0));
    assert!(Handle::new(&Config::default().with_replicas(2)).is_err());
}

/// Nobody is forgotten, however threads meet: every call ends long before its deadline.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_from_many_threads_all_end_and_leave_nothing() {
    let config = Config::default().with_ceiling(3).with_patience(Duration::from_secs(60));
    let (layer, handle) = layer(&config);
    let calls = Arc::new(AtomicU32::new(0));
    let service = layer.layer(service_fn(move |request: u32| {
        let nth = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::task::yield_now().await;
            if nth.is_multiple_of(5) { Err(TestError::Failed) } else { Ok(request) }
        }
    }));
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let service = service.clone();
            let context = CallContext::NEW.with_class(Class::Critical);
            tokio::spawn(context.scope(async move {
                for call in 0..300_u32 {
                    let response = service.clone().oneshot(task * 1_000 + call);
                    if call.is_multiple_of(7) {
                        let _ = tokio::time::timeout(Duration::ZERO, response).await;
                    } else if let Ok(answer) = response.await {
                        assert_eq!(answer, task * 1_000 + call);
                    }
                }
            }))
        })
        .collect();
    let all = async {
        for task in tasks {
            task.await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("every call ends");
    let status = handle.status();
    assert_eq!((status.under_way, status.waiting, status.parked, status.overdue), (0, 0, 0, 0));
}
