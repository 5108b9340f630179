//! What an algorithm makes of single rounds, where walks seldom come.

use std::time::Duration;

use salve_core::Moment;

use crate::limit::baseline::Baseline;
use crate::limit::gradient2::Gradient2;
use crate::limit::round::{Round, Summary};
use crate::limit::vegas::Vegas;
use crate::limit::{Step, Why};

const MEMORY: Duration = Duration::from_secs(60);

/// A round of answers that ended at this second, with `peak` places in use.
fn round(second: u64, latency: f64, peak: u32) -> Summary {
    let now = Moment::from_nanos(second * 1_000_000_000);
    let (median, mean) = (Some(latency), Some(latency));
    Summary { now, median, mean, answered: 20, lost: 0, peak }
}

/// Has seen a latency of 1 at second 100.
fn baseline() -> Baseline {
    let mut baseline = Baseline::new(2.0, MEMORY);
    assert_eq!(baseline.step(&round(100, 1.0, 0), 100.0), None);
    baseline
}

fn why(step: Option<Step>) -> Option<Why> {
    step.map(|step| step.why)
}

#[test]
fn a_limit_that_is_just_right_is_not_shrunk() {
    // Of 20 places, 16 are kept, and the root of that is 4.
    assert_eq!(baseline().step(&round(101, 2.5, 0), 20.0), None);
    assert_eq!(why(baseline().step(&round(101, 2.6, 0), 20.0)), Some(Why::Latency));
    for (latency, expected) in [(25.0, None), (26.0, Some(Why::Latency))] {
        let mut gradient2 = Gradient2::new(1.25);
        assert_eq!(gradient2.step(&round(1, 7.0, 0), 20.0), None);
        assert_eq!(why(gradient2.step(&round(2, latency, 0), 20.0)), expected);
    }
}

#[test]
fn latency_that_a_quarter_of_the_limit_has_not_moved_is_the_baseline() {
    for (at_a_quarter, is_in_vain) in [(7.0, true), (6.9, false), (14.3, false)] {
        let mut baseline = baseline();
        // What it was before the limit was halved does not count.
        for (second, latency, limit) in [(101, 90.0, 100.0), (102, 80.0, 50.1), (103, 10.0, 50.0)] {
            let step = baseline.step(&round(second, latency, 0), limit);
            assert_eq!(why(step), Some(Why::Latency), "{limit}");
        }
        assert_eq!(why(baseline.step(&round(104, 10.0, 0), 25.1)), Some(Why::Latency));
        let step = baseline.step(&round(105, at_a_quarter, 0), 25.0);
        assert_eq!(why(step), (!is_in_vain).then_some(Why::Latency), "{at_a_quarter}");
        let lowest = if is_in_vain { at_a_quarter } else { 1.0 };
        assert_eq!(baseline.lowest.get(), Some(lowest));
    }
}

#[test]
fn a_limit_set_from_outside_is_where_it_goes_on_from() {
    for is_set in [false, true] {
        let mut baseline = baseline();
        let drains = baseline.step(&round(130, 1.2, 100), 100.0);
        assert_eq!(why(drains), Some(Why::Drains));
        if is_set {
            baseline.forget_limits();
        }
        let next = baseline.step(&round(131, 1.0, 0), 75.0);
        assert_eq!(next, (!is_set).then_some(Step { to: 100.0, why: Why::Drained }));

        for (second, limit) in [(132, 100.0), (133, 50.0)] {
            assert_eq!(why(baseline.step(&round(second, 9.0, 0), limit)), Some(Why::Latency));
        }
        if is_set {
            baseline.forget_limits();
        }
        let step = baseline.step(&round(134, 9.0, 0), 25.0);
        assert_eq!(why(step), is_set.then_some(Why::Latency), "shrinks since 25, not since 100");
    }
}

#[test]
fn vegas_steps_by_how_many_calls_queue() {
    // Of 8 places, so many are queued as the lowest latency is below 8.
    for (lowest, to) in [
        (7.1, Some(14.0)),
        (7.0, Some(14.0)),
        (6.9, Some(9.0)),
        (5.1, Some(9.0)),
        (5.0, None),
        (2.0, None),
        (1.9, Some(7.0)),
    ] {
        let mut vegas = Vegas::new(MEMORY);
        vegas.step(&round(100, lowest, 0), 8.0);
        let step = vegas.step(&round(101, 8.0, 8), 8.0);
        assert_eq!(step.map(|step| step.to), to, "{lowest}");
        let lossy = Summary { lost: 1, ..round(102, 8.0, 8) };
        assert_eq!(vegas.step(&lossy, 8.0), Some(Step { to: 7.0, why: Why::Losses }));
    }
    let step = Vegas::new(MEMORY).step(&round(100, 8.0, 1_000), 1_000.0);
    assert_eq!(step.map(|step| step.to), Some(1_018.0), "steps grow with the limit");
}

#[test]
fn a_twentieth_lost_is_too_much_and_half_in_use_is_demand() {
    for (lost, answered, loss) in [(1, 19, Some(0.05)), (1, 20, None), (3, 0, Some(1.0))] {
        assert_eq!(Summary { lost, answered, ..round(1, 1.0, 0) }.loss(), loss);
    }
    for (peak, limit, fills) in [(5, 10.9, true), (5, 11.0, false), (6, 11.0, true)] {
        assert_eq!(round(1, 1.0, peak).fills(limit), fills, "{peak} of {limit}");
    }
}

/// Calls that began at the nanosecond 1,000, each with its latency; none was lost.
fn calls(latencies: impl IntoIterator<Item = u64>) -> Round {
    let mut round = Round::new();
    for latency in latencies {
        round.add(Moment::from_nanos(1_000), Some(latency), 1);
    }
    round
}

fn ends(round: &mut Round, at: u64, window: u64, limit: f64) -> bool {
    round.end(Moment::from_nanos(at), Duration::from_nanos(window), limit).is_some()
}

#[test]
fn a_round_ends_with_enough_calls_after_its_window_and_twice_its_latency() {
    for (at, window, is_over) in
        [(1_199, 100, false), (1_200, 100, true), (1_499, 500, false), (1_500, 500, true)]
    {
        assert_eq!(ends(&mut calls([100; 20]), at, window, 20.0), is_over, "{at} of {window}");
    }
    for (count, limit, is_enough) in [
        (4, 1.0, false),
        (5, 1.0, true),
        (9, 10.0, false),
        (10, 10.9, true),
        (19, 100.0, false),
        (20, 100.0, true),
    ] {
        let mut round = calls(vec![100; count]);
        assert_eq!(ends(&mut round, 9_000, 100, limit), is_enough, "{count} of {limit}");
    }
    assert!(!ends(&mut Round::new(), 9_000, 100, 1.0), "nobody has called");
}

#[test]
fn latencies_that_are_kept_are_spread_over_the_round() {
    // Of 64 all are kept, of up to 128 each second, of 300 each eighth.
    for (count, median) in [(64, 32), (65, 32), (128, 64), (129, 64), (300, 152)] {
        let summary = calls(0..count).end(Moment::from_nanos(9_000), Duration::ZERO, 1.0).unwrap();
        assert_eq!((summary.median, summary.answered), (Some(f64::from(median)), count as u32));
        assert_eq!(summary.mean, Some((count as f64 - 1.0) / 2.0));
    }
}

#[test]
fn who_began_with_the_end_of_a_round_or_before_it_is_of_no_round() {
    let (ended, later) = (Moment::from_nanos(9_000), Moment::from_nanos(9_001));
    for is_set in [false, true] {
        let mut round = calls([100; 20]);
        if is_set {
            round.restart(ended);
        } else {
            assert!(ends(&mut round, 9_000, 100, 1.0));
        }
        (0..20).for_each(|_| round.add(ended, None, 7));
        assert!(!ends(&mut round, 99_000, 100, 1.0));
        (0..20).for_each(|call| round.add(later, None, call));
        let summary = round.end(Moment::from_nanos(99_000), Duration::ZERO, 1.0).unwrap();
        let (lost, answered, peak) = (summary.lost, summary.answered, summary.peak);
        assert_eq!((summary.median, lost, answered, peak), (None, 20, 0, 19));
    }
}

#[test]
fn gradient2_averages_ten_rounds_evenly_and_then_over_six_hundred() {
    let mut gradient2 = Gradient2::new(1.5);
    let mut average_after = |second, latency| {
        gradient2.step(&round(second, latency, 0), 20.0);
        (gradient2.average().unwrap() * 1e9).round() / 1e9
    };
    assert_eq!((average_after(1, 10.0), average_after(2, 20.0)), (10.0, 15.0));
    (3..=10).for_each(|second| _ = average_after(second, 15.0));
    assert_eq!(average_after(11, 15.0 + 601.0), 17.0);
    assert_eq!(average_after(12, 8.5), 16.971_713_810);
    // More than twice the round's.
    assert_eq!(average_after(13, 8.0), 16.094_764_965);
    let mut gradient2 = Gradient2::new(1.5);
    for (second, latency, average) in [(1, 15.0, 15.0), (2, 5.0, 10.0), (3, 4.0, 8.0)] {
        gradient2.step(&round(second, latency, 0), 20.0);
        assert_eq!(gradient2.average(), Some(average), "twice the round's is not more");
    }
}
