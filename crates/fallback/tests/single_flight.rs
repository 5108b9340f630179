//! What single flight does, call by call, and over random orders beside a slow twin.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::task::Poll;
use std::time::Duration;

use proptest::prelude::*;
use salve_core::{Effector, Enforcement, Origin, Reason, Rejection, Repeatable, Sensor};
use salve_fallback::single_flight::{Config, Event, Flights, ShareAnswers, SingleFlightLayer};
use salve_testkit::{Mode, Probe, TestError};
use tokio::sync::oneshot;
use tokio_test::task::spawn;
use tower::{Layer, Service, ServiceExt, service_fn};

type By = fn(&u32) -> Cow<'_, u32>;

fn by_number(request: &u32) -> Cow<'_, u32> {
    Cow::Borrowed(request)
}

type Numbers = SingleFlightLayer<u32, u32, TestError, By, Repeatable>;

fn layer(config: Config) -> Numbers {
    let flights = Flights::new(config).unwrap();
    SingleFlightLayer::new(flights, by_number as By).with_request_rule(Repeatable)
}

fn rejected(reason: Reason) -> TestError {
    Rejection::new(&Origin::new("test", "test".into()), reason).into()
}

#[tokio::test]
async fn one_call_answers_all_that_wait_and_each_is_woken_once() {
    let layer = layer(Config::default());
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let mut service = layer.layer(probe);
    let mut calls: Vec<_> = (0..5).map(|_| spawn(service.call(7))).collect();
    let mut other = spawn(service.call(8));
    for call in calls.iter_mut().chain([&mut other]) {
        assert_eq!(call.poll(), Poll::Pending);
    }
    assert_eq!(control.calls(), 2);
    let status = layer.handle().status();
    assert_eq!((status.keys, status.waiting), (2, 4));
    control.release();
    assert!(calls[1..].iter().all(|call| !call.is_woken()), "nothing to tell yet");
    assert_eq!(calls[0].poll(), Poll::Ready(Ok(7)));
    for call in &mut calls[1..] {
        assert!(call.is_woken());
        assert_eq!(call.poll(), Poll::Ready(Ok(7)));
    }
    assert_eq!(other.poll(), Poll::Ready(Ok(8)));
    assert_eq!((control.calls(), layer.handle().counts().shared), (2, 4));
    // It is over: the next call is a new one.
    assert_eq!(service.call(7).await, Ok(7));
    assert_eq!(control.calls(), 3);
    assert_eq!(layer.handle().status().keys, 0);
}

#[tokio::test]
async fn errors_are_shared_but_not_what_was_said_to_the_leader_alone() {
    for (error, calls, shared) in [
        (TestError::Failed, 1, 2),
        (rejected(Reason::Unavailable), 1, 2),
        (rejected(Reason::DeadlineExceeded), 3, 0),
        (rejected(Reason::Shed), 3, 0),
        (rejected(Reason::Displaced), 3, 0),
    ] {
        let flights = Flights::<u32, u32, TestError>::new(Config::default()).unwrap();
        let made = Cell::new(0);
        let call = || {
            flights.call(7, || async {
                made.set(made.get() + 1);
                tokio::task::yield_now().await;
                Err(error.clone())
            })
        };
        let failed = Err(error.clone());
        assert_eq!(tokio::join!(call(), call(), call()), (failed.clone(), failed.clone(), failed));
        assert_eq!((made.get(), flights.handle().counts().shared), (calls, shared), "{error:?}");
    }
}

#[tokio::test]
async fn errors_that_cannot_be_cloned_are_each_callers_own_one_after_the_other() {
    #[derive(Debug, PartialEq)]
    struct Unclonable(u32);
    let flights = Flights::<u32, u32, Unclonable>::new(Config::default()).unwrap();
    let flights = flights.with_sharing(ShareAnswers);
    let (made, running) = (Cell::new(0), Cell::new(0));
    let call = || {
        flights.call(7, || async {
            made.set(made.get() + 1);
            running.set(running.get() + 1);
            assert_eq!(running.get(), 1, "one after the other");
            let nth = made.get();
            tokio::task::yield_now().await;
            running.set(running.get() - 1);
            if nth < 3 { Err(Unclonable(nth)) } else { Ok(nth) }
        })
    };
    let results = tokio::join!(call(), call(), call(), call(), call());
    let (first, second) = (Err(Unclonable(1)), Err(Unclonable(2)));
    assert_eq!(results, (first, second, Ok(3), Ok(3), Ok(3)));
    let counts = flights.handle().counts();
    assert_eq!((counts.promoted, counts.shared), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn each_waiter_keeps_its_own_deadline() {
    let flights = Flights::<u32, u32, TestError>::new(Config::default()).unwrap();
    let second = Duration::from_secs(1);
    let call = |limit: u32| {
        let call = flights.call(7, || async {
            tokio::time::sleep(10 * Duration::from_secs(1)).await;
            Ok(7)
        });
        tokio::time::timeout(limit * second, call)
    };
    let began = tokio::time::Instant::now();
    let (leader, short, long) = tokio::join!(call(3), call(1), call(30));
    assert!(leader.is_err() && short.is_err());
    assert_eq!(long.unwrap(), Ok(7));
    assert_eq!(began.elapsed(), 13 * second, "its own call began when the leader's time was over");
}

#[tokio::test]
async fn a_panic_of_the_leader_or_of_a_copy_loses_nobody() {
    let layer = layer(Config::default());
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let mut service = layer.layer(probe);
    let leader = tokio::spawn(service.call(7));
    tokio::task::yield_now().await;
    let mut waiter = spawn(service.call(7));
    assert_eq!(waiter.poll(), Poll::Pending);
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    assert!(waiter.is_woken());
    control.set(Mode::PanicInCall);
    let (mut second, mut third) = (spawn(service.call(7)), spawn(service.call(7)));
    assert!(second.poll().is_pending() && third.poll().is_pending());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waiter.poll()));
    assert!(panicked.is_err());
    drop(waiter);
    control.set(Mode::Answer);
    assert_eq!(second.poll(), Poll::Ready(Ok(7)));
    assert_eq!(third.poll(), Poll::Ready(Ok(7)));

    // A copy that panics, for the second of three that wait.
    let copies = Cell::new(0);
    let flights = Flights::<u32, u32, TestError>::new(Config::default()).unwrap();
    let flights = flights.with_sharing(|result: &Result<u32, TestError>| {
        copies.set(copies.get() + 1);
        assert!(copies.get() != 2, "planted");
        Some(result.clone())
    });
    let (sender, receiver) = oneshot::channel();
    let mut leader = spawn(flights.call(7, || async { Ok(receiver.await.unwrap()) }));
    assert!(leader.poll().is_pending());
    let mut waiting: Vec<_> = (0..3).map(|_| spawn(flights.call(7, || async { Ok(9) }))).collect();
    assert!(waiting.iter_mut().all(|waiter| waiter.poll().is_pending()));
    sender.send(7).unwrap();
    let landed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| leader.poll()));
    assert!(landed.is_err());
    let answers: Vec<_> = waiting.iter_mut().map(|waiter| waiter.poll()).collect();
    let [first, others @ ..] = &answers[..] else { unreachable!() };
    assert_eq!(first, &Poll::Ready(Ok(7)));
    assert_eq!(others, [Poll::Ready(Ok(9)), Poll::Ready(Ok(9))]);
    drop(waiting);
    assert_eq!(flights.handle().status().keys, 0);
}

#[tokio::test]
async fn requests_that_may_not_be_repeated_and_keys_past_the_bound_go_alone() {
    let flights = Flights::<u32, u32, TestError>::new(Config::default()).unwrap();
    let passing = SingleFlightLayer::<u32, _, _, _>::new(flights, by_number as By);
    let bounded = layer(Config::default().with_max_keys(1));
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let mut passing = passing.layer(probe.clone());
    let mut calls: Vec<_> = (0..2).map(|_| spawn(passing.call(7))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
    assert_eq!(control.calls(), 2);
    let mut service = bounded.layer(probe);
    let mut calls: Vec<_> = [7, 8, 8].map(|key| spawn(service.call(key))).into();
    assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
    assert_eq!(control.calls(), 5);
    assert_eq!(bounded.handle().counts().overflowed, 2);
}

#[tokio::test]
async fn shadow_mode_makes_every_call_and_counts() {
    let layer = layer(Config::default().with_enforcement(Enforcement::Shadow));
    let mut events = layer.handle().subscribe(NonZeroUsize::new(9).unwrap());
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let mut service = layer.layer(probe);
    let mut calls: Vec<_> = (0..3).map(|_| spawn(service.call(7))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
    assert_eq!((control.calls(), layer.handle().counts().shadow), (3, 2));
    assert_eq!(events.try_next().unwrap().event, Event::WouldHaveWaited);
    layer.handle().reconfigure(&Config::new("other")).unwrap();
    let mut waits = spawn(service.call(7));
    assert!(waits.poll().is_pending());
    assert_eq!(control.calls(), 3);
}

#[tokio::test]
async fn it_is_read_and_steered() {
    let layer = layer(Config::new("stock"));
    let handle = layer.handle();
    let refused = handle.reconfigure(&Config::default().with_max_keys(7)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "single-flight: `max_keys` is 7, but must be 10000, which is fixed while it runs"
    );
    handle.pull("pause").unwrap();
    assert!(handle.status().is_paused);
    let (probe, control) = Probe::new();
    control.set(Mode::Hold);
    let mut service = layer.layer(probe);
    let mut calls: Vec<_> = (0..2).map(|_| spawn(service.call(7))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
    assert_eq!(control.calls(), 2);
    handle.pull("resume").unwrap();
    assert!(handle.pull("stop").is_err());
    assert_eq!(handle.config(), Config::new("stock"));
    let mut readings = Vec::new();
    handle.read(&mut |reading| readings.push(reading.name));
    assert_eq!(
        readings,
        [
            "keys_in_flight",
            "calls_waiting",
            "shared_total",
            "promoted_total",
            "overflowed_total",
            "shadow_shared_total",
            "paused",
        ]
    );
}

#[tokio::test]
async fn an_error_at_readiness_is_shared_like_any_other() {
    let layer = layer(Config::default());
    let (probe, control) = Probe::new();
    control.set(Mode::Unready);
    let mut service = layer.layer(probe);
    let mut calls: Vec<_> = (0..2).map(|_| spawn(service.call(7))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
    control.set(Mode::FailReadiness);
    for call in &mut calls {
        assert_eq!(call.poll(), Poll::Ready(Err(TestError::Unready)));
    }
    let free = service_fn(|n: u32| async move { Ok::<_, TestError>(n) });
    assert_eq!(layer.layer(free).oneshot(7).await, Ok(7));
}

mod contract {
    use super::*;
    mod enforced {
        use super::*;
        salve_testkit::contract!(absorbing, layer(Config::default()));
    }
    mod shadow {
        use super::*;
        salve_testkit::contract!(
            absorbing,
            layer(Config::default().with_enforcement(Enforcement::Shadow))
        );
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A caller of this key comes and is polled once.
    Come(u8),
    /// The nth caller that is still there leaves.
    Leave(usize),
    /// The nth of the calls that run ends, with a result that is shared or one that is not.
    End(usize, bool),
    /// The nth of the callers that were woken is polled.
    Poll(usize),
}

/// How a caller stands in the twin's eyes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stand {
    Waits,
    /// It was called up to lead, and has not been polled since.
    Called,
    Leads,
    /// Its call has ended, and it has not been polled since.
    Ended(bool, u32),
    /// Another's result is there for it.
    Landed(u32),
    Gone,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..3_u8).prop_map(Step::Come),
        3 => any::<usize>().prop_map(Step::Leave),
        2 => (any::<usize>(), prop::bool::weighted(0.6)).prop_map(|(nth, ok)| Step::End(nth, ok)),
        5 => any::<usize>().prop_map(Step::Poll),
    ];
    prop::collection::vec(step, 1..50)
}

/// The callers of one list, each with its key, in the order in which they came.
#[derive(Default)]
struct Twin(Vec<(u8, Stand)>);

impl Twin {
    fn nth(&self, nth: usize, fits: impl Fn(Stand) -> bool) -> Option<usize> {
        let fit: Vec<_> = (0..self.0.len()).filter(|&at| fits(self.0[at].1)).collect();
        (!fit.is_empty()).then(|| fit[nth % fit.len()])
    }

    fn come(&mut self, key: u8) -> Stand {
        let leads = |stand| matches!(stand, Stand::Called | Stand::Leads | Stand::Ended(..));
        let waits = self.0.iter().any(|(of, stand)| *of == key && leads(*stand));
        self.0.push((key, if waits { Stand::Waits } else { Stand::Leads }));
        self.0[self.0.len() - 1].1
    }

    fn pass_on(&mut self, key: u8) {
        let next = self.0.iter_mut().find(|caller| **caller == (key, Stand::Waits));
        if let Some(next) = next {
            next.1 = Stand::Called;
        }
    }

    fn leave(&mut self, at: usize) {
        let (key, stand) = self.0[at];
        self.0[at].1 = Stand::Gone;
        if matches!(stand, Stand::Called | Stand::Leads | Stand::Ended(..)) {
            self.pass_on(key);
        }
    }

    /// Polls a caller that was woken; what it ends with, if it does.
    fn poll(&mut self, at: usize) -> Option<Result<u32, u32>> {
        let (key, stand) = self.0[at];
        match stand {
            Stand::Called => {
                self.0[at].1 = Stand::Leads;
                None
            }
            Stand::Landed(value) => {
                self.0[at].1 = Stand::Gone;
                Some(Ok(value))
            }
            Stand::Ended(true, value) => {
                self.0[at].1 = Stand::Gone;
                for caller in self.0.iter_mut().filter(|it| **it == (key, Stand::Waits)) {
                    caller.1 = Stand::Landed(value);
                }
                Some(Ok(value))
            }
            Stand::Ended(false, value) => {
                self.0[at].1 = Stand::Gone;
                self.pass_on(key);
                Some(Err(value))
            }
            Stand::Waits | Stand::Leads | Stand::Gone => None,
        }
    }
}

const fn is_woken(stand: Stand) -> bool {
    matches!(stand, Stand::Called | Stand::Ended(..) | Stand::Landed(_))
}

proptest! {
    #[test]
    fn callers_come_and_leave_in_any_order_and_none_is_lost(steps in steps()) {
        let flights = Flights::<u8, u32, u32>::new(Config::default()).unwrap();
        let flights = flights.with_sharing(ShareAnswers);
        // The calls that run, by caller.
        let running = RefCell::new(BTreeMap::<usize, oneshot::Sender<Result<u32, u32>>>::new());
        let mut twin = Twin::default();
        let mut callers = Vec::new();
        // In the end every call that runs ends well, and whoever is woken is polled.
        let rest = (0..400).map(|nth| if nth % 2 == 0 { Step::End(0, true) } else { Step::Poll(0) });
        for (value, step) in (0..).zip(steps.into_iter().chain(rest)) {
            match step {
                Step::Come(key) => {
                    let at = callers.len();
                    let running = &running;
                    let mut caller = spawn(flights.call(key, move || {
                        let (sender, receiver) = oneshot::channel();
                        running.borrow_mut().insert(at, sender);
                        async { receiver.await.unwrap() }
                    }));
                    prop_assert!(caller.poll().is_pending());
                    callers.push(Some(caller));
                    let leads = twin.come(key) == Stand::Leads;
                    prop_assert_eq!(running.borrow().contains_key(&at), leads);
                }
                Step::Leave(nth) => {
                    let Some(at) = twin.nth(nth, |stand| stand != Stand::Gone) else { continue };
                    callers[at] = None;
                    running.borrow_mut().remove(&at);
                    twin.leave(at);
                }
                Step::End(nth, shared) => {
                    let Some(at) = twin.nth(nth, |stand| stand == Stand::Leads) else { continue };
                    let result = if shared { Ok(value) } else { Err(value) };
                    let sender = running.borrow_mut().remove(&at);
                    prop_assert!(sender.is_some_and(|sender| sender.send(result).is_ok()));
                    twin.0[at].1 = Stand::Ended(shared, value);
                }
                Step::Poll(nth) => {
                    let Some(at) = twin.nth(nth, is_woken) else { continue };
                    let polled = callers[at].as_mut().map(|caller| caller.poll());
                    let expected = twin.poll(at);
                    let is_done = expected.is_some();
                    prop_assert_eq!(polled, Some(expected.map_or(Poll::Pending, Poll::Ready)));
                    if is_done {
                        callers[at] = None;
                    } else {
                        prop_assert!(running.borrow().contains_key(&at), "it makes its own call");
                    }
                }
            }
            for (caller, (_, stand)) in callers.iter().zip(&twin.0) {
                let woken = caller.as_ref().is_some_and(|caller| caller.is_woken());
                prop_assert_eq!(woken, is_woken(*stand), "{:?}", stand);
            }
        }
        prop_assert!(callers.iter().all(Option::is_none));
        let status = flights.handle().status();
        prop_assert_eq!((status.keys, status.waiting), (0, 0));
    }
}
