//! Scenarios in which other breakers were shown to fail, played against this one.
//!
//! The ids are those of the list of weak points in `docs/peers.md`: `w` is tower-resilience's
//! breaker, `rc` recloser, `fs` failsafe, `tc` tower-circuitbreaker.

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use salve_circuit_breaker::{
    CircuitBreakerLayer, Config, Event, Handle, OnCancel, OpenWait, Permit, Rate, State, Window,
};
use salve_core::{Ratio, Rejection, Told};
use salve_testkit::{Mode, Probe, TestError};
use tower::limit::ConcurrencyLimitLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

fn breaker(config: Config) -> Handle {
    Handle::new(config).unwrap()
}

fn rate(window: Window, minimum: u32) -> Config {
    let rate = Rate::of_failures(window, Ratio::percent::<50>()).with_minimum_calls(minimum);
    Config::new("peers").without_rules().with_rate(rate)
}

fn consecutive(failures: u32) -> Config {
    Config::new("peers").without_rules().with_consecutive_failures(failures)
}

fn succeed(breaker: &Handle, times: usize) {
    (0..times).for_each(|_| breaker.admit().unwrap().success());
}

fn failures_until_open(breaker: &Handle) -> usize {
    (1..10_000)
        .find(|_| {
            breaker.admit().unwrap().failure();
            breaker.state() == State::Open
        })
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn w01_count_window_slides() {
    for successes in [10, 100, 1_000, 10_000] {
        let breaker = breaker(rate(Window::Calls(10), 10));
        succeed(&breaker, successes);
        assert_eq!(failures_until_open(&breaker), 5, "after {successes} successes");
    }
}

#[tokio::test(start_paused = true)]
async fn w02_minimum_calls_hold_for_count_windows() {
    assert_eq!(failures_until_open(&breaker(rate(Window::Calls(100), 5))), 5);
}

#[tokio::test(start_paused = true)]
async fn w03_and_w04_late_results_do_not_move_half_open() {
    for late_fails in [true, false] {
        let breaker = breaker(consecutive(1).with_probes(1, 1));
        let late = breaker.admit().unwrap();
        breaker.admit().unwrap().failure();
        tokio::time::advance(60_000 * MS).await;
        let probe = breaker.admit().unwrap();
        if late_fails {
            late.failure()
        } else {
            late.success()
        }
        assert_eq!(breaker.state(), State::HalfOpen, "the probe is still out");
        probe.success();
        assert_eq!((breaker.state(), breaker.counts().late), (State::Closed, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn w05_probes_further_apart_than_the_window_still_close() {
    let breaker = breaker(rate(Window::Time(100 * MS), 2).with_probes(2, 2));
    failures_until_open(&breaker);
    tokio::time::advance(60_000 * MS).await;
    breaker.admit().unwrap().success();
    tokio::time::advance(500 * MS).await;
    breaker.admit().unwrap().success();
    assert_eq!(breaker.state(), State::Closed);
    assert!((0..100).all(|_| breaker.admit().is_ok()));
}

#[tokio::test(start_paused = true)]
async fn w06_a_hung_probe_gives_its_place_back() {
    let breaker = breaker(consecutive(1).with_probes(1, 1).with_probe_deadline(1_000 * MS));
    breaker.admit().unwrap().failure();
    tokio::time::advance(60_000 * MS).await;
    let hung = breaker.admit().unwrap();
    assert!((0..100).all(|_| breaker.admit().is_err()));
    tokio::time::advance(1_000 * MS).await;
    breaker.admit().unwrap().success();
    assert_eq!(breaker.state(), State::Closed);
    hung.failure();
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn w07_no_probes_at_all_are_refused_as_a_setting() {
    let error = Handle::new(consecutive(1).with_probes(0, 0)).unwrap_err();
    assert_eq!((error.field(), error.value()), ("probes", "0"));
}

#[tokio::test(start_paused = true)]
async fn w08_rc06_and_fs08_panics_count() {
    let (probe, control) = Probe::new();
    let layer = CircuitBreakerLayer::new(consecutive(100)).unwrap();
    let mut service = layer.layer(probe);
    for (mode, until) in [(Mode::PanicInPoll, 50), (Mode::PanicInCall, 100)] {
        control.set(mode);
        while layer.handle().counts().failures < until {
            let service = AssertUnwindSafe(&mut service);
            let call = poll_once(async { service.0.ready().await?.call(1).await });
            assert!(call.is_none(), "the panic reaches the caller");
        }
    }
    assert_eq!(layer.handle().state(), State::Open);
}

/// Polls once; `None` if that panicked.
fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx))) {
        Ok(std::task::Poll::Ready(output)) => Some(output),
        Ok(std::task::Poll::Pending) => panic!("the future must not wait"),
        Err(_) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn w09_calls_cut_by_an_outer_timeout_can_open_it() {
    let cut = OnCancel::FailureAfter(50 * MS);
    let breaker = breaker(consecutive(100).with_on_cancel(cut));
    for _ in 0..100 {
        let hung = breaker.call(pending::<Result<(), Rejection>>);
        assert!(tokio::time::timeout(50 * MS, hung).await.is_err());
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn w10_a_slow_probe_does_not_close() {
    let slow = Rate::of_slow_calls(Window::Calls(10), Ratio::ONE, 10 * MS).with_minimum_calls(1);
    let config = Config::new("peers").without_rules().with_rate(slow).with_probes(1, 1);
    let breaker = breaker(config);
    breaker.open();
    tokio::time::advance(60_000 * MS).await;
    let probe = breaker.admit().unwrap();
    tokio::time::advance(80 * MS).await;
    probe.success();
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn w11_a_refusal_comes_from_the_call_and_readiness_promises_nothing_else() {
    let layer = CircuitBreakerLayer::new(consecutive(1).with_probes(1, 1)).unwrap();
    let (probe, _) = Probe::new();
    layer.handle().open();
    tokio::time::advance(60_000 * MS).await;
    let services: Vec<_> = (0..10).map(|_| layer.layer(probe.clone())).collect();
    let mut calls = Vec::new();
    for mut service in services {
        service.ready().await.unwrap();
        calls.push(service.call(1));
    }
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await);
    }
    let refused = answers.iter().filter(|answer| {
        matches!(answer, Err(TestError::Rejected(rejection)) if rejection.room() == "circuit-breaker")
    });
    assert_eq!(refused.count(), 9);
}

#[tokio::test(start_paused = true)]
async fn w12_a_time_window_holds_no_more_for_more_traffic() {
    let breaker = breaker(rate(Window::Time(60_000 * MS), 1_000_000));
    let run = |calls: usize| {
        allocation_counter::measure(|| {
            for call in 0..calls {
                let permit = breaker.admit().unwrap();
                if call % 4 == 0 { permit.failure() } else { permit.success() }
            }
        })
    };
    run(100);
    assert_eq!(run(100_000).bytes_current, 0);
    assert_eq!(breaker.status().window.calls, 100_100);
}

#[test]
fn w13_an_open_breaker_never_waits_though_a_listener_is_slow_and_threads_meet() {
    let layer = CircuitBreakerLayer::new(consecutive(1)).unwrap();
    layer.handle().observe(|_: &Told<Event>| (0..1_000).for_each(|_| std::hint::spin_loop()));
    layer.handle().open();
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut service = layer.layer(service_fn(|()| pending::<Result<(), TestError>>()));
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                start.wait();
                for _ in 0..10_000 {
                    assert!(service.poll_ready(&mut cx).is_ready());
                    let mut call = std::pin::pin!(service.call(()));
                    assert!(call.as_mut().poll(&mut cx).is_ready());
                }
            });
        }
    });
    assert_eq!(layer.handle().counts().rejected, 20_000);
}

#[tokio::test(start_paused = true)]
async fn w14_and_fs06_listeners_see_the_new_state_and_may_steer() {
    let breaker = breaker(consecutive(1));
    let (seen, inner) = (Arc::new(std::sync::Mutex::new(Vec::new())), breaker.clone());
    let states = Arc::clone(&seen);
    breaker.observe(move |told: &Told<Event>| {
        states.lock().unwrap().push(inner.state());
        if matches!(told.event, Event::Opened { .. }) {
            inner.reset();
        }
    });
    breaker.admit().unwrap().failure();
    assert_eq!(*seen.lock().unwrap(), [State::Open, State::Closed]);
}

#[tokio::test(start_paused = true)]
async fn w15_time_follows_tokios_clock() {
    let breaker = breaker(consecutive(1).with_open_for(3_600_000 * MS));
    breaker.admit().unwrap().failure();
    assert!(breaker.admit().is_err());
    tokio::time::advance(3_600_000 * MS).await;
    assert!(breaker.admit().is_ok());
}

#[tokio::test(start_paused = true)]
async fn w16_a_cancelled_probe_gives_its_place_back() {
    let breaker = breaker(consecutive(1).with_probes(1, 1));
    breaker.admit().unwrap().failure();
    tokio::time::advance(60_000 * MS).await;
    drop(breaker.admit().unwrap());
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.admit().unwrap().success();
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn rc01_fs01_and_tc02_half_open_admits_no_more_than_its_probes() {
    for (probes, asked) in [(10, 1_000), (1, 50)] {
        let breaker = breaker(consecutive(1).with_probes(probes, 1));
        breaker.open();
        tokio::time::advance(60_000 * MS).await;
        let admitted: Vec<Permit> = (0..asked).filter_map(|_| breaker.admit().ok()).collect();
        assert_eq!(admitted.len(), probes as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn rc02_opens_at_the_call_that_reaches_the_threshold() {
    assert_eq!(failures_until_open(&breaker(rate(Window::Calls(10), 10))), 10);
}

#[tokio::test(start_paused = true)]
async fn rc03_nothing_is_leaked_by_breakers_that_come_and_go_or_cycle() {
    let live = allocation_counter::measure(|| {
        for _ in 0..100 {
            let breaker = breaker(rate(Window::Calls(1_000), 10).with_probes(1, 1));
            failures_until_open(&breaker);
        }
    });
    assert_eq!(live.bytes_current, 0);

    let breaker = breaker(consecutive(1).with_probes(1, 1).with_open_for(MS));
    let clock = RefCell::new(Vec::new());
    for _ in 0..100 {
        let grown = allocation_counter::measure(|| breaker.admit().unwrap().failure());
        clock.borrow_mut().push(grown.bytes_current);
        tokio::time::advance(MS).await;
        breaker.admit().unwrap().success();
    }
    assert!(clock.borrow()[10..].iter().all(|&grown| grown == 0), "{clock:?}");
}

#[test]
fn rc04_a_window_of_no_calls_is_refused_as_a_setting() {
    let error = Handle::new(rate(Window::Calls(0), 1)).unwrap_err();
    assert_eq!((error.field(), error.value()), ("rate.window", "0"));
}

#[tokio::test(start_paused = true)]
async fn rc05_and_fs02_a_late_success_does_not_close_an_open_breaker() {
    let breaker = breaker(consecutive(1));
    let late = breaker.admit().unwrap();
    breaker.admit().unwrap().failure();
    late.success();
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn fs03_and_fs04_short_windows_are_taken_at_their_word() {
    let within = |span| Config::new("peers").with_failures_within(5, span);
    let breaker_of_900_ms = breaker(within(900 * MS));
    succeed(&breaker_of_900_ms, 1_000);
    breaker_of_900_ms.admit().unwrap().failure();
    assert_eq!(breaker_of_900_ms.state(), State::Closed);
    assert_eq!(failures_until_open(&breaker_of_900_ms), 4);

    let breaker_of_4_ms = breaker(within(4 * MS));
    for _ in 0..20 {
        breaker_of_4_ms.admit().unwrap().failure();
        tokio::time::advance(MS).await;
    }
    assert_eq!(breaker_of_4_ms.state(), State::Closed);
    assert_eq!(failures_until_open(&breaker_of_4_ms), 2);
}

#[tokio::test(start_paused = true)]
async fn fs05_waits_below_a_second_are_ordinary() {
    let breaker = breaker(consecutive(1).with_open_wait(OpenWait::doubling(100 * MS, 900 * MS)));
    breaker.admit().unwrap().failure();
    assert!(breaker.status().open_for.unwrap() <= 100 * MS);
}

#[tokio::test(start_paused = true)]
async fn fs07_a_rate_rule_sees_its_first_window() {
    assert_eq!(failures_until_open(&breaker(rate(Window::Time(30_000 * MS), 5))), 5);
}

#[tokio::test(start_paused = true)]
async fn tc01_the_service_that_was_ready_is_the_one_that_is_called() {
    let inner = service_fn(|request: u32| async move { Ok::<_, BoxError>(request) });
    let service = ServiceBuilder::new()
        .layer(CircuitBreakerLayer::new(consecutive(1)).unwrap())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(inner);
    for request in 0..10 {
        assert_eq!(service.clone().oneshot(request).await.unwrap(), request);
    }
}
