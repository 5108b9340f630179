//! What a user of the breaker relies on, told through its public face under paused time.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve_circuit_breaker::{
    CircuitBreakerLayer, Command, Config, Event, Handle, KeyedHandle, OnCancel, OpenWait, RampOver,
    Rate, State, TripReason, Window,
};
use salve_core::{
    Effector, End, Enforcement, Outcome, Ratio, Reason, RegistryConfig, Rejection, Sensor,
    Settlement, clock,
};
use salve_testkit::{Mode, Probe, TestError};
use tower::{Layer, Service, ServiceExt};

const SECOND: Duration = Duration::from_secs(1);

fn handle(config: Config) -> Handle {
    Handle::new(config).unwrap()
}

fn consecutive(failures: u32) -> Config {
    Config::new("test").without_rules().with_consecutive_failures(failures)
}

fn fail(breaker: &Handle, times: usize) {
    (0..times).for_each(|_| breaker.admit().unwrap().failure());
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_minute_open_it_and_two_of_three_probes_close_it() {
    let breaker = handle(Config::default());
    fail(&breaker, 4);
    breaker.admit().unwrap().success();
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);

    tokio::time::advance(59 * SECOND).await;
    let refused = breaker.admit().unwrap_err();
    assert_eq!(refused.reason(), Reason::Unavailable);
    assert_eq!(refused.retry_after(), Some(SECOND));
    assert_eq!(
        refused.to_string(),
        "circuit-breaker `circuit-breaker` refused: unavailable, retry after 1s"
    );

    tokio::time::advance(SECOND).await;
    let probes: Vec<_> = (0..3).map(|_| breaker.admit().unwrap()).collect();
    assert_eq!(breaker.admit().unwrap_err().retry_after(), None);
    let mut probes = probes.into_iter();
    probes.next().unwrap().failure();
    probes.next().unwrap().success();
    assert_eq!(breaker.state(), State::HalfOpen);
    probes.next().unwrap().success();
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn half_open_decides_as_soon_as_the_outcome_is_certain() {
    let breaker = handle(consecutive(1));
    fail(&breaker, 1);
    tokio::time::advance(60 * SECOND).await;
    // Of three probes two must succeed: with two failures that can no longer be.
    fail(&breaker, 2);
    assert_eq!(breaker.state(), State::Open);
    let reason = breaker.status().last_trips.last().unwrap().reason;
    assert_eq!(reason, TripReason::FailedProbes(2));
}

#[tokio::test(start_paused = true)]
async fn growing_waits_grow_to_the_cap_and_never_beyond_it() {
    let wait = OpenWait::doubling(SECOND, 10 * SECOND);
    let breaker = handle(consecutive(1).with_open_wait(wait).with_probes(1, 1));
    for trip in 0_u32..40 {
        fail(&breaker, 1);
        let whole = SECOND.saturating_mul(1 << trip.min(10)).min(10 * SECOND);
        let wait = breaker.status().open_for.unwrap();
        assert!(wait <= whole && wait >= whole * 4 / 5, "trip {trip}: {wait:?} of {whole:?}");
        tokio::time::advance(10 * SECOND).await;
    }
    // Closing ends the row of trips.
    breaker.admit().unwrap().success();
    fail(&breaker, 1);
    assert!(breaker.status().open_for.unwrap() <= SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_ramp_admits_a_growing_share_and_a_trip_ends_it() {
    let ramp = consecutive(2)
        .with_probes(1, 1)
        .with_ramp(Ratio::percent::<20>(), RampOver::Time(10 * SECOND));
    let breaker = handle(ramp);
    let admitted = |of: usize| {
        let permits: Vec<_> = (0..of).filter_map(|_| breaker.admit().ok()).collect();
        let count = permits.len();
        permits.into_iter().for_each(salve_circuit_breaker::Permit::success);
        count
    };
    fail(&breaker, 2);
    tokio::time::advance(60 * SECOND).await;
    breaker.admit().unwrap().success();
    assert_eq!(breaker.state(), State::Ramping);
    assert_eq!(admitted(100), 20);
    tokio::time::advance(5 * SECOND).await;
    assert_eq!(admitted(100), 60);
    tokio::time::advance(5 * SECOND).await;
    assert_eq!(admitted(100), 100);
    assert_eq!(breaker.state(), State::Closed);

    breaker.open();
    tokio::time::advance(60 * SECOND).await;
    breaker.admit().unwrap().success();
    let refused_or_failed = |_| breaker.admit().map(|permit| permit.failure()).is_ok();
    assert_eq!((0..10).filter(|&n| refused_or_failed(n)).count(), 2);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn operators_open_close_force_and_reset() {
    let breaker = handle(consecutive(2));
    for (lever, state) in [
        ("open", State::Open),
        ("force_open", State::ForcedOpen),
        ("force_closed", State::ForcedClosed),
        ("close", State::Closed),
    ] {
        // Pulled twice, a lever leaves what it leaves when pulled once.
        breaker.pull(lever).unwrap();
        let since = breaker.status().since;
        tokio::time::advance(SECOND).await;
        breaker.pull(lever).unwrap();
        assert_eq!((breaker.state(), breaker.status().since), (state, since), "{lever}");
    }
    assert_eq!(breaker.pull("explode").unwrap_err().to_string(), "`test` has no lever `explode`");
    assert_eq!(breaker.levers().len(), 5);

    breaker.force_closed();
    fail(&breaker, 100);
    assert_eq!(breaker.state(), State::ForcedClosed);
    breaker.force_open();
    tokio::time::advance(3_600 * SECOND).await;
    assert!(breaker.admit().is_err());

    breaker.close();
    fail(&breaker, 1);
    breaker.reset();
    assert_eq!(breaker.status().consecutive_failures, 0);
    assert!(breaker.status().last_trips.is_empty());
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_counts_and_never_refuses() {
    let breaker = handle(consecutive(1).with_enforcement(Enforcement::Shadow));
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    for _ in 0..10 {
        breaker.admit().unwrap().failure();
    }
    let counts = breaker.counts();
    assert_eq!((counts.shadow_rejected, counts.rejected, counts.trips), (10, 0, 1));
    // What it lets through although it is open does not prolong the wait.
    tokio::time::advance(60 * SECOND).await;
    breaker.admit().unwrap().success();
    breaker.admit().unwrap().success();
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_neutral_unless_it_ran_too_long() {
    let neutral = handle(consecutive(1));
    drop(neutral.admit().unwrap());
    tokio::time::advance(SECOND).await;
    assert_eq!((neutral.state(), neutral.counts().neutral), (State::Closed, 1));

    let limited = handle(consecutive(1).with_on_cancel(OnCancel::FailureAfter(SECOND)));
    let short = limited.admit().unwrap();
    let long = limited.admit().unwrap();
    tokio::time::advance(SECOND - Duration::from_millis(1)).await;
    drop(short);
    assert_eq!(limited.state(), State::Closed);
    tokio::time::advance(Duration::from_millis(1)).await;
    drop(long);
    assert_eq!(limited.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn new_settings_keep_counts_state_and_the_newest_results() {
    let rate = |calls| {
        Rate::of_failures(Window::Calls(calls), Ratio::percent::<50>()).with_minimum_calls(4)
    };
    let config = |calls| Config::new("test").without_rules().with_rate(rate(calls));
    let breaker = handle(config(8));
    let mut events = breaker.subscribe(NonZeroUsize::MIN);
    (0..6).for_each(|_| breaker.admit().unwrap().success());
    fail(&breaker, 1);
    breaker.reconfigure(config(4)).unwrap();
    assert_eq!(breaker.status().window.calls, 4);
    assert_eq!(events.next().await.unwrap().event, Event::Reconfigured { window_cleared: false });
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);

    // Refused settings change nothing.
    let error = breaker.reconfigure(config(0)).unwrap_err();
    let expected = "circuit-breaker: `rate.window` is 0, but must be between 1 and 1000000";
    assert_eq!(error.to_string(), expected);
    assert_eq!(breaker.config(), config(4));

    // Another kind of window starts empty, and says so; the state stays.
    let timed = Rate::of_failures(Window::Time(SECOND), Ratio::ONE);
    breaker.reconfigure(Config::new("other").with_rate(timed)).unwrap();
    assert_eq!((breaker.state(), breaker.status().window.calls), (State::Open, 0));
    assert_eq!(breaker.config().name, "test");
    assert_eq!(events.dropped(), 1);
    assert!(matches!(events.try_next().unwrap().event, Event::Opened { .. }));
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_way_through_the_states() {
    let breaker = handle(consecutive(1).with_probes(1, 1));
    let mut events = breaker.subscribe(NonZeroUsize::new(16).unwrap());
    let told_while = Arc::new(AtomicU32::new(0));
    let (seen, watched) = (Arc::clone(&told_while), breaker.clone());
    breaker.observe(move |_: &salve_core::Told<Event>| {
        // Listeners run with no lock held, so they may read what they listen to.
        assert_eq!(watched.status().state, watched.state());
        seen.fetch_add(1, Ordering::Relaxed);
    });
    breaker.observe(|_: &salve_core::Told<Event>| panic!("an observer may panic"));
    fail(&breaker, 1);
    assert!(breaker.admit().is_err());
    tokio::time::advance(60 * SECOND).await;
    breaker.admit().unwrap().success();
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).collect();
    let wait = 60 * SECOND;
    let reason = TripReason::ConsecutiveFailures(1);
    assert_eq!(
        told.iter().map(|told| told.event).collect::<Vec<_>>(),
        [
            Event::Opened { from: State::Closed, reason, wait },
            Event::Rejected { shadow: false },
            Event::HalfOpened,
            Event::Closed { from: State::HalfOpen },
        ],
    );
    assert_eq!(told[0].by, "test");
    assert_eq!(told[3].at.since(told[0].at), wait);
    assert_eq!(told_while.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_answers_while_the_inner_service_hangs() {
    let (probe, control) = Probe::new();
    let layer = CircuitBreakerLayer::new(consecutive(1)).unwrap();
    let breaker = layer.handle();
    let mut service = layer.layer(probe);
    fail(&breaker, 1);
    control.set(Mode::Unready);
    let refused = service.ready().await.unwrap().call(1).await.unwrap_err();
    assert!(matches!(refused, TestError::Rejected(_)));
    assert_eq!(control.readiness_polls(), 0);

    // Once it may probe, an inner service that is not ready costs no probe.
    tokio::time::advance(60 * SECOND).await;
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let TestError::Rejected(refused) = service.call(1).await.unwrap_err() else {
        panic!("the breaker must refuse")
    };
    assert_eq!(refused.reason(), Reason::NotReady);
    control.release();
    for _ in 0..2 {
        assert_eq!(service.ready().await.unwrap().call(2).await, Ok(2));
    }
    assert_eq!((breaker.state(), control.unready_calls()), (State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_ready_inner_service_is_called_by_the_first_probe() {
    let (probe, control) = Probe::new();
    let layer = CircuitBreakerLayer::new(consecutive(1).with_probes(1, 1)).unwrap();
    let mut service = layer.layer(probe);
    fail(&layer.handle(), 1);
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    tokio::time::advance(60 * SECOND).await;
    assert_eq!(service.call(3).await, Ok(3));
    assert_eq!((control.unready_calls(), layer.handle().state()), (0, State::Closed));
}

#[tokio::test(start_paused = true)]
async fn rejections_of_inner_policies_say_nothing_unless_the_call_may_have_been_sent() {
    let origin = salve_core::Origin::new("bulkhead", "inner".into());
    for reason in Reason::ALL {
        let breaker = handle(consecutive(1));
        let refuse = |rejection: Rejection| breaker.call(|| async { Err::<(), _>(rejection) });
        let _ = refuse(Rejection::new(&origin, reason)).await;
        assert_eq!(breaker.state(), State::Closed, "{reason}, not sent");
        let _ = refuse(Rejection::new(&origin, reason).maybe_sent()).await;
        assert_eq!(breaker.state(), State::Open, "{reason}, maybe sent");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_only_begun_is_counted_at_its_end() {
    #[derive(Clone)]
    struct Streams(Settlement);
    impl salve_core::Classify<(), TestError> for Streams {
        fn classify(&self, result: Result<&(), &TestError>) -> Outcome {
            salve_core::ErrorsAreFailures.classify(result)
        }
        fn settlement<'a>(&self, (): &'a ()) -> Option<&'a Settlement> {
            Some(Box::leak(Box::new(self.0.clone())))
        }
    }
    let ends = [
        (End::Outcome(Outcome::Success), State::Closed),
        (End::Outcome(Outcome::FAILURE), State::Open),
        (End::Cancelled, State::Closed),
    ];
    for (end, state) in ends {
        let breaker = handle(consecutive(1));
        let settlement = Settlement::new();
        let begun = breaker.call_with(Streams(settlement.clone()), || async { Ok(()) });
        begun.await.unwrap();
        assert_eq!(breaker.counts().successes, 0);
        settlement.settle(end);
        assert_eq!(breaker.state(), state, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_have_breakers_of_their_own_and_events_name_them() {
    let hosts = KeyedHandle::<String>::new(consecutive(1), RegistryConfig::default()).unwrap();
    let mut events = hosts.subscribe(NonZeroUsize::new(4).unwrap());
    hosts.admit("vps:17").unwrap().failure();
    assert_eq!(hosts.state("vps:17"), Some(State::Open));
    assert!(hosts.admit("vps:18").is_ok());
    assert_eq!(events.try_next().unwrap().key.as_deref(), Some("vps:17"));
    assert!(hosts.steer("vps:17", Command::Reset));
    assert!(!hosts.steer("vps:99", Command::Open));
    assert_eq!(hosts.state("vps:17"), Some(State::Closed));
    let mut keys: Vec<_> = hosts.statuses().into_iter().map(|(key, _)| key).collect();
    keys.sort();
    assert_eq!(keys, ["vps:17", "vps:18"]);
    while events.try_next().is_some() {}
    hosts.reconfigure(consecutive(2)).unwrap();
    let told = events.try_next().unwrap();
    assert_eq!((told.key, told.event), (None, Event::Reconfigured { window_cleared: false }));
    assert!(events.try_next().is_none(), "once, however many keys there are");
    hosts.admit("vps:17").unwrap().failure();
    assert_eq!(hosts.state("vps:17"), Some(State::Closed));
    assert!(hosts.remove("vps:17"));
    assert_eq!(hosts.state("vps:17"), None);
    assert_eq!(hosts.counts().failures, 2);
}

#[tokio::test(start_paused = true)]
async fn all_keys_together_are_read_by_name() {
    let config = consecutive(1).with_open_for(SECOND);
    let hosts = KeyedHandle::<String>::new(config, RegistryConfig::default()).unwrap();
    let open = || {
        let mut read = Vec::new();
        hosts.read(&mut |reading| read.push((reading.name, reading.value)));
        assert!(read.contains(&("failures_total", 2.0)) && read.contains(&("keys", 3.0)));
        assert!(read.contains(&("successes_total", 1.0)), "{read:?}");
        read.into_iter().find(|(name, _)| *name == "keys_open").unwrap().1
    };
    for host in ["a", "b"] {
        hosts.admit(host).unwrap().failure();
    }
    hosts.admit("c").unwrap().success();
    assert_eq!(open(), 2.0);
    tokio::time::advance(SECOND).await;
    assert_eq!(open(), 0.0, "each lets its next call through");
    hosts.steer("c", Command::ForceOpen);
    assert_eq!(open(), 1.0);
    assert_eq!(Sensor::name(&hosts), "test");
}

#[tokio::test(start_paused = true)]
async fn idle_keys_make_room_but_open_and_probing_ones_and_held_permits_stay() {
    let bounds = RegistryConfig::default().with_max_keys(4).with_idle_after(SECOND);
    let hosts = KeyedHandle::<u32>::new(consecutive(1).with_open_for(SECOND), bounds).unwrap();
    hosts.admit(&0).unwrap().failure();
    hosts.admit(&1).unwrap().failure();
    let held = hosts.admit(&2).unwrap();
    hosts.admit(&3).unwrap().success();
    // Nothing is idle yet: a fifth key shares the overflow breaker.
    hosts.admit(&4).unwrap().success();
    assert_eq!((hosts.state(&4), hosts.registry_counts().overflowed), (None, 1));

    tokio::time::advance(SECOND).await;
    let probe = hosts.admit(&1).unwrap();
    hosts.admit(&5).unwrap().success();
    assert_eq!(hosts.state(&3), None, "the only idle one is forgotten");
    assert_eq!(hosts.state(&0), Some(State::Open));
    assert_eq!(hosts.state(&1), Some(State::HalfOpen));
    assert_eq!(hosts.state(&2), Some(State::Closed));
    assert_eq!(hosts.registry_counts().evicted, 1);
    drop((held, probe));

    // A key that was forgotten and returns starts closed.
    tokio::time::advance(SECOND).await;
    hosts.admit(&3).unwrap().success();
    assert_eq!(hosts.state(&3), Some(State::Closed));
    assert_eq!(hosts.registry_counts().keys, 3, "two more had become idle");
}

#[tokio::test(start_paused = true)]
async fn the_sensor_reads_what_the_status_shows() {
    let rate = Rate::of_failures(Window::Calls(4), Ratio::ONE);
    let breaker = handle(Config::new("test").with_rate(rate.with_minimum_calls(4)));
    (0..3).for_each(|_| breaker.admit().unwrap().success());
    fail(&breaker, 1);
    let mut readings = Vec::new();
    breaker.read(&mut |reading| readings.push((reading.name, reading.value)));
    for expected in [
        ("open", 0.0),
        ("failure_rate", 0.25),
        ("consecutive_failures", 1.0),
        ("successes_total", 3.0),
        ("failures_total", 1.0),
    ] {
        assert!(readings.contains(&expected), "{expected:?} in {readings:?}");
    }
    assert_eq!(Sensor::name(&breaker), "test");
    assert!(breaker.status().since.is_none_or(|since| since <= clock::now()));
}

#[test]
fn settings_out_of_bounds_name_the_field_the_value_and_the_bound() {
    let rate = Rate::of_failures(Window::Calls(10), Ratio::ONE);
    let day = Duration::from_secs(86_400);
    for (config, expected) in [
        (consecutive(0), "`consecutive_failures` is 0, but must be between 1 and 4294967295"),
        (Config::default().with_probes(0, 0), "`probes` is 0, but must be between 1 and 10000"),
        (
            Config::default().with_probes(2, 3),
            "`successes_to_close` is 3, but must be between 1 and 2",
        ),
        (
            Config::default().with_failures_within(0, SECOND),
            "`failures_within.failures` is 0, but must be between 1 and 10000",
        ),
        (
            Config::default().with_failures_within(1, 2 * day),
            "`failures_within.within` is 172800s, but must be between 1ms and 86400s",
        ),
        (
            Config::default().with_rate(rate.with_minimum_calls(11)),
            "`rate.minimum_calls` is 11, but must be between 1 and 10",
        ),
        (
            Config::default().with_rate(Rate { failures: Some(Ratio::ZERO), ..rate }),
            "`rate.failures` is 0%, but must be above 0%",
        ),
        (
            Config::default().with_rate(Rate { failures: None, ..rate }),
            "`rate.failures` is not set, but must be set where `rate.slow` is not",
        ),
        (
            Config::default().with_open_for(Duration::ZERO),
            "`open_wait` is 0ns, but must be between 1ms and 2592000s",
        ),
        (
            Config::default().with_ramp(Ratio::ZERO, RampOver::Calls(1)),
            "`ramp.floor` is 0%, but must be above 0%",
        ),
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert_eq!(error, format!("circuit-breaker: {expected}"));
    }
}
