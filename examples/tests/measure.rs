//! The arithmetic behind `protect`'s summary, checked on hand-made records.

#[path = "../protect/measure.rs"]
mod measure;

use std::time::Duration;

use measure::{count, quantile, time_to_notice, time_to_recover};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One moment every `every` ms in `from..until`.
fn every(every: u64, from: u64, until: u64) -> Vec<Duration> {
    (from..until).step_by(every as usize).map(ms).collect()
}

#[test]
fn counting_takes_the_start_and_leaves_the_end() {
    assert_eq!(count(&every(10, 0, 100), ms(10), ms(30)), 2);
    assert_eq!(count(&[], ms(10), ms(30)), 0);
    assert_eq!(count(&every(10, 0, 100), ms(30), ms(10)), 0);
}

#[test]
fn a_player_that_sends_everything_never_notices() {
    let arrivals = every(20, 0, 10_000);
    assert_eq!(time_to_notice(&arrivals, &arrivals, ms(2000), ms(8000)), None);
}

#[test]
fn notice_is_the_start_of_the_first_second_that_is_held_back() {
    let arrivals = every(20, 0, 10_000);
    let attempts = every(20, 0, 2700);
    // From 2650 on, 2 attempts (2660 and 2680) are fewer than a tenth of 50 calls; from 2600 on, 5
    // are not.
    assert_eq!(time_to_notice(&arrivals, &attempts, ms(2000), ms(8000)), Some(ms(650)));
}

#[test]
fn probes_of_less_than_a_tenth_are_still_held_back() {
    let arrivals = every(20, 0, 10_000);
    let mut attempts = every(20, 0, 2000);
    attempts.extend(every(300, 2000, 8000));
    assert_eq!(time_to_notice(&arrivals, &attempts, ms(2000), ms(8000)), Some(ms(0)));
    let mut attempts = every(20, 0, 2000);
    attempts.extend(every(200, 2000, 8000));
    assert_eq!(time_to_notice(&arrivals, &attempts, ms(2000), ms(8000)), None);
}

#[test]
fn a_fault_shorter_than_the_second_cannot_be_noticed() {
    assert_eq!(time_to_notice(&every(20, 0, 10_000), &[], ms(2000), ms(2900)), None);
}

#[test]
fn recovery_is_the_start_of_five_good_buckets() {
    let calls: Vec<_> =
        every(20, 0, 10_000).into_iter().map(|due| (due, due >= ms(4300))).collect();
    assert_eq!(time_to_recover(&calls, ms(4000), ms(10_000)), Some(ms(300)));
    assert_eq!(time_to_recover(&calls, ms(4000), ms(5300)), Some(ms(300)));
    assert_eq!(time_to_recover(&calls, ms(4000), ms(5299)), None);
}

#[test]
fn one_bad_bucket_starts_the_count_anew() {
    let bad = |due: &Duration| (ms(4800)..ms(4860)).contains(due);
    let calls: Vec<_> = every(20, 0, 10_000).into_iter().map(|due| (due, !bad(&due))).collect();
    // The last bad call is due at 4840, so the first bucket without it starts at 4850.
    assert_eq!(time_to_recover(&calls, ms(4000), ms(10_000)), Some(ms(850)));
}

#[test]
fn a_bucket_without_calls_proves_nothing() {
    let calls: Vec<_> = every(250, 0, 10_000).into_iter().map(|due| (due, true)).collect();
    assert_eq!(time_to_recover(&calls, ms(4000), ms(4600)), None);
    assert_eq!(time_to_recover(&[], ms(4000), ms(10_000)), None);
}

#[test]
fn quantiles_are_nearest_rank() {
    let values: Vec<_> = (1..=100).map(ms).collect();
    assert_eq!(quantile(&values, 0.5), Some(ms(50)));
    assert_eq!(quantile(&values, 0.99), Some(ms(99)));
    assert_eq!(quantile(&values, 1.0), Some(ms(100)));
    assert_eq!(quantile(&values[..1], 0.01), Some(ms(1)));
    assert_eq!(quantile(&[], 0.5), None);
}
