//! Attempts: made, paid and given up as a slow twin works them out.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::{BudgetCost, FailureKind, Moment, Reason, RetryAdvice, nanos};

use crate::attempts::{Attempts, Cause, Failure, GaveUp, Held, Next, Supply};
use crate::backoff::Backoff;
use crate::config::Config;

const SECOND: Duration = Duration::from_secs(1);

/// What happens to one call.
#[derive(Clone, Copy, Debug)]
struct Step {
    takes: u64,
    used_within: u32,
    advice: RetryAdvice,
    unsent: bool,
    timed_out: bool,
    late: u64,
    paused: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let advice = prop_oneof![
        6 => Just(RetryAdvice::Yes),
        3 => (0_u64..400).prop_map(|ms| RetryAdvice::After(Duration::from_millis(ms))),
        1 => Just(RetryAdvice::Never),
    ];
    let used = prop_oneof![3 => Just(0_u32), 1 => 0_u32..3];
    let paused = prop::bool::weighted(0.1);
    (0_u64..60, used, advice, any::<bool>(), any::<bool>(), 0_u64..20, paused).prop_map(
        |(takes, used_within, advice, unsent, timed_out, late, paused)| Step {
            takes,
            used_within,
            advice,
            unsent,
            timed_out,
            late,
            paused,
        },
    )
}

/// The slow twin: a list of what was attempted, from which everything is worked out anew.
#[derive(Debug, Default)]
struct Twin {
    /// Attempts made by this policy, and by retries further in.
    own: u32,
    within: u32,
    money: u32,
    paid: u32,
}

impl Twin {
    fn total(&self) -> u32 {
        self.own + self.within
    }

    fn decide(&mut self, config: &Config, step: &Step, call: &Call, now: u64) -> Next {
        let safe = call.repeatable || (step.unsent && config.retry_unsent);
        if step.advice == RetryAdvice::Never || !safe || !call.cloneable {
            return Next::Leave;
        }
        let around_left = call.around.map(|around| (around + 1).saturating_sub(self.total()));
        if self.total() >= config.max_attempts || around_left == Some(0) {
            return Next::GiveUp(GaveUp::Attempts);
        }
        if step.paused {
            return Next::GiveUp(GaveUp::Paused);
        }
        let wait = match step.advice {
            RetryAdvice::After(wait) if wait > config.max_retry_after => {
                return Next::GiveUp(GaveUp::RetryAfter);
            }
            RetryAdvice::After(wait) => wait,
            _ => config.backoff.bounds(self.own, None).0,
        };
        let begins = now + wait.as_nanos() as u64;
        if call.deadline.is_some_and(|deadline| begins >= deadline) {
            return Next::GiveUp(GaveUp::Deadline);
        }
        let price = if step.timed_out { 2 } else { 1 };
        if self.money < price {
            return Next::GiveUp(GaveUp::Budget);
        }
        self.money -= price;
        self.paid += price;
        Next::Retry { wait }
    }
}

#[derive(Clone, Debug)]
struct Call {
    repeatable: bool,
    cloneable: bool,
    /// What retries around this one have left when it begins.
    around: Option<u32>,
    number: u32,
    deadline: Option<u64>,
    money: u32,
}

fn call() -> impl Strategy<Value = Call> {
    (
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.9),
        prop::option::of(0_u32..8),
        1_u32..5,
        prop::option::of(0_u64..2_000),
        0_u32..12,
    )
        .prop_map(|(repeatable, cloneable, around, number, deadline, money)| Call {
            repeatable,
            cloneable,
            around,
            number,
            deadline: deadline.map(|ms| START + ms * 1_000_000),
            money,
        })
}

const START: u64 = 1_000_000_000;

fn plain_config() -> impl Strategy<Value = Config> {
    let curve = prop_oneof![
        (0_u64..200).prop_map(|ms| Backoff::constant(Duration::from_millis(ms))),
        (1_u64..50).prop_map(|ms| Backoff::exponential(Duration::from_millis(ms), 2.0)),
        (1_u64..50).prop_map(|ms| Backoff::fibonacci(Duration::from_millis(ms))),
    ];
    (curve, 1_u32..10, 100_u64..400, any::<bool>()).prop_map(
        |(backoff, attempts, after, unsent)| {
            Config::of(attempts, backoff.without_jitter())
                .with_max_retry_after(Duration::from_millis(after))
                .with_retry_unsent(unsent)
        },
    )
}

proptest! {
    #[test]
    fn decisions_match_a_slow_twin(
        config in plain_config(),
        call in call(),
        walk in prop::collection::vec(step(), 1..12),
    ) {
        let deadline = call.deadline.map_or(Moment::MAX, Moment::from_nanos);
        let mut attempts = Attempts::new(config.max_attempts - 1, call.number, deadline);
        let mut twin = Twin { own: 1, money: call.money, ..Twin::default() };
        let mut money = call.money;
        let mut around = call.around;
        let mut now = START;
        let mut rng = fastrand::Rng::with_seed(1);
        for step in walk {
            prop_assert_eq!(attempts.number(), call.number + twin.total() - 1);
            now += step.takes * 1_000_000;
            // Retries further in can use no more than they were told.
            let used = step.used_within.min(attempts.left_within(around));
            attempts.note_used_within(used);
            around = around.map(|left| left - used);
            twin.within += used;

            let unsent = step.unsent && !step.timed_out;
            let step = Step { unsent, ..step };
            let cause = match (step.timed_out, unsent) {
                (true, _) => Cause::Failed(FailureKind::Timeout),
                (false, true) => Cause::Rejected(Reason::Full),
                (false, false) => Cause::Failed(FailureKind::Error),
            };
            let failure = Failure { advice: step.advice, cause, unsent };
            let request = if call.cloneable { Held::Yes } else { Held::No };
            let supply = Supply { repeatable: call.repeatable, request, around, paused: step.paused };
            let pay = |cost| {
                let price = if cost == BudgetCost::RetryAfterTimeout { 2 } else { 1 };
                money = money.checked_sub(price)?;
                Some(price)
            };
            let moment = Moment::from_nanos(now);
            let next = attempts.after(&config, failure, supply, moment, &mut rng, pay);
            prop_assert_eq!(next, twin.decide(&config, &step, &call, now));
            prop_assert_eq!(attempts.made(), twin.total());
            prop_assert_eq!((attempts.paid(), money), (twin.paid, twin.money));
            let Next::Retry { wait } = next else { break };
            around = around.map(|left| left - 1);
            twin.own += 1;
            now += wait.as_nanos() as u64 + step.late * 1_000;
            attempts.next();
            prop_assert!(twin.total() <= config.max_attempts);
            prop_assert!(call.around.is_none_or(|around| twin.total() <= around + 1));
        }
    }

    /// A request is kept whenever the engine then decides on a retry by its own backoff.
    #[test]
    fn whoever_says_that_none_can_follow_is_right(
        config in plain_config(),
        call in call(),
        takes in 0_u64..500,
    ) {
        let deadline = call.deadline.map_or(Moment::MAX, Moment::from_nanos);
        let mut attempts = Attempts::new(config.max_attempts - 1, call.number, deadline);
        let begun = Moment::from_nanos(START);
        let may_follow = attempts.may_follow(&config, nanos(config.backoff.bounds(1, None).0), call.around, begun);
        let failure = Failure {
            advice: RetryAdvice::Yes,
            cause: Cause::Failed(FailureKind::Error),
            unsent: false,
        };
        let supply = Supply { repeatable: true, request: Held::Yes, around: call.around, paused: false };
        let later = begun.after(Duration::from_millis(takes));
        let mut rng = fastrand::Rng::with_seed(1);
        let pay = |_| Some(1);
        let next = attempts.after(&config, failure, supply, later, &mut rng, pay);
        prop_assert!(may_follow || matches!(next, Next::GiveUp(_)), "{next:?}");
    }
}

#[test]
fn a_request_that_was_not_kept_ends_the_call_for_the_reason_it_was_not() {
    let config = Config::of(3, Backoff::constant(SECOND));
    let failure = Failure {
        advice: RetryAdvice::After(Duration::ZERO),
        cause: Cause::Failed(FailureKind::Error),
        unsent: false,
    };
    let supply = Supply { repeatable: true, request: Held::Skipped, around: None, paused: false };
    let mut rng = fastrand::Rng::with_seed(1);
    for (deadline, why) in [(SECOND, GaveUp::Deadline), (2 * SECOND, GaveUp::Budget)] {
        let mut attempts = Attempts::new(2, 1, Moment::ZERO.after(deadline));
        let next = attempts.after(&config, failure, supply, Moment::ZERO, &mut rng, |_| Some(1));
        assert_eq!((next, attempts.paid()), (Next::GiveUp(why), 0));
    }
}
