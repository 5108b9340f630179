//! What an operator sees of a controller, and what can be done to it while it runs.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve_adaptive::{AdaptiveLayer, Config, Event, Handle, Part};
use salve_core::{
    Effector, Enforcement, Reason, Refusable, Repeatable, RequestRule, Subscription, label,
};
use salve_testkit::TestError;
use tower::{Layer, Service, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

/// Fails for odd numbers.
fn half_dead()
-> impl Service<u32, Response = u32, Error = TestError, Future: Send> + Clone + Send + 'static {
    service_fn(|request: u32| async move {
        if request.is_multiple_of(2) { Ok(request) } else { Err(TestError::Failed) }
    })
}

fn events(subscription: &mut Subscription<Event>) -> Vec<Event> {
    std::iter::from_fn(|| subscription.try_next()).map(|told| told.event).collect()
}

fn handle(config: &Config) -> (Handle, Subscription<Event>) {
    let handle = Handle::new(config).unwrap();
    let subscription = handle.subscribe(NonZeroUsize::new(1_000).unwrap());
    (handle, subscription)
}

#[tokio::test(start_paused = true)]
async fn a_dead_scope_is_left_alone_while_the_others_are_served() {
    let (handle, mut told) = handle(&Config::default().without(Part::Retries));
    let rule = Repeatable.with_scope(|request: &u32| Some(label(&(request % 2))));
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let service = AdaptiveLayer::from(handle.clone()).with_request_rule(rule).layer(service_fn(
        move |request: u32| {
            counted.fetch_add(request % 2, Ordering::Relaxed);
            half_dead().oneshot(request)
        },
    ));
    let mut odd = 0;
    while handle.dead_scopes().is_empty() {
        let _ = service.clone().oneshot(2).await;
        assert!(service.clone().oneshot(1).await.is_err());
        odd += 1;
        assert!(odd < 100, "it never died");
    }
    assert_eq!(handle.dead_scopes(), [label(&1_u32)]);
    assert_eq!((handle.status().dead, handle.status().dead_scopes), (false, 1));
    assert_eq!(events(&mut told), [Event::ScopeDied { scope: label(&1_u32) }]);

    asked.store(0, Ordering::Relaxed);
    let waiting = tokio::spawn(service.clone().oneshot(3));
    for _ in 0..100 {
        assert_eq!(service.clone().oneshot(4).await, Ok(4));
        tokio::time::advance(5 * MS).await;
    }
    assert!(waiting.await.unwrap().is_err());
    assert!(asked.load(Ordering::Relaxed) <= 20, "{asked:?} probes in half a second");
}

#[tokio::test(start_paused = true)]
async fn deaths_and_revivals_are_told() {
    let (handle, mut told) = handle(&Config::default().without(Part::Retries));
    let service = AdaptiveLayer::from(handle.clone()).layer(half_dead());
    while !handle.status().dead {
        assert!(service.clone().oneshot(1).await.is_err());
    }
    assert_eq!(service.oneshot(2).await, Ok(2));
    assert_eq!(events(&mut told), [Event::Died, Event::Revived]);
}

#[tokio::test(start_paused = true)]
async fn in_shadow_mode_every_call_passes_once_and_what_would_have_waited_is_counted() {
    let config = Config::default().with_ceiling(2).with_enforcement(Enforcement::Shadow);
    let (handle, mut told) = handle(&config);
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let layer = AdaptiveLayer::from(handle.clone()).with_request_rule(Repeatable);
    let service = layer.layer(service_fn(move |request: u32| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            // Longer than anybody is patient: nothing is given up.
            tokio::time::sleep(2_000 * MS).await;
            half_dead().oneshot(request).await
        }
    }));
    let all: Vec<_> = (0..5).map(|nth| tokio::spawn(service.clone().oneshot(nth))).collect();
    tokio::task::yield_now().await;
    assert_eq!(calls.load(Ordering::Relaxed), 5);
    let mut served = 0;
    for call in all {
        served += u32::from(call.await.unwrap().is_ok());
    }
    assert_eq!((served, calls.load(Ordering::Relaxed)), (3, 5));
    let (status, counts) = (handle.status(), handle.counts());
    assert_eq!((status.under_way, status.waiting, status.parked), (0, 0, 0));
    assert_eq!((counts.shadow_rejected, counts.retries), (3, 0));
    let rejected = Event::Rejected { reason: Reason::Full, shadow: true };
    assert_eq!(events(&mut told), [rejected; 3]);
}

#[tokio::test(start_paused = true)]
async fn closed_it_refuses_new_calls_and_finishes_those_under_way() {
    let (handle, mut told) = handle(&Config::default());
    let service =
        AdaptiveLayer::from(handle.clone()).layer(service_fn(|request: u32| async move {
            tokio::time::sleep(20 * MS).await;
            Ok::<_, TestError>(request)
        }));
    let under_way = tokio::spawn(service.clone().oneshot(1));
    tokio::task::yield_now().await;
    handle.pull("close").unwrap();
    handle.pull("close").unwrap();
    let refused = service.clone().oneshot(2).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().reason(), Reason::Closing);
    assert_eq!(under_way.await.unwrap(), Ok(1));
    handle.pull("open").unwrap();
    assert_eq!(service.oneshot(3).await, Ok(3));
    assert_eq!((handle.counts().closing, handle.counts().refusals()), (1, 1));
    let rejected = Event::Rejected { reason: Reason::Closing, shadow: false };
    assert_eq!(events(&mut told), [Event::Closed, rejected, Event::Opened]);
    let unknown = handle.pull("trip").unwrap_err();
    assert_eq!(unknown.to_string(), "`adaptive` has no lever `trip`");
}

#[tokio::test(start_paused = true)]
async fn a_reset_forgets_a_death_and_lets_those_in_who_wait() {
    let (handle, mut told) = handle(&Config::default().without(Part::Retries));
    let service = AdaptiveLayer::from(handle.clone()).layer(half_dead());
    while !handle.status().dead {
        assert!(service.clone().oneshot(1).await.is_err());
    }
    // The first probe was due at once; those after it wait.
    assert!(service.clone().oneshot(1).await.is_err());
    let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(service.clone().oneshot(2))).collect();
    tokio::task::yield_now().await;
    assert_eq!(handle.status().parked, 3);
    handle.pull("reset").unwrap();
    for call in waiting {
        assert_eq!(call.await.unwrap(), Ok(2));
    }
    assert_eq!((handle.status().dead, handle.status().parked), (false, 0));
    assert_eq!(events(&mut told), [Event::Died, Event::Reset]);
}

#[tokio::test(start_paused = true)]
async fn new_settings_are_followed_at_once_and_bad_ones_change_nothing() {
    let config = Config::new("inventory").with_ceiling(1).without(Part::Limit);
    let (handle, mut told) = handle(&config);
    let layer = AdaptiveLayer::from(handle.clone());
    let service = layer.layer(service_fn(|request: u32| async move {
        tokio::time::sleep(20 * MS).await;
        Ok::<_, TestError>(request)
    }));
    let calls: Vec<_> = (0..3).map(|nth| tokio::spawn(service.clone().oneshot(nth))).collect();
    tokio::task::yield_now().await;
    assert_eq!((handle.status().under_way, handle.status().waiting), (1, 2));

    let before = handle.config();
    let refused = handle.reconfigure(before.clone().with_max_attempts(0)).unwrap_err();
    assert_eq!(refused.field(), "max_attempts");
    let refused = handle.reconfigure(before.clone().with_replicas(2)).unwrap_err();
    assert_eq!(refused.field(), "replicas");
    assert_eq!((handle.config(), events(&mut told)), (before, vec![]));

    // More room: those in line are let in without waiting for a place.
    let wider = config.with_ceiling(10);
    handle.reconfigure(Config { name: "ignored".into(), ..wider.clone() }).unwrap();
    assert_eq!((handle.status().under_way, handle.status().waiting), (3, 0));
    assert_eq!(handle.config(), wider);
    assert_eq!(events(&mut told), [Event::Reconfigured]);
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
}
