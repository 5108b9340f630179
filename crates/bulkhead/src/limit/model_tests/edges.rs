//! What lies exactly at an edge, and what an end means.

use std::time::Duration;

use salve_core::{FailureKind, Moment, Outcome, Ratio, RetryAdvice};

use super::{Adaptive, Algorithm, algorithms};
use crate::limit::{Ended, Limiter, Sample};

const SECOND: u64 = 1_000_000_000;

/// A call of this latency in nanoseconds that ends at this moment, with the limit in use.
fn end(limiter: &mut Limiter, now: u64, latency: u64, ended: Ended) {
    let (began, now) = (Moment::from_nanos(now - latency), Moment::from_nanos(now));
    limiter.on_result(Sample { began, now, in_use: limiter.limit(), ended });
}

#[test]
fn what_a_call_came_to_says_something_of_load_or_nothing() {
    let failure = |kind| Outcome::Failure { retry: RetryAdvice::Yes, kind };
    for (outcome, ended) in [
        (Outcome::Success, Some(Ended::Answered)),
        (Outcome::Ignored, None),
        (failure(FailureKind::Timeout), Some(Ended::Lost)),
        (failure(FailureKind::Overload), Some(Ended::Lost)),
        (failure(FailureKind::Error), Some(Ended::Failed)),
        (failure(FailureKind::Panic), None),
    ] {
        assert_eq!(Ended::of(outcome), ended, "{outcome:?}");
    }
}

#[test]
fn an_answer_is_slow_beyond_the_bound_and_not_at_it() {
    let slow = Duration::from_secs(1);
    let aimd = Algorithm::Aimd { backoff: Ratio::percent::<90>(), slow };
    for (latency, limit) in [(SECOND, 20), (SECOND + 1, 18)] {
        let mut limiter = Limiter::new(Adaptive::default().with_algorithm(aimd), 20);
        end(&mut limiter, 10 * SECOND, latency, Ended::Answered);
        assert_eq!(limiter.limit(), limit, "{latency}");
    }
}

#[test]
fn a_failure_that_took_as_long_as_usual_is_an_answer() {
    for (latency, counts) in [(1_999_999, false), (2_000_000, true)] {
        for algorithm in algorithms() {
            if matches!(algorithm, Algorithm::Aimd { .. }) {
                continue;
            }
            let mut limiter = Limiter::new(Adaptive::default().with_algorithm(algorithm), 20);
            end(&mut limiter, SECOND, 2_000_000, Ended::Answered);
            let mut now = SECOND;
            for _ in 0..1_000 {
                now += 1_000_000;
                end(&mut limiter, now, latency, Ended::Failed);
            }
            assert_eq!(limiter.limit() > 20, counts, "{algorithm:?} after {latency}");
        }
    }
}

#[test]
fn what_was_measured_stays_with_its_algorithm_and_no_longer() {
    for algorithm in algorithms() {
        let settings = Adaptive::default().with_algorithm(algorithm);
        let mut limiter = Limiter::new(settings, 20);
        for call in 1..1_000 {
            end(&mut limiter, SECOND + call * 1_000_000, 2_000_000, Ended::Answered);
        }
        let known = (limiter.usual(), limiter.baseline());
        assert_eq!(known.0, Some(2e6));
        assert_eq!(known.1.is_none(), matches!(algorithm, Algorithm::Aimd { .. }));
        assert!(known.1.is_none_or(|baseline| (1.9e6..2.1e6).contains(&baseline)), "{known:?}");
        limiter.reconfigure(settings.with_bounds(1, 100));
        assert_eq!((limiter.usual(), limiter.baseline()), known);
        let other = algorithms().into_iter().find(|other| *other != algorithm).unwrap();
        limiter.reconfigure(settings.with_algorithm(other));
        assert_eq!((limiter.usual(), limiter.baseline()), (None, None));
    }
}
