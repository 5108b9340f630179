//! What holds for every limit, whatever moves it.

use proptest::prelude::*;

use super::twin::sample;
use super::{algorithms, all};
use crate::limit::{Adaptive, Algorithm, Ended, Limiter};

fn any_end() -> impl Strategy<Value = Ended> {
    use Ended::{Answered, Failed, Lost, Unfinished};
    prop::sample::select(vec![Answered, Answered, Answered, Failed, Lost, Unfinished])
}

proptest! {
    #[test]
    fn floor_and_ceiling_hold(
        settings in all(),
        calls in prop::collection::vec((0_u64..50_000, 1_u64..90_000, 1_u32..300, any_end()), 1..400),
    ) {
        let mut limiter = Limiter::new(settings, 10);
        let mut now = 1_000_000;
        for (apart, latency, in_use, ended) in calls {
            now += apart;
            limiter.on_result(sample(now - latency, now, in_use, ended));
            let (floor, ceiling) = (settings.floor, settings.ceiling);
            prop_assert!((floor..=ceiling).contains(&limiter.limit()));
        }
    }

    #[test]
    fn it_never_grows_while_idle(
        settings in all(),
        calls in prop::collection::vec((0_u64..50_000, 1_u64..90_000, any_end()), 1..400),
    ) {
        let mut limiter = Limiter::new(settings, 20);
        let mut now = 1_000_000;
        for (apart, latency, ended) in calls {
            now += apart;
            let idle = limiter.limit().div_ceil(2) - 1;
            let change = limiter.on_result(sample(now - latency, now, idle, ended));
            prop_assert!(change.is_none_or(|change| change.to < change.from), "{change:?}");
        }
    }

    #[test]
    fn a_burst_of_failures_moves_it_one_step(settings in all(), burst in 2_u32..60) {
        let settings = Adaptive { floor: 1, ceiling: 200, ..settings };
        let mut limiter = Limiter::new(settings, 64);
        let mut now = 1_000_000;
        for round in 0..100_u64 {
            now = 1_000_000 + round * 3_000;
            limiter.on_result(sample(now - 2_000, now, 1, Ended::Answered));
        }
        let before = limiter.limit();
        let lost = (0..burst).filter_map(|more| {
            let end = now + 40_000 + u64::from(more);
            limiter.on_result(sample(now + 1_000, end, 64, Ended::Lost))
        });
        let changes = lost.collect::<Vec<_>>();
        prop_assert!(changes.len() <= 1, "{changes:?}");
        prop_assert!(limiter.limit() >= before / 2);
    }
}

/// Calls one after another, `apart` microseconds each, with the limit in use.
fn feed(limiter: &mut Limiter, now: &mut u64, calls: u64, latency: u64, ended: Ended) {
    for _ in 0..calls {
        *now += 1_000;
        let in_use = limiter.limit();
        limiter.on_result(sample(*now - latency, *now, in_use, ended));
    }
}

fn limiter(algorithm: Algorithm, limit: u32) -> Limiter {
    Limiter::new(Adaptive::default().with_algorithm(algorithm), limit)
}

#[test]
fn every_limit_grows_under_demand_and_shrinks_by_losses_and_grows_again() {
    for algorithm in algorithms() {
        let (mut limiter, mut now) = (limiter(algorithm, 20), 1_000_000);
        feed(&mut limiter, &mut now, 5_000, 2_000, Ended::Answered);
        let grown = limiter.limit();
        assert!(grown > 40, "{algorithm:?} has grown to {grown}");
        feed(&mut limiter, &mut now, 5_000, 2_000, Ended::Lost);
        let shrunk = limiter.limit();
        assert!(shrunk < grown / 2, "{algorithm:?} has shrunk to {shrunk}");
        feed(&mut limiter, &mut now, 10_000, 2_000, Ended::Answered);
        let again = limiter.limit();
        assert!(again > shrunk + 20, "{algorithm:?} is at {again} after {shrunk}");
    }
}

#[test]
fn every_limit_shrinks_while_cancelled_calls_are_all_that_ends() {
    for algorithm in algorithms() {
        // With answers before, and with none ever.
        for answers in [1_000, 0] {
            let (mut limiter, mut now) = (limiter(algorithm, 64), 1_000_000);
            for _ in 0..answers {
                now += 1_000;
                limiter.on_result(sample(now - 2_000, now, 1, Ended::Answered));
            }
            feed(&mut limiter, &mut now, 1_000, 500_000, Ended::Unfinished);
            assert!(limiter.limit() < 64, "{algorithm:?} is at {}", limiter.limit());
        }
    }
}

#[test]
fn quick_failures_and_quick_cancellations_move_no_limit_that_goes_by_latency() {
    for algorithm in algorithms() {
        for ended in [Ended::Failed, Ended::Unfinished] {
            let is_aimd = matches!(algorithm, Algorithm::Aimd { .. });
            let (mut limiter, mut now) = (limiter(algorithm, 20), 1_000_000);
            feed(&mut limiter, &mut now, 1_000, 2_000, Ended::Answered);
            let before = limiter.limit();
            feed(&mut limiter, &mut now, 1_000, 1_000, ended);
            let moved = limiter.limit() != before;
            assert_eq!(moved, is_aimd && ended == Ended::Failed, "{algorithm:?} {ended:?}");
        }
    }
}

/// The lowest latency is forgotten after `memory`, and the average of Gradient2 moves on.
#[test]
fn a_latency_that_is_higher_for_good_becomes_the_baseline() {
    for algorithm in algorithms() {
        let (mut limiter, mut now) = (limiter(algorithm, 20), 1_000_000);
        feed(&mut limiter, &mut now, 5_000, 1_000, Ended::Answered);
        let before = limiter.limit();
        feed(&mut limiter, &mut now, 120_000, 10_000, Ended::Answered);
        assert!(limiter.limit() >= before, "{algorithm:?}: {} after {before}", limiter.limit());
        let learnt = limiter.baseline().is_none_or(|baseline| baseline > 5e6);
        assert!(learnt, "{algorithm:?} still knows {:?}", limiter.baseline());
    }
}

#[test]
fn new_bounds_take_the_limit_along_and_a_new_algorithm_goes_on_from_it() {
    for algorithm in algorithms() {
        let mut limiter = limiter(Algorithm::vegas(), 100);
        let settings = Adaptive::default().with_algorithm(algorithm);
        limiter.reconfigure(settings.with_bounds(1, 50));
        assert_eq!(limiter.limit(), 50);
        limiter.reconfigure(settings.with_bounds(60, 80));
        assert_eq!(limiter.limit(), 60);
    }
}
