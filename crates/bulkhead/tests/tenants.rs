//! A tenant who asks for too much takes nothing away from the others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use salve_bulkhead::{
    BulkheadLayer, Config, Event, Handle, KeyedBulkheadLayer, KeyedHandle, Order,
};
use salve_core::{Class, Reason, Refusable, RegistryConfig, RequestRule, Unrepeatable, label};
use salve_testkit::TestError;
use tower::{Layer, Service, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);
const NAMES: [&str; 4] = ["noisy", "ada", "bob", "cy"];

fn config() -> Config {
    Config::new("shop").with_places(2).with_queue(40).with_max_wait(200 * MS)
}

fn work()
-> impl Service<&'static str, Response = (), Error = TestError, Future: Send> + Clone + Send + 'static
{
    service_fn(|_: &'static str| async {
        tokio::time::sleep(10 * MS).await;
        Ok(())
    })
}

/// Ten calls a second of each tenant but the noisy one, who makes fifty times as many: 530 in all,
/// where 200 fit. The share of each that was served.
async fn served(
    service: impl Service<&'static str, Response = (), Error = TestError, Future: Send>
    + Clone
    + Send
    + 'static,
) -> BTreeMap<&'static str, f64> {
    let mut calls = Vec::new();
    for step in 0..1_000 {
        for (nth, name) in NAMES.into_iter().enumerate() {
            let every = if nth == 0 { 2 } else { 100 };
            if (step + nth) % every == 0 {
                calls.push((name, tokio::spawn(service.clone().oneshot(name))));
            }
        }
        tokio::time::sleep(MS).await;
    }
    let mut shares: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for (name, call) in calls {
        let (good, all) = shares.entry(name).or_default();
        *good += u32::from(call.await.unwrap().is_ok());
        *all += 1;
    }
    shares.into_iter().map(|(name, (good, all))| (name, f64::from(good) / f64::from(all))).collect()
}

#[tokio::test(start_paused = true)]
async fn the_modest_are_all_served_beside_a_noisy_one() {
    let rule = Unrepeatable.with_tenant(|name: &&'static str| Some(label(*name)));
    let fair = BulkheadLayer::new(config().with_tenant_lanes(16)).unwrap();
    let shares = served(fair.with_request_rule(rule).layer(work())).await;
    assert!(NAMES[1..].iter().all(|name| shares[name] == 1.0), "{shares:?}");
    // What the others leave is the noisy one's.
    assert!((0.3..0.42).contains(&shares["noisy"]), "{shares:?}");

    let unfair = BulkheadLayer::new(config()).unwrap();
    let shares = served(unfair.with_request_rule(rule).layer(work())).await;
    assert!(NAMES[1..].iter().all(|name| shares[name] < 0.8), "{shares:?}");
}

#[tokio::test(start_paused = true)]
async fn each_key_has_lanes_of_its_own() {
    let rule = Unrepeatable.with_tenant(|name: &&'static str| Some(label(*name)));
    let fair = config().with_tenant_lanes(16);
    let hosts = KeyedHandle::<String>::new(fair, RegistryConfig::default()).unwrap();
    fn one_host<'a>(_: &'a &'static str) -> Cow<'a, str> {
        Cow::Borrowed("host")
    }
    let layer = KeyedBulkheadLayer::new(hosts, one_host).with_request_rule(rule);
    let shares = served(layer.layer(work())).await;
    assert!(NAMES[1..].iter().all(|name| shares[name] == 1.0), "{shares:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_line_makes_room_for_who_has_less_there_but_never_for_a_lower_class() {
    let handle = Handle::new(config().with_places(1).with_queue(4).with_tenant_lanes(8)).unwrap();
    let mut told = handle.subscribe(NonZeroUsize::new(100).unwrap());
    let permit = handle.try_acquire().unwrap();
    let wait = |tenant, class| {
        let mut wait = tokio_test::task::spawn(handle.acquire_as(class).with_tenant(tenant));
        let first = wait.poll();
        (wait, first)
    };
    let (mut greedy, _): (Vec<_>, Vec<_>) = (0..4).map(|_| wait(1, Class::Normal)).unzip();
    let reason_of = |polled: std::task::Poll<Result<_, salve_core::Rejection>>| match polled {
        std::task::Poll::Ready(Err(rejection)) => Some(rejection.rejection().unwrap().reason()),
        _ => None,
    };
    // Another of the same tenant, or one of a lower class, finds no room.
    assert_eq!(reason_of(wait(1, Class::Normal).1), Some(Reason::Full));
    assert_eq!(reason_of(wait(2, Class::Sheddable).1), Some(Reason::Full));
    // 4 and 0 become 3 and 1, then 2 and 2; a third call of the newcomer would only turn it around.
    let (_second, first_answer) = wait(2, Class::Normal);
    let (_third, second_answer) = wait(2, Class::Normal);
    assert!(first_answer.is_pending() && second_answer.is_pending());
    assert_eq!(reason_of(wait(2, Class::Normal).1), Some(Reason::Full));
    assert_eq!(reason_of(greedy[3].poll()), Some(Reason::Displaced));
    assert_eq!(reason_of(greedy[2].poll()), Some(Reason::Displaced));
    assert_eq!(handle.status().waiting, [0, 4, 0]);
    assert_eq!(handle.counts().displaced, 2);
    let displaced = |event| matches!(event, Event::Rejected { reason: Reason::Displaced, .. });
    let events = std::iter::from_fn(|| told.try_next()).map(|told| told.event);
    assert_eq!(events.filter(|event| displaced(*event)).count(), 2);
    drop(permit);
}

#[tokio::test(start_paused = true)]
async fn tenants_take_turns_and_new_lanes_keep_everybody_in_order() {
    let fair = config().with_places(1).with_tenant_lanes(4);
    let handle = Handle::new(fair.clone()).unwrap();
    let order = |handle: &Handle| {
        let (handle, order) = (handle.clone(), std::sync::Arc::new(std::sync::Mutex::new(vec![])));
        let held = handle.try_acquire().unwrap();
        let calls: Vec<_> = [1, 1, 1, 2, 3, 2]
            .into_iter()
            .map(|tenant| {
                let (wait, order) = (handle.acquire().with_tenant(tenant), order.clone());
                tokio::spawn(async move {
                    let _permit = wait.await.unwrap();
                    order.lock().unwrap().push(tenant);
                    tokio::time::sleep(MS).await;
                })
            })
            .collect();
        (held, calls, order)
    };
    let (held, calls, seen) = order(&handle);
    tokio::task::yield_now().await;
    drop(held);
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3, 1, 2, 1]);

    let (held, calls, seen) = order(&handle);
    tokio::task::yield_now().await;
    handle.reconfigure(fair.with_tenant_lanes(1).with_order(Order::Fifo)).unwrap();
    assert_eq!(handle.status().waiting, [0, 6, 0]);
    drop(held);
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), [1, 1, 1, 2, 3, 2]);
}
