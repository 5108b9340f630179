//! The small words: what each of their questions answers.

use std::time::Duration;

use salve_core::{
    Buckets, Budget, BudgetCost, BudgetRule, Classify, End, ErrorsAreFailures, FailureKind, Moment,
    Outcome, Ratio, RetryAdvice, Settlement, clock,
};

const SECOND: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Moment {
    Moment::ZERO.after(Duration::from_millis(millis))
}

#[test]
fn buckets_end_at_multiples_of_a_tenth_and_can_be_emptied() {
    let mut buckets = Buckets::<u32>::new(SECOND);
    assert_eq!(buckets.end(), at(100));
    buckets.advance(at(250));
    assert_eq!(buckets.end(), at(300));
    *buckets.current() += 7;
    assert_eq!(buckets.iter().sum::<u32>(), 7);
    buckets.clear();
    assert_eq!((buckets.iter().sum::<u32>(), buckets.end()), (0, at(300)));
    assert!(buckets.covers(SECOND));
    assert!(!buckets.covers(2 * SECOND) && !buckets.covers(SECOND / 2));
    assert!(Buckets::<u32>::new(Duration::ZERO).covers(Duration::from_nanos(19)));
}

#[test]
fn a_share_of_the_traffic_counts_calls_and_not_successes() {
    let rule = BudgetRule::Share {
        share: Ratio::percent::<50>(),
        minimum_per_second: 0,
        horizon: 10 * SECOND,
    };
    let budget = Budget::new(rule).unwrap();
    let now = clock::now();
    assert!(budget.counts_calls() && !budget.counts_successes());
    assert!(!budget.has_some(now));
    assert!(!budget.call_started(now), "half of one call is none");
    assert!(budget.call_started(now) && budget.has_some(now));
    assert_eq!(budget.available(now), 1);
    for _ in 0..4 {
        budget.call_started(now);
    }
    assert_eq!(budget.available(now), 3);
    assert_eq!(budget.withdraw(BudgetCost::Retry, now), Some(1));
    budget.call_succeeded(1);
    assert_eq!(budget.available(now), 2);
}

#[test]
fn tokens_come_back_with_successes() {
    let rule = BudgetRule::Tokens { capacity: 10, retry_cost: 5, timeout_cost: 10 };
    let budget = Budget::new(rule).unwrap();
    let now = clock::now();
    assert!(budget.counts_successes() && !budget.counts_calls());
    assert!(budget.call_started(now) && budget.has_some(now));
    assert_eq!(budget.available(now), 2);
    assert_eq!(budget.withdraw(BudgetCost::RetryAfterTimeout, now), Some(10));
    assert_eq!((budget.available(now), budget.has_some(now)), (0, false));
    assert!(!budget.call_started(now));
    budget.call_succeeded(10);
    assert_eq!(budget.available(now), 2);
}

#[test]
fn a_ratio_is_exact_and_none_of_nothing_is_reached_only_by_zero() {
    let third = Ratio::from_parts_per_million(333_333).unwrap();
    assert_eq!(third.parts_per_million(), 333_333);
    assert_eq!(Ratio::percent::<25>().as_f64(), 0.25);
    assert_eq!(f64::from(Ratio::ONE), 1.0);
    assert_eq!(Ratio::from_parts_per_million(1_000_001), None);
    assert!(Ratio::ZERO.reached_by(0, 0) && Ratio::ZERO.reached_by(0, 7));
    assert!(!Ratio::percent::<1>().reached_by(0, 0) && !Ratio::ONE.reached_by(0, 0));
    assert!(Ratio::ONE.reached_by(7, 7) && !Ratio::ONE.reached_by(6, 7));
}

#[test]
fn only_failures_are_failures() {
    assert!(Outcome::FAILURE.is_failure() && Outcome::PERMANENT.is_failure());
    let late = Outcome::Failure { retry: RetryAdvice::Never, kind: FailureKind::Timeout };
    assert!(late.is_failure());
    assert!(!Outcome::Success.is_failure() && !Outcome::Ignored.is_failure());
}

#[test]
fn an_answer_is_whole_unless_its_classifier_says_otherwise() {
    struct Streams;
    impl Classify<Settlement, ()> for Streams {
        fn classify(&self, _: Result<&Settlement, &()>) -> Outcome {
            Outcome::Success
        }
        fn settlement<'a>(&self, response: &'a Settlement) -> Option<&'a Settlement> {
            Some(response)
        }
    }
    let settlement = Settlement::new();
    assert!(Classify::<_, ()>::settlement(&ErrorsAreFailures, &settlement).is_none());
    assert!(Streams.settlement(&settlement).is_some());
    settlement.settle(End::Cancelled);
}
