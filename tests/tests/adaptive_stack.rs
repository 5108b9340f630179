//! A stack whose decisions one controller takes: what stands around it and within it still works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use salve::{Error, Reason, Repeatable, adaptive, fallback, rate_limit, stack};
use tower::{Layer, Service, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

/// A dependency that can be broken, and how often it was called.
#[derive(Clone, Default)]
struct Dependency {
    is_down: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
}

impl Dependency {
    fn client(
        &self,
    ) -> impl Service<u32, Response = u32, Error = String, Future: Send> + Clone + Send + 'static
    {
        let Self { is_down, calls } = self.clone();
        service_fn(move |request: u32| {
            calls.fetch_add(1, Ordering::Relaxed);
            let fails = is_down.load(Ordering::Relaxed);
            async move {
                tokio::time::sleep(5 * MS).await;
                if fails { Err("down".to_owned()) } else { Ok(request) }
            }
        })
    }

    fn set_down(&self, down: bool) {
        self.is_down.store(down, Ordering::Relaxed);
        self.calls.store(0, Ordering::Relaxed);
    }
}

fn reason<T>(result: Result<T, Error<String>>) -> Option<Reason> {
    match result {
        Err(Error::Rejected(rejection)) => Some(rejection.reason()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_dead_are_hardly_called_and_come_back_without_a_threshold_being_set() {
    for seed in 0..8 {
        fastrand::seed(seed);
        the_dead_are_hardly_called(seed).await;
    }
}

async fn the_dead_are_hardly_called(seed: u64) {
    let (layer, handle) =
        stack("inventory").with_request_rule(Repeatable).adaptive().build().unwrap();
    let dependency = Dependency::default();
    let service = layer.layer(dependency.client());
    for nth in 0..100 {
        assert_eq!(service.clone().oneshot(nth).await.unwrap(), nth);
    }
    dependency.set_down(true);
    let calls: Vec<_> = (0..400)
        .map(|nth| {
            let service = service.clone();
            tokio::spawn(async move {
                tokio::time::sleep(nth * 10 * MS).await;
                service.oneshot(nth).await.is_ok()
            })
        })
        .collect();
    tokio::time::sleep(2_000 * MS).await;
    assert!(handle.adaptive().unwrap().status().dead);
    let into_the_dead = dependency.calls.load(Ordering::Relaxed);
    assert!(into_the_dead < 60, "{seed}: {into_the_dead} of 200 calls were sent to what was down");
    dependency.set_down(false);
    let mut served = 0;
    for (nth, call) in calls.into_iter().enumerate() {
        // Those who came within their patience before it was up again are served too.
        served += u32::from(call.await.unwrap() && nth >= 200);
    }
    assert!(served >= 195, "{seed}: {served} of 200 were served once it was up");
    assert!(handle.retry().is_none() && handle.circuit_breaker().is_none());
    assert_eq!(handle.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_answers_for_what_it_refuses_and_a_full_rate_is_no_failure_to_it() {
    for seed in 0..8 {
        fastrand::seed(seed);
        a_fallback_answers(seed).await;
    }
}

async fn a_fallback_answers(seed: u64) {
    let value = fallback::Alternative::value("none", 0);
    let chain = fallback::Chain::new(fallback::Config::default(), [value]).unwrap();
    let quota = rate_limit::Quota::per_second(10).with_burst(10);
    let (layer, handle) = stack("inventory")
        .with_rate_limit(rate_limit::Config::new("inventory", quota))
        .with_fallback(fallback::FallbackLayer::from(chain))
        .adaptive()
        .build()
        .unwrap();
    let dependency = Dependency::default();
    let service = layer.layer(dependency.client());
    let calls: Vec<_> = (1..=100).map(|nth| tokio::spawn(service.clone().oneshot(nth))).collect();
    let (mut served, mut replaced) = (0, 0);
    for call in calls {
        match call.await.unwrap().unwrap() {
            0 => replaced += 1,
            _ => served += 1,
        }
    }
    assert_eq!(served + replaced, 100);
    assert_eq!(served, dependency.calls.load(Ordering::Relaxed));
    assert!((10..=21).contains(&served), "{seed}: {served} served at 10 a second within a second");
    assert!(!handle.adaptive().unwrap().status().dead);
}

#[tokio::test(start_paused = true)]
async fn it_closes_like_any_stack_and_is_read_and_steered_through_its_handle() {
    let config = adaptive::Config::new("ignored").with_patience(300 * MS);
    let (layer, handle) = stack("inventory").with_adaptive(config).build().unwrap();
    let names: Vec<_> = handle.sensors().map(|sensor| sensor.name().to_string()).collect();
    assert_eq!(names, ["inventory/adaptive"]);
    let service = layer.layer(service_fn(|_: u32| std::future::pending::<Result<u32, String>>()));
    let began = tokio::time::Instant::now();
    assert_eq!(reason(service.clone().oneshot(1).await), Some(Reason::DeadlineExceeded));
    assert!((300 * MS..302 * MS).contains(&began.elapsed()));
    handle.effectors().next().unwrap().pull("close").unwrap();
    assert_eq!(reason(service.clone().oneshot(1).await), Some(Reason::Closing));
    handle.effectors().next().unwrap().pull("open").unwrap();
    assert_eq!(handle.close(MS).await, 0);
    assert_eq!(reason(service.oneshot(1).await), Some(Reason::Closing));
    let wrong = adaptive::Config::default().with_max_attempts(0);
    assert_eq!(stack("x").with_adaptive(wrong).build().unwrap_err().field(), "max_attempts");
}
