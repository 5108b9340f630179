//! What callers see of places, lines and steering, on paused time.

use std::borrow::Cow;
use std::cell::RefCell;
use std::future::{Future, pending, ready};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use salve_bulkhead::{
    Adaptive, Algorithm, BulkheadLayer, CallCounts, Config, Event, Handle, KeyedBulkheadLayer,
    KeyedHandle, Order, Permit, Ramp,
};
use salve_core::{
    CallContext, Class, Classify, Effector, End, Enforcement, Outcome, Ratio, Reason, Refusable,
    RegistryConfig, Rejection, RequestRule, Sensor, Settlement, clock,
};
use salve_testkit::{Mode, Probe, allocation_counter};
use tokio_test::task::{Spawn, spawn};
use tower::{Layer, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

fn config(places: u32, queue: u32) -> Config {
    Config::new("test").with_places(places).with_queue(queue)
}

fn bulkhead(places: u32, queue: u32) -> Handle {
    Handle::new(config(places, queue)).unwrap()
}

/// A call that has found no place and waits.
fn waiting<F: Future>(future: F) -> Spawn<F> {
    let mut call = spawn(future);
    assert!(call.poll().is_pending());
    call
}

fn reason<T: std::fmt::Debug>(polled: Poll<Result<T, Rejection>>) -> Reason {
    match polled {
        Poll::Ready(Err(rejection)) => rejection.reason(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_it_may_last_no_longer() {
    let bulkhead = Handle::new(config(1, 5).with_max_wait(40 * MS)).unwrap();
    let _held = bulkhead.try_acquire().unwrap();
    let began = clock::now();
    let rejection = bulkhead.acquire().await.unwrap_err();
    let waited = clock::now().since(began);
    assert!((40 * MS..=41 * MS).contains(&waited), "{waited:?}");
    assert_eq!((rejection.reason(), rejection.retry_after()), (Reason::QueueTimeout, None));
    assert_eq!(bulkhead.status().queued(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_call_waits_past_its_own_deadline() {
    let bulkhead = bulkhead(1, 5);
    let _held = bulkhead.try_acquire().unwrap();
    let began = clock::now();
    let context = CallContext::NEW.with_deadline(began.after(10 * MS));
    let rejection = context.scope(bulkhead.acquire()).await.unwrap_err();
    assert_eq!(rejection.reason(), Reason::DeadlineExceeded);
    assert!(clock::now().since(began) <= 11 * MS);
    let again = spawn(context.scope(bulkhead.acquire())).poll();
    assert_eq!(reason(again), Reason::DeadlineExceeded, "it lined up with no time left");
}

#[tokio::test(start_paused = true)]
async fn a_place_given_at_the_last_moment_is_taken() {
    let bulkhead = Handle::new(config(1, 5).with_max_wait(40 * MS)).unwrap();
    let held = bulkhead.try_acquire().unwrap();
    let mut call = waiting(bulkhead.acquire());
    tokio::time::advance(41 * MS).await;
    held.release();
    assert!(matches!(call.poll(), Poll::Ready(Ok(_))));
    assert_eq!(bulkhead.counts().queue_timeouts, 0);
}

#[tokio::test]
async fn the_highest_class_is_served_first_and_displaces_the_lowest() {
    let bulkhead = bulkhead(1, 2);
    let held = bulkhead.try_acquire().unwrap();
    let mut sheddable = waiting(bulkhead.acquire_as(Class::Sheddable));
    let mut normal = waiting(bulkhead.acquire());
    let mut critical = waiting(bulkhead.acquire_as(Class::Critical));
    assert!(sheddable.is_woken());
    assert_eq!(reason(sheddable.poll()), Reason::Displaced);
    assert_eq!(bulkhead.status().waiting, [0, 1, 1]);
    let mut late = spawn(bulkhead.acquire_as(Class::Sheddable));
    assert_eq!(reason(late.poll()), Reason::Full);

    drop(held);
    assert!(critical.is_woken() && !normal.is_woken());
    let Poll::Ready(Ok(permit)) = critical.poll() else { panic!("not served") };
    assert!(normal.poll().is_pending());
    drop(permit);
    assert!(normal.is_woken());
    assert!(matches!(normal.poll(), Poll::Ready(Ok(_))));
}

#[tokio::test]
async fn the_last_is_served_first_where_that_is_the_order() {
    for (order, first_served) in [(Order::Fifo, 0), (Order::Lifo, 2)] {
        let bulkhead = Handle::new(config(1, 5).with_order(order)).unwrap();
        let held = bulkhead.try_acquire().unwrap();
        let calls = [(); 3].map(|()| waiting(bulkhead.acquire()));
        drop(held);
        let woken = calls.iter().map(Spawn::is_woken).collect::<Vec<_>>();
        assert_eq!(woken.iter().position(|woken| *woken), Some(first_served), "{order:?}");
        assert_eq!(woken.iter().filter(|woken| **woken).count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_stands_serves_the_last_first_and_lets_newcomers_wait_for_less() {
    let bulkhead = Handle::new(config(1, 50).with_order(Order::adaptive())).unwrap();
    let mut held = bulkhead.try_acquire().unwrap();
    // Somebody waits all the time, each for less than 100 ms.
    for _ in 0..3 {
        let [mut first, mut second] = [(); 2].map(|()| waiting(bulkhead.acquire()));
        tokio::time::advance(45 * MS).await;
        drop(held);
        assert!(first.is_woken() && !second.is_woken(), "in the order in which they came");
        let Poll::Ready(Ok(permit)) = first.poll() else { panic!("not served") };
        drop(permit);
        let Poll::Ready(Ok(permit)) = second.poll() else { panic!("not served") };
        held = permit;
        assert_eq!(bulkhead.status().queued(), 0);
    }
    let began = clock::now();
    let mut oldest = waiting(bulkhead.acquire());
    tokio::time::advance(60 * MS).await;
    let mut early = waiting(bulkhead.acquire());
    tokio::time::advance(39 * MS).await;
    // The oldest gives up after 100 ms, by which time the line has stood for as long.
    tokio::time::advance(2 * MS).await;
    assert_eq!(reason(oldest.poll()), Reason::QueueTimeout);
    let newest = waiting(bulkhead.acquire());
    drop(held);
    assert!(newest.is_woken() && !early.is_woken());
    drop(newest);
    assert!(early.is_woken() && matches!(early.poll(), Poll::Ready(Ok(_))));
    assert!(clock::now().since(began) < 110 * MS);

    let _held = bulkhead.try_acquire().unwrap();
    let _oldest = waiting(bulkhead.acquire());
    tokio::time::advance(99 * MS).await;
    let _next = waiting(bulkhead.acquire());
    tokio::time::advance(2 * MS).await;
    let began = clock::now();
    let late = bulkhead.acquire().await.unwrap_err();
    assert_eq!(late.reason(), Reason::QueueTimeout);
    assert!(clock::now().since(began) <= 6 * MS, "newcomers wait for 5 ms");
}

#[tokio::test]
async fn a_ramp_refuses_the_lower_classes_before_the_line_is_full() {
    let ramp = Ramp { from: 1.0, to: 3.0 };
    let bulkhead = Handle::new(config(10, 100).with_ramp(ramp)).unwrap();
    let _held = (0..10).map(|_| bulkhead.try_acquire().unwrap()).collect::<Vec<_>>();
    let line_up = |class, count: usize| {
        let calls = (0..count).map(|_| {
            let mut call = spawn(bulkhead.acquire_as(class));
            match call.poll() {
                Poll::Pending => Some(call),
                refused => {
                    assert_eq!(reason(refused), Reason::Shed);
                    None
                }
            }
        });
        calls.collect::<Vec<_>>().into_iter().flatten().collect::<Vec<_>>()
    };
    // Ten may always wait; twenty is the end for sheddable calls, and thirty for normal ones.
    let sheddable = line_up(Class::Sheddable, 1_000);
    assert!((10..=20).contains(&sheddable.len()), "{}", sheddable.len());
    let normal = line_up(Class::Normal, 1_000);
    assert_eq!(sheddable.len() + normal.len(), 30);
    let critical = line_up(Class::Critical, 10);
    assert_eq!((critical.len(), bulkhead.status().queued()), (10, 40));
    assert_eq!(bulkhead.counts().shed, 2_000 - 30);
    assert_eq!(bulkhead.counts().rejected(), bulkhead.counts().shed);
}

#[tokio::test]
async fn who_has_a_free_place_does_not_overtake_who_waits_for_it() {
    let bulkhead = bulkhead(1, 5);
    let held = bulkhead.try_acquire().unwrap();
    let mut first = waiting(bulkhead.acquire());
    drop(held);
    assert_eq!(bulkhead.try_acquire().unwrap_err().reason(), Reason::Full);
    assert!(matches!(first.poll(), Poll::Ready(Ok(_))));
}

/// Asks for a place as it is woken, and keeps the answer.
struct Asks(Handle, Mutex<Option<Result<Permit, Rejection>>>);

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        *self.1.lock().unwrap() = Some(self.0.try_acquire());
    }
}

/// More are added than are woken at a time: between two rounds, places are free while the rest of
/// the line still waits for them.
#[tokio::test]
async fn who_asks_while_places_are_handed_out_does_not_overtake_the_line() {
    let bulkhead = bulkhead(1, 100);
    let _held = bulkhead.try_acquire().unwrap();
    let asks = Arc::new(Asks(bulkhead.clone(), Mutex::default()));
    let mut first = std::pin::pin!(bulkhead.acquire());
    let waker = Waker::from(Arc::clone(&asks));
    assert!(first.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    let others = [(); 29].map(|()| waiting(bulkhead.acquire()));
    bulkhead.resize(21).unwrap();
    let answer = asks.1.lock().unwrap().take().expect("the first in line is woken");
    assert_eq!(answer.unwrap_err().reason(), Reason::Full, "it overtook those who wait");
    assert_eq!(others.iter().filter(|call| call.is_woken()).count(), 19);
    let status = bulkhead.status();
    assert_eq!((status.in_use, status.queued()), (21, 10));
}

#[tokio::test]
async fn a_waiter_that_is_dropped_leaves_no_trace_and_passes_its_place_on() {
    let bulkhead = bulkhead(1, 5);
    let held = bulkhead.try_acquire().unwrap();
    let never_polled = bulkhead.acquire();
    let [gone, served, mut next] = [(); 3].map(|()| waiting(bulkhead.acquire()));
    drop((never_polled, gone));
    assert_eq!(bulkhead.status().queued(), 2);
    drop(held);
    assert!(served.is_woken() && !next.is_woken());
    drop(served);
    assert!(next.is_woken());
    assert!(matches!(next.poll(), Poll::Ready(Ok(_))));
    let status = bulkhead.status();
    assert_eq!((status.in_use, status.queued()), (0, 0));
}

#[tokio::test]
async fn more_places_go_to_as_many_as_wait_and_fewer_take_none_away() {
    let bulkhead = bulkhead(1, 100);
    let held = bulkhead.try_acquire().unwrap();
    let mut calls = (0..30).map(|_| waiting(bulkhead.acquire())).collect::<Vec<_>>();
    bulkhead.resize(21).unwrap();
    assert_eq!(calls.iter().filter(|call| call.is_woken()).count(), 20);
    let permits = calls.drain(..20).map(|mut call| call.poll()).collect::<Vec<_>>();
    assert!(permits.iter().all(Poll::is_ready));

    bulkhead.resize(2).unwrap();
    let status = bulkhead.status();
    assert_eq!((status.places, status.in_use, status.queued()), (2, 21, 10));
    drop(permits);
    assert_eq!(calls.iter().filter(|call| call.is_woken()).count(), 1);
    drop(held);
    assert_eq!(calls.iter().filter(|call| call.is_woken()).count(), 2);
}

#[tokio::test]
async fn closed_it_serves_who_waits_and_becomes_idle() {
    let bulkhead = bulkhead(1, 5);
    let held = bulkhead.try_acquire().unwrap();
    let mut call = waiting(bulkhead.acquire());
    bulkhead.close();
    assert_eq!(reason(spawn(bulkhead.acquire()).poll()), Reason::Closing);
    assert_eq!(bulkhead.try_acquire().unwrap_err().reason(), Reason::Closing);
    let mut idle = waiting(bulkhead.idle());
    let forgotten = waiting(bulkhead.idle());
    drop(forgotten);
    drop(held);
    let Poll::Ready(Ok(permit)) = call.poll() else { panic!("not served") };
    assert!(!idle.is_woken());
    drop(permit);
    assert!(idle.is_woken());
    assert!(idle.poll().is_ready());
    bulkhead.open();
    assert!(bulkhead.try_acquire().is_ok());
    assert_eq!(bulkhead.counts().closing, 2);
}

#[tokio::test]
async fn levers_do_what_they_say_and_may_be_pulled_twice() {
    let bulkhead = bulkhead(1, 0);
    for lever in ["close", "close"] {
        bulkhead.pull(lever).unwrap();
        assert!(bulkhead.status().closed);
    }
    bulkhead.pull("open").unwrap();
    assert!(!bulkhead.status().closed);
    assert!(bulkhead.pull("explode").is_err());
    let reducing = bulkhead.levers().iter().filter(|lever| lever.reduces_capacity);
    assert_eq!(reducing.map(|lever| lever.name).collect::<Vec<_>>(), ["close"]);
}

#[tokio::test]
async fn a_panic_gives_the_place_back_while_the_future_is_still_there() {
    let (probe, control) = Probe::new();
    let layer = BulkheadLayer::new(config(1, 0)).unwrap();
    for mode in [Mode::PanicInCall, Mode::PanicInPoll] {
        control.set(mode);
        let mut call = spawn(layer.layer(probe.clone()).oneshot(1));
        assert!(catch_unwind(AssertUnwindSafe(|| call.poll())).is_err());
        assert_eq!(layer.handle().status().in_use, 0, "{mode:?}");
    }
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

#[tokio::test]
async fn an_answer_that_has_only_begun_keeps_its_place() {
    for end in [End::Outcome(Outcome::Success), End::Cancelled] {
        let layer = BulkheadLayer::new(config(1, 0)).unwrap().with_classifier(Streamed);
        let begun = service_fn(|()| ready(Ok::<_, Rejection>(Settlement::new())));
        let answer = layer.layer(begun).oneshot(()).await.unwrap();
        assert_eq!(layer.handle().status().in_use, 1);
        answer.settle(end);
        assert_eq!(layer.handle().status().in_use, 0);
    }
}

#[derive(Clone)]
struct EvenIsCritical;

impl RequestRule<u32> for EvenIsCritical {
    fn is_repeatable(&self, _: &u32) -> bool {
        false
    }
    fn class(&self, request: &u32) -> Option<Class> {
        request.is_multiple_of(2).then_some(Class::Critical)
    }
}

#[tokio::test]
async fn the_class_is_the_rules_or_else_that_of_the_surrounding_call() {
    let layer = BulkheadLayer::new(config(1, 5)).unwrap().with_request_rule(EvenIsCritical);
    let handle = layer.handle();
    let _held = handle.try_acquire().unwrap();
    let (probe, _control) = Probe::new();
    let service = layer.layer(probe);
    let _by_rule = waiting(service.clone().oneshot(2));
    let _by_default = waiting(service.clone().oneshot(1));
    let context = CallContext::NEW.with_class(Class::Sheddable);
    let _by_context = waiting(context.scope(service.oneshot(1)));
    assert_eq!(handle.status().waiting, [1, 1, 1]);
}

#[tokio::test]
async fn in_shadow_mode_everything_passes_and_is_counted() {
    let bulkhead = Handle::new(config(1, 2).with_enforcement(Enforcement::Shadow)).unwrap();
    let mut events = bulkhead.subscribe(NonZeroUsize::new(9).unwrap());
    let permits = [(); 5].map(|()| spawn(bulkhead.acquire()).poll());
    assert!(permits.iter().all(|polled| matches!(polled, Poll::Ready(Ok(_)))));
    assert_eq!(bulkhead.status().in_use, 5);
    // One place and two in the line: the fourth and the fifth would have been refused.
    assert_eq!(bulkhead.counts(), CallCounts { shadow_rejected: 2, ..CallCounts::default() });
    let told = events.try_next().unwrap().event;
    let (reason, class) = (Reason::Full, Class::Normal);
    assert_eq!(told, Event::Rejected { reason, class, shadow: true });
    drop(permits);
    assert_eq!(bulkhead.status().in_use, 0);
}

#[tokio::test]
async fn new_settings_lose_nobody() {
    let bulkhead = bulkhead(1, 5);
    let held = bulkhead.try_acquire().unwrap();
    let mut calls = [(); 3].map(|()| waiting(bulkhead.acquire()));
    bulkhead.reconfigure(Config { name: "other".into(), ..config(1, 0) }).unwrap();
    assert_eq!(bulkhead.config().name, "test");
    assert_eq!(bulkhead.status().queued(), 3);
    assert_eq!(reason(spawn(bulkhead.acquire()).poll()), Reason::Full);
    drop(held);
    assert!(matches!(calls[0].poll(), Poll::Ready(Ok(_))));

    let before = bulkhead.config();
    let mistaken = before.clone().with_max_wait(Duration::ZERO).with_places(9);
    assert!(bulkhead.reconfigure(mistaken).is_err());
    assert_eq!(bulkhead.config(), before);
    bulkhead.reconfigure(before.with_enforcement(Enforcement::Shadow)).unwrap();
    assert!(calls[1..].iter().all(Spawn::is_woken), "nobody waits in shadow mode");
}

#[tokio::test]
async fn calls_are_made_once_they_have_a_place() {
    let bulkhead = bulkhead(1, 5);
    let held = bulkhead.try_acquire().unwrap();
    let made = AtomicU64::new(0);
    let mut call = waiting(bulkhead.call(|| async {
        made.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Rejection>(7)
    }));
    assert_eq!(made.load(Ordering::Relaxed), 0);
    drop(held);
    assert_eq!(call.poll(), Poll::Ready(Ok(7)));
    assert_eq!((made.load(Ordering::Relaxed), bulkhead.status().in_use), (1, 0));
    let hung = waiting(bulkhead.call(pending::<Result<(), Rejection>>));
    drop(hung);
    assert_eq!(bulkhead.status().in_use, 0);
}

#[test]
fn a_wait_without_a_limit_needs_no_runtime() {
    let bulkhead = Handle::new(config(1, 5).without_max_wait()).unwrap();
    let held = bulkhead.try_acquire().unwrap();
    let mut call = waiting(bulkhead.acquire());
    drop(held);
    assert!(matches!(call.poll(), Poll::Ready(Ok(_))));
}

#[tokio::test]
async fn waiting_allocates_nothing() {
    let bulkhead = bulkhead(1, 5);
    let queued = |rounds: usize| {
        for _ in 0..rounds {
            let held = bulkhead.try_acquire().unwrap();
            let mut call = std::pin::pin!(bulkhead.acquire());
            let mut cx = std::task::Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(&mut cx).is_pending());
            drop(held);
            assert!(call.as_mut().poll(&mut cx).is_ready());
        }
    };
    // The line's memory is reserved; the first timer of a runtime may allocate.
    queued(1);
    assert_eq!(allocation_counter::measure(|| queued(100)).count_total, 0);
}

#[tokio::test]
async fn listeners_and_sensors_are_told_with_no_lock_held() {
    thread_local!(static SEEN: RefCell<Vec<(Event, u32)>> = const { RefCell::new(Vec::new()) });
    let bulkhead = bulkhead(1, 1);
    let observed = bulkhead.clone();
    bulkhead.observe(move |told: &salve_core::Told<Event>| {
        let places = observed.status().places;
        SEEN.with_borrow_mut(|seen| seen.push((told.event, places)));
    });
    let _held = bulkhead.try_acquire().unwrap();
    let _normal = waiting(bulkhead.acquire());
    let _critical = waiting(bulkhead.acquire_as(Class::Critical));
    bulkhead.resize(3).unwrap();
    bulkhead.close();
    bulkhead.close();
    bulkhead.open();
    let displaced =
        Event::Rejected { reason: Reason::Displaced, class: Class::Normal, shadow: false };
    let resized = Event::Resized { from: 1, to: 3 };
    let expected = [(displaced, 1), (resized, 3), (Event::Closed, 3), (Event::Opened, 3)];
    assert_eq!(SEEN.take(), expected);

    let mut read = Vec::new();
    bulkhead.read(&mut |reading| read.push((reading.name, reading.value)));
    for expected in [("places", 3.0), ("in_use", 2.0), ("waiting", 0.0), ("displaced_total", 1.0)] {
        assert!(read.contains(&expected), "{expected:?} in {read:?}");
    }
}

fn by_host(host: &u32) -> Cow<'_, str> {
    Cow::Owned(format!("vps:{host}"))
}

#[tokio::test]
async fn each_key_has_places_of_its_own() {
    let ssh = config(3, 1);
    let hosts = KeyedHandle::<String>::new(ssh, RegistryConfig::default()).unwrap();
    let layer = KeyedBulkheadLayer::new(hosts.clone(), by_host);
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let service = layer.layer(probe);
    let running = [17, 17, 17, 18].map(|host| waiting(service.clone().oneshot(host)));
    assert_eq!(control.in_flight(), 4);
    let queued = waiting(service.clone().oneshot(17));
    let refused = service.oneshot(17).await.unwrap_err();
    assert_eq!(refused.rejection().map(Rejection::reason), Some(Reason::Full));
    let status = hosts.status("vps:17").unwrap();
    assert_eq!((status.in_use, status.queued()), (3, 1));
    drop((running, queued));
    assert_eq!(hosts.status("vps:17").unwrap().in_use, 0);

    assert!(hosts.close("vps:17") && !hosts.close("vps:99"));
    assert_eq!(hosts.try_acquire("vps:17").unwrap_err().reason(), Reason::Closing);
    assert!(hosts.try_acquire("vps:18").is_ok());
    assert!(hosts.idle("vps:18").is_some());
    let mut events = hosts.subscribe(NonZeroUsize::new(4).unwrap());
    hosts.reconfigure(config(1, 0)).unwrap();
    let told = events.try_next().unwrap();
    assert_eq!((told.key, told.event), (None, Event::Reconfigured));
    assert!(events.try_next().is_none(), "once, however many keys there are");
    let _held = hosts.try_acquire("vps:19").unwrap();
    assert!(hosts.try_acquire("vps:19").is_err());
    assert_eq!(hosts.statuses().len(), 3);

    let mut read = Vec::new();
    hosts.read(&mut |reading| read.push((reading.name, reading.value)));
    for expected in [("keys", 3.0), ("queued_total", 1.0), ("full_total", 2.0)] {
        assert!(read.contains(&expected), "{expected:?} in {read:?}");
    }
    assert_eq!(Sensor::name(&hosts), "test");
}

#[tokio::test(start_paused = true)]
async fn keys_are_bounded_and_one_that_is_in_use_is_not_forgotten() {
    let bounds = RegistryConfig::default().with_max_keys(2).with_idle_after(MS);
    let hosts = KeyedHandle::<u32>::new(config(1, 0), bounds).unwrap();
    let _held = hosts.try_acquire(&0).unwrap();
    for host in 1..1_000 {
        tokio::time::advance(2 * MS).await;
        drop(hosts.try_acquire(&host).unwrap());
    }
    assert_eq!(hosts.registry_counts().keys, 2);
    assert_eq!(hosts.status(&0).unwrap().in_use, 1);
}

#[test]
fn settings_out_of_bounds_are_named() {
    for (config, text) in [
        (config(1_000_001, 0), "`places` is 1000001, but must be between 1 and 1000000"),
        (config(1, 100_001), "`queue` is 100001, but must be between 0 and 100000"),
        (
            config(1, 1).with_max_wait(Duration::from_micros(999)),
            "`max_wait` is 999µs, but must be between 1ms and 86400s",
        ),
        (
            config(1, 1).with_order(Order::Adaptive { target: 2 * MS, interval: MS }),
            "`order.target` is 2ms, but must be between 1ms and 1ms",
        ),
        (
            config(1, 1).with_ramp(Ramp { from: 2.0, to: 2.0 }),
            "`ramp.to` is 2, but must be more than `ramp.from`",
        ),
        (
            config(1, 1).with_adaptive(Adaptive::default().with_window(Duration::ZERO)),
            "`adaptive.window` is 0ns, but must be between 1ms and 60s",
        ),
        (
            config(1, 1).with_adaptive(
                Adaptive::default()
                    .with_algorithm(Algorithm::Aimd { backoff: Ratio::ONE, slow: MS }),
            ),
            "`adaptive.backoff` is 100%, but must be more than 0% and less than 100%",
        ),
        (
            config(1, 1).with_adaptive(
                Adaptive::default().with_algorithm(Algorithm::Gradient2 { tolerance: f64::NAN }),
            ),
            "`adaptive.tolerance` is NaN, but must be between 1 and 10",
        ),
    ] {
        assert_eq!(Handle::new(config).unwrap_err().to_string(), format!("bulkhead: {text}"));
    }
}

/// Many threads take, wait, give up and resize; nobody is forgotten and no place is lost.
#[test]
fn threads_that_meet_lose_no_place_and_no_waiter() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    let bulkhead = Handle::new(config(3, 1_000).without_max_wait()).unwrap();
    let (under_way, peak) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let done = runtime.block_on(async {
        let tasks = (0..16_u32).map(|task| {
            let (bulkhead, under_way, peak) =
                (bulkhead.clone(), Arc::clone(&under_way), Arc::clone(&peak));
            tokio::spawn(async move {
                for round in 0..500_u32 {
                    if (task + round).is_multiple_of(7) {
                        drop(spawn(bulkhead.acquire()).poll());
                    }
                    if task == 0 {
                        bulkhead.resize(1 + round % 3).unwrap();
                    }
                    let permit = bulkhead.acquire().await.unwrap();
                    let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
                    peak.fetch_max(now, Ordering::SeqCst);
                    if round.is_multiple_of(3) {
                        tokio::task::yield_now().await;
                    }
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            })
        });
        let tasks = tasks.collect::<Vec<_>>();
        let all = async {
            for task in tasks {
                task.await.unwrap();
            }
            bulkhead.idle().await;
        };
        tokio::time::timeout(Duration::from_secs(60), all).await
    });
    assert!(done.is_ok(), "somebody waits for ever: {:?}", bulkhead.status());
    assert!(peak.load(Ordering::SeqCst) <= 3);
    let status = bulkhead.status();
    assert_eq!((status.in_use, status.queued()), (0, 0));
}
