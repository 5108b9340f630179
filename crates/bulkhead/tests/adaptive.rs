//! What callers see of a number of places that moves, on paused time.

use std::cell::RefCell;
use std::future::ready;
use std::time::Duration;

use salve_bulkhead::{
    Adaptive, Algorithm, BulkheadLayer, Config, Event, Handle, KeyedHandle, Permit, Why,
};
use salve_core::{
    Classify, End, Enforcement, Outcome, RegistryConfig, Rejection, Sensor, Settlement, Told,
};
use salve_testkit::{Mode, Probe, allocation_counter};
use tokio::time::advance;
use tokio_test::task::spawn;
use tower::{Layer, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

/// It moves with every answer, which makes its steps easy to foresee.
fn aimd(places: u32) -> Config {
    let adaptive = Adaptive::default().with_algorithm(Algorithm::aimd());
    Config::new("test").with_places(places).with_adaptive(adaptive)
}

fn bulkhead(places: u32) -> Handle {
    Handle::new(aimd(places)).unwrap()
}

fn permits(bulkhead: &Handle, count: usize) -> Vec<Permit> {
    (0..count).map(|_| bulkhead.try_acquire().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn answers_under_demand_add_places_and_those_go_to_who_waits() {
    let bulkhead = Handle::new(aimd(1).with_queue(5)).unwrap();
    let held = bulkhead.try_acquire().unwrap();
    let mut waiting = [(); 2].map(|()| spawn(bulkhead.acquire()));
    assert!(waiting.iter_mut().all(|call| call.poll().is_pending()));
    advance(MS).await;
    held.finish(Outcome::Success);
    assert_eq!(bulkhead.status().places, 2);
    assert!(waiting.iter_mut().all(|call| call.is_woken() && call.poll().is_ready()));
}

#[tokio::test(start_paused = true)]
async fn a_loss_takes_places_from_nobody_but_the_next() {
    let bulkhead = bulkhead(10);
    let mut held = permits(&bulkhead, 10);
    advance(MS).await;
    held.pop().unwrap().finish(Outcome::FAILURE);
    let status = bulkhead.status();
    assert_eq!((status.places, status.in_use), (9, 9));
    assert!(bulkhead.try_acquire().is_err());
    drop(held.pop());
    assert!(bulkhead.try_acquire().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_says_nothing_moves_nothing() {
    let bulkhead = bulkhead(10);
    for outcome in [Some(Outcome::Ignored), None] {
        let held = permits(&bulkhead, 10);
        advance(MS).await;
        for permit in held {
            match outcome {
                Some(outcome) => permit.finish(outcome),
                None => permit.release(),
            }
        }
    }
    let status = bulkhead.status();
    assert_eq!((status.places, status.in_use, status.usual_latency), (10, 0, None));
}

#[tokio::test(start_paused = true)]
async fn results_of_services_are_judged_by_the_classifier() {
    let (probe, control) = Probe::new();
    let layer = BulkheadLayer::new(aimd(1)).unwrap();
    let service = layer.layer(probe.clone());
    service.clone().oneshot(1).await.unwrap();
    assert_eq!(layer.handle().status().places, 2);
    control.set(Mode::Fail);
    service.oneshot(1).await.unwrap_err();
    assert_eq!(layer.handle().status().places, 1);

    let ignoring = layer.with_classifier(|_: Result<&u32, &_>| Outcome::Ignored);
    ignoring.layer(probe).oneshot(1).await.unwrap_err();
    assert_eq!(ignoring.handle().counts().limit_lowered, 1);
}

#[derive(Clone)]
struct Streamed;

impl Classify<Settlement, Rejection> for Streamed {
    fn classify(&self, _: Result<&Settlement, &Rejection>) -> Outcome {
        Outcome::Success
    }
    fn settlement<'a>(&self, response: &'a Settlement) -> Option<&'a Settlement> {
        Some(response)
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_timed_until_it_begins_and_holds_its_place_until_it_ends() {
    let layer = BulkheadLayer::new(aimd(1)).unwrap().with_classifier(Streamed);
    let handle = layer.handle();
    let begun = service_fn(|()| ready(Ok::<_, Rejection>(Settlement::new())));
    let answer = layer.layer(begun).oneshot(()).await.unwrap();
    assert_eq!((handle.status().in_use, handle.status().places), (1, 2));
    advance(60_000 * MS).await;
    answer.settle(End::Cancelled);
    assert_eq!((handle.status().in_use, handle.status().places), (0, 2));
    assert!(handle.status().usual_latency.unwrap() < MS);
}

#[tokio::test(start_paused = true)]
async fn listeners_and_sensors_are_told() {
    thread_local!(static SEEN: RefCell<Vec<(Event, u32)>> = const { RefCell::new(Vec::new()) });
    let bulkhead = bulkhead(10);
    let observed = bulkhead.clone();
    bulkhead.observe(move |told: &Told<Event>| {
        let places = observed.status().places;
        SEEN.with_borrow_mut(|seen| seen.push((told.event, places)));
    });
    let mut held = permits(&bulkhead, 10);
    advance(5 * MS).await;
    held.pop().unwrap().finish(Outcome::FAILURE);
    held.drain(..).for_each(|permit| permit.finish(Outcome::Success));
    let lowered = Event::LimitChanged { from: 10, to: 9, why: Why::Losses };
    assert_eq!(SEEN.take(), [(lowered, 9)]);

    let mut read = Vec::new();
    bulkhead.read(&mut |reading| read.push((reading.name, reading.value)));
    let expected = [("places", 9.0), ("limit_lowered_total", 1.0), ("usual_latency", 0.005)];
    for expected in expected {
        assert!(read.contains(&expected), "{expected:?} in {read:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn new_settings_keep_the_limit_the_permits_and_who_waits() {
    let bulkhead = Handle::new(aimd(4).with_queue(5)).unwrap();
    let mut held = permits(&bulkhead, 4);
    let mut waiting = spawn(bulkhead.acquire());
    assert!(waiting.poll().is_pending());
    held.pop().unwrap().finish(Outcome::FAILURE);
    assert_eq!(bulkhead.status().places, 3);

    // Another floor and ceiling, a fixed number, and one that moves again.
    let adaptive = Adaptive::default().with_algorithm(Algorithm::aimd());
    let bounded = aimd(4).with_queue(5).with_adaptive(adaptive.with_bounds(1, 200));
    bulkhead.reconfigure(bounded.clone()).unwrap();
    assert_eq!(bulkhead.status().places, 3);
    bulkhead.reconfigure(aimd(2).with_queue(5).without_adaptive()).unwrap();
    let status = bulkhead.status();
    assert_eq!((status.places, status.in_use, status.queued()), (2, 3, 1));
    held.pop().unwrap().finish(Outcome::FAILURE);
    assert_eq!(bulkhead.status().places, 2);
    bulkhead.reconfigure(bounded.with_places(6)).unwrap();
    assert_eq!(bulkhead.status().places, 6);
    assert!(waiting.is_woken() && waiting.poll().is_ready());
    bulkhead.resize(9).unwrap();
    assert_eq!(bulkhead.status().places, 9);
    drop(held);
    assert_eq!(bulkhead.status().in_use, 0);
}

#[tokio::test(start_paused = true)]
async fn in_shadow_mode_the_limit_moves_and_refuses_nobody() {
    let config = aimd(2).with_enforcement(Enforcement::Shadow);
    let bulkhead = Handle::new(config).unwrap();
    let held = permits(&bulkhead, 4);
    assert_eq!(bulkhead.counts().shadow_rejected, 2);
    advance(MS).await;
    held.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    assert!(bulkhead.status().places > 2);
}

#[tokio::test(start_paused = true)]
async fn each_key_has_a_limit_of_its_own() {
    let hosts = KeyedHandle::<u32>::new(aimd(1), RegistryConfig::default()).unwrap();
    let held = hosts.try_acquire(&1).unwrap();
    advance(MS).await;
    held.finish(Outcome::Success);
    drop(hosts.try_acquire(&2).unwrap());
    assert_eq!([1, 2].map(|key| hosts.status(&key).unwrap().places), [2, 1]);
}

#[tokio::test]
async fn measuring_allocates_nothing() {
    let aimd = Algorithm::aimd();
    for algorithm in [Algorithm::baseline(), aimd, Algorithm::vegas(), Algorithm::gradient2()] {
        let adaptive = Adaptive::default().with_algorithm(algorithm).with_window(MS);
        let bulkhead = Handle::new(Config::new("test").with_adaptive(adaptive)).unwrap();
        let calls = || {
            for _ in 0..10_000 {
                bulkhead.try_acquire().unwrap().finish(Outcome::Success);
            }
        };
        calls();
        assert_eq!(allocation_counter::measure(calls).count_total, 0, "{algorithm:?}");
    }
}
