//! Random walks of the engines beside slow and obvious twins.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::order::{Needs, Walk, order};

/// One alternative at a time is crossed off a list: the lowest number, and the leftmost of those.
fn slow_order(priorities: &[u32]) -> Vec<usize> {
    let mut left: Vec<_> = priorities.iter().copied().enumerate().collect();
    let mut ordered = Vec::new();
    while let Some(lowest) = left.iter().map(|(_, priority)| *priority).min() {
        let at = left.iter().position(|(_, priority)| *priority == lowest).unwrap();
        ordered.push(left.remove(at).0);
    }
    ordered
}

/// Whoever was tried or passed over is struck out; what is left is read from the left.
struct SlowWalk {
    struck: Vec<bool>,
    tried: usize,
}

impl SlowWalk {
    fn next(&mut self, chain: &[Needs], cascade: bool, supply: Needs) -> Option<usize> {
        if !cascade && self.tried > 0 {
            return None;
        }
        for (place, needs) in chain.iter().enumerate() {
            if self.struck[place] {
                continue;
            }
            self.struck[place] = true;
            let lacks_request = needs.request && !supply.request;
            let lacks_time = needs.time && !supply.time;
            if !lacks_request && !lacks_time {
                self.tried += 1;
                return Some(place);
            }
        }
        None
    }
}

fn needs() -> impl Strategy<Value = Needs> {
    (any::<bool>(), any::<bool>()).prop_map(|(request, time)| Needs { request, time })
}

proptest! {
    #[test]
    fn alternatives_stand_in_the_order_of_the_twin(priorities in vec(0..6_u32, 0..12)) {
        prop_assert_eq!(order(&priorities), slow_order(&priorities));
    }

    #[test]
    fn walks_try_what_the_twin_tries(
        chain in vec(needs(), 0..8),
        cascade in prop::bool::weighted(0.8),
        supplies in vec(needs(), 1..10),
    ) {
        let mut walk = Walk::START;
        let mut twin = SlowWalk { struck: vec![false; chain.len()], tried: 0 };
        for supply in supplies {
            let tried = walk.next(chain.iter().copied(), cascade, supply);
            prop_assert_eq!(tried, twin.next(&chain, cascade, supply));
        }
    }
}

mod worth {
    use salve_core::{FailureKind, Origin, Outcome, Reason, Rejection, RetryAdvice, Verdict};

    use crate::order::{Why, worth};

    #[test]
    fn every_rejection_is_worth_an_alternative() {
        let origin = Origin::new("any", "any".into());
        for reason in Reason::ALL {
            for rejection in
                [Rejection::new(&origin, reason), Rejection::new(&origin, reason).maybe_sent()]
            {
                assert_eq!(worth(Verdict::Rejected(&rejection)), Some(Why::Refused(reason)));
            }
        }
    }

    #[test]
    fn failures_of_every_kind_are_and_nothing_else_is() {
        for kind in [
            FailureKind::Error,
            FailureKind::Timeout,
            FailureKind::Unreachable,
            FailureKind::Overload,
            FailureKind::Broken,
            FailureKind::Panic,
        ] {
            for retry in [RetryAdvice::Yes, RetryAdvice::Never] {
                let outcome = Outcome::Failure { retry, kind };
                assert_eq!(worth(Verdict::Judged(outcome)), Some(Why::Failed(kind)));
            }
        }
        for answer in [Outcome::Success, Outcome::Ignored] {
            assert_eq!(worth(Verdict::Judged(answer)), None);
        }
    }
}
