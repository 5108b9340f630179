//! What a breaker remembers of its trips, how long each keeps it open, and what new settings keep.

use std::time::Duration;

use salve_circuit_breaker::{Config, Handle, OpenWait, Rate, State, Window};
use salve_core::{Ratio, Sensor, clock};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_last_eight_trips_are_kept_in_their_order() {
    let config = Config::default().without_rules().with_consecutive_failures(1).with_probes(1, 1);
    let wait = OpenWait::computed(|trips| SECOND * trips);
    let breaker = Handle::new(config.with_open_wait(wait)).unwrap();
    let mut at = Vec::new();
    for trip in 1..=10 {
        at.push(clock::now());
        breaker.admit().unwrap().failure();
        assert_eq!(breaker.status().open_for, Some(SECOND * trip));
        let kept = breaker.status().last_trips;
        assert_eq!(kept.len(), usize::try_from(trip).unwrap().min(8));
        tokio::time::advance(SECOND * trip).await;
    }
    let kept: Vec<_> =
        breaker.status().last_trips.iter().map(|trip| (trip.at, trip.wait)).collect();
    let waits = (3..=10).map(|trip| SECOND * trip);
    assert_eq!(kept, at[2..].iter().copied().zip(waits).collect::<Vec<_>>());
}

#[test]
fn a_function_of_the_trips_is_bounded_and_equal_to_itself_alone() {
    let long = OpenWait::computed(|trips| SECOND * 86_400 * trips);
    let OpenWait::Computed(computed) = &long else { panic!("{long:?} is not computed") };
    assert_eq!(computed.after(2), SECOND * 86_400 * 2);
    assert_eq!(computed.after(u32::MAX / 86_400), SECOND * 86_400 * 30);
    assert_eq!(format!("{computed:?}"), "Computed");
    assert_eq!(long, long.clone());
    assert_ne!(long, OpenWait::computed(|_| SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_time_window_of_the_same_length_goes_on_and_another_starts_empty() {
    let config = |seconds, failures| {
        let window = Window::Time(SECOND * seconds);
        Config::default().without_rules().with_rate(Rate::of_failures(window, failures))
    };
    let breaker = Handle::new(config(10, Ratio::ONE)).unwrap();
    (0..20).for_each(|_| breaker.admit().unwrap().success());
    breaker.reconfigure(config(10, Ratio::percent::<50>())).unwrap();
    assert_eq!(breaker.status().window.calls, 20);
    breaker.reconfigure(config(20, Ratio::percent::<50>())).unwrap();
    assert_eq!((breaker.state(), breaker.status().window.calls), (State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn it_reads_as_open_only_while_it_refuses() {
    let config = Config::default().without_rules().with_consecutive_failures(1);
    let breaker = Handle::new(config.with_open_for(SECOND)).unwrap();
    let reads_as_open = || {
        let mut open = None;
        breaker
            .read(&mut |reading| open = open.or((reading.name == "open").then_some(reading.value)));
        open.unwrap() == 1.0
    };
    assert!(!reads_as_open());
    breaker.admit().unwrap().failure();
    assert!(reads_as_open());
    tokio::time::advance(SECOND).await;
    // Nobody has called, so it is still open, and would let the next call through.
    assert_eq!((breaker.state(), reads_as_open()), (State::Open, false));
    breaker.force_open();
    tokio::time::advance(60 * SECOND).await;
    assert!(reads_as_open());
}
