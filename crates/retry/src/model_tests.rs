//! The engine beside slow obvious twins: schedules by hand, bounds everywhere, random walks.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::{BudgetCost, Check, FailureKind, Moment, Ratio, Reason, RetryAdvice};

use crate::attempts::{Attempts, Cause, Failure, GaveUp, Held, Next, Supply};
use crate::backoff::{Backoff, Curve, Jitter};
use crate::config::{Config, ROOM};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The longest waits before the first few retries.
fn longest(backoff: &Backoff, retries: u32) -> Vec<u128> {
    (1..=retries).map(|retry| backoff.bounds(retry, None).1.as_millis()).collect()
}

fn shortest(backoff: &Backoff, retries: u32) -> Vec<u128> {
    (1..=retries).map(|retry| backoff.bounds(retry, None).0.as_millis()).collect()
}

#[test]
fn sequences_without_jitter_are_exact() {
    for (backoff, expected) in [
        (Backoff::none(), vec![0, 0, 0]),
        (Backoff::constant(70 * MS), vec![70, 70, 70]),
        (Backoff::linear(100 * MS, 50 * MS), vec![100, 150, 200, 250]),
        (Backoff::exponential(100 * MS, 2.0), vec![100, 200, 400, 800, 1_600, 3_200]),
        (Backoff::exponential(100 * MS, 1.5), vec![100, 150, 225]),
        (Backoff::exponential(SECOND, 2.0), vec![1_000, 2_000, 4_000, 8_000, 16_000, 30_000]),
        (Backoff::fibonacci(10 * MS), vec![10, 10, 20, 30, 50, 80, 130]),
        (Backoff::list(vec![30 * SECOND, 60 * SECOND]), vec![30_000, 60_000, 60_000, 60_000]),
    ] {
        let backoff = backoff.without_jitter();
        let retries = expected.len() as u32;
        assert_eq!(longest(&backoff, retries), expected, "{backoff:?}");
        assert_eq!(shortest(&backoff, retries), expected, "{backoff:?}");
    }
}

#[test]
fn presets_follow_the_schedules_they_are_known_by() {
    for (config, attempts, low, high) in [
        (Config::http(), 5, vec![100, 200, 400, 800, 1_600], vec![150, 300, 600, 1_200, 2_400]),
        (
            Config::strategy(),
            5,
            vec![900, 1_800, 3_600, 7_200, 14_400, 27_000],
            vec![1_100, 2_200, 4_400, 8_800, 17_600, 30_000],
        ),
        (
            Config::queue_job(),
            5,
            vec![10_000, 30_000, 60_000, 300_000, 900_000, 900_000],
            vec![10_000, 30_000, 60_000, 300_000, 900_000, 900_000],
        ),
        (
            Config::base_job(),
            3,
            vec![30_000, 60_000, 180_000, 180_000],
            vec![30_000, 60_000, 180_000, 180_000],
        ),
        (Config::ssh(), 3, vec![2_000, 4_000], vec![3_000, 5_000]),
        (Config::health_recovery(), 3, vec![10_000, 10_000], vec![10_000, 10_000]),
    ] {
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(config.max_attempts, attempts);
        assert_eq!(shortest(&config.backoff, low.len() as u32), low);
        assert_eq!(longest(&config.backoff, high.len() as u32), high);
    }
}

#[test]
fn settings_out_of_bounds_are_named() {
    let backoff = |curve, jitter| Config::of(3, Backoff::of(curve, jitter, SECOND));
    for (config, expected) in [
        (
            backoff(Curve::Constant(2 * SECOND), Jitter::None),
            "retry: `backoff.constant` is 2s, but must be between 0ns and 1s",
        ),
        (
            backoff(Curve::List(Vec::new().into()), Jitter::None),
            "retry: `backoff.list` is empty, but must be at least one wait",
        ),
        (
            backoff(Curve::Exponential { first: MS, factor: 0.5 }, Jitter::None),
            "retry: `backoff.factor` is 0.5, but must be between 1 and 100",
        ),
        (
            backoff(Curve::Exponential { first: MS, factor: f64::NAN }, Jitter::None),
            "retry: `backoff.factor` is NaN, but must be between 1 and 100",
        ),
        (
            backoff(Curve::Decorrelated { base: MS }, Jitter::Full),
            "retry: `backoff.jitter` is Full, but must be None with a decorrelated curve",
        ),
        (
            Config::default().with_attempt_timeout(Duration::ZERO),
            "retry: `attempt_timeout` is 0ns, but must be between 1ms and 2592000s",
        ),
    ] {
        assert_eq!(config.validate().unwrap_err().to_string(), expected);
    }
}

fn duration(most: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![0..=most, 0..=most.min(1_000_000), Just(most)].prop_map(Duration::from_nanos)
}

fn curve(max: u64) -> impl Strategy<Value = Curve> {
    prop_oneof![
        duration(max).prop_map(Curve::Constant),
        (duration(max), duration(max)).prop_map(|(first, step)| Curve::Linear { first, step }),
        (duration(max), 1.0..100.0)
            .prop_map(|(first, factor)| Curve::Exponential { first, factor }),
        duration(max).prop_map(|unit| Curve::Fibonacci { unit }),
        prop::collection::vec(duration(max), 1..6).prop_map(|waits| Curve::List(waits.into())),
        duration(max).prop_map(|base| Curve::Decorrelated { base }),
    ]
}

fn ratio() -> impl Strategy<Value = Ratio> {
    (0_u32..=1_000_000).prop_map(|parts| Ratio::from_parts_per_million(parts).unwrap())
}

fn jitter(max: u64) -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        ratio().prop_map(Jitter::Factor),
        ratio().prop_map(Jitter::Above),
        duration(max).prop_map(Jitter::Plus),
    ]
}

const MONTH: u64 = 30 * 24 * 60 * 60 * 1_000_000_000;

fn backoff() -> impl Strategy<Value = Backoff> {
    (0_u64..=MONTH)
        .prop_flat_map(|max| (curve(max), jitter(max), Just(Duration::from_nanos(max))))
        .prop_map(|(curve, jitter, max)| {
            let plain = matches!(curve, Curve::Decorrelated { .. });
            Backoff::of(curve, if plain { Jitter::None } else { jitter }, max)
        })
}

/// What the curve says before the cap, step by step and without overflow.
fn slow_curve(curve: &Curve, retry: u32) -> f64 {
    let seconds = Duration::as_secs_f64;
    match curve {
        Curve::Constant(wait) => seconds(wait),
        Curve::Linear { first, step } => seconds(first) + seconds(step) * f64::from(retry - 1),
        Curve::Exponential { first, factor } => {
            (1..retry).take(20_000).fold(seconds(first), |wait, _| wait * factor)
        }
        Curve::Fibonacci { unit } => {
            let sum = |(a, b): (f64, f64), _| (b, a + b);
            seconds(unit) * (1..retry).take(2_000).fold((1.0, 1.0), sum).0
        }
        Curve::List(waits) => seconds(&waits[(retry as usize - 1).min(waits.len() - 1)]),
        Curve::Decorrelated { base } => seconds(base),
    }
}

fn slow_bounds(backoff: &Backoff, retry: u32, previous: Option<Duration>) -> (f64, f64) {
    let max = backoff.max.as_secs_f64();
    let wait = slow_curve(&backoff.curve, retry).min(max);
    let (low, high) = match (&backoff.curve, backoff.jitter) {
        (Curve::Decorrelated { base }, _) => {
            (wait, previous.unwrap_or(*base).as_secs_f64().mul_add(3.0, 0.0).max(wait))
        }
        (_, Jitter::None) => (wait, wait),
        (_, Jitter::Full) => (0.0, wait),
        (_, Jitter::Equal) => (wait / 2.0, wait),
        (_, Jitter::Factor(share)) => {
            (wait * (1.0 - share.as_f64()), wait * (1.0 + share.as_f64()))
        }
        (_, Jitter::Above(share)) => (wait, wait * (1.0 + share.as_f64())),
        (_, Jitter::Plus(more)) => (wait, wait + more.as_secs_f64()),
    };
    (low.min(max), high.min(max))
}

fn retry_number() -> impl Strategy<Value = u32> {
    prop_oneof![1_u32..12, 1_u32..2_000, Just(u32::MAX), Just(u32::MAX - 1), Just(1 << 31)]
}

fn close(one: Duration, other: f64) -> bool {
    (one.as_secs_f64() - other).abs() <= other.abs().mul_add(1e-9, 2e-9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn bounds_hold_at_any_attempt(
        backoff in backoff(),
        retry in retry_number(),
        previous in prop::option::of(duration(u64::MAX)),
        seed: u64,
    ) {
        prop_assert_eq!(backoff.validate(Check::room(ROOM)), Ok(()));
        let (low, high) = backoff.bounds(retry, previous);
        let (slow_low, slow_high) = slow_bounds(&backoff, retry, previous);
        prop_assert!(close(low, slow_low), "{low:?} instead of {slow_low}");
        prop_assert!(close(high, slow_high), "{high:?} instead of {slow_high}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..8 {
            let wait = backoff.wait(retry, previous, &mut rng);
            prop_assert!(low <= wait && wait <= high && wait <= backoff.max);
        }
    }
}

/// What happens to one call.
#[derive(Clone, Copy, Debug)]
struct Step {
    takes: u64,
    used_within: u32,
    advice: RetryAdvice,
    unsent: bool,
    timed_out: bool,
    late: u64,
}

fn step() -> impl Strategy<Value = Step> {
    let advice = prop_oneof![
        6 => Just(RetryAdvice::Yes),
        3 => (0_u64..400).prop_map(|ms| RetryAdvice::After(Duration::from_millis(ms))),
        1 => Just(RetryAdvice::Never),
    ];
    let used = prop_oneof![3 => Just(0_u32), 1 => 0_u32..3];
    (0_u64..60, used, advice, any::<bool>(), any::<bool>(), 0_u64..20).prop_map(
        |(takes, used_within, advice, unsent, timed_out, late)| Step {
            takes,
            used_within,
            advice,
            unsent,
            timed_out,
            late,
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
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn decisions_match_a_slow_twin(
        config in plain_config(),
        call in call(),
        walk in prop::collection::vec(step(), 1..12),
    ) {
        let deadline = call.deadline.map_or(Moment::MAX, Moment::from_nanos);
        let mut attempts = Attempts::new(config.max_attempts);
        attempts.begin(call.number, deadline);
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
            let supply = Supply { repeatable: call.repeatable, request, around };
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
        let mut attempts = Attempts::new(config.max_attempts);
        attempts.begin(call.number, deadline);
        let begun = Moment::from_nanos(START);
        let may_follow = attempts.may_follow(&config, config.backoff.bounds(1, None).0, call.around, begun);
        let failure = Failure {
            advice: RetryAdvice::Yes,
            cause: Cause::Failed(FailureKind::Error),
            unsent: false,
        };
        let supply = Supply { repeatable: true, request: Held::Yes, around: call.around };
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
    let supply = Supply { repeatable: true, request: Held::Skipped, around: None };
    let mut rng = fastrand::Rng::with_seed(1);
    for (deadline, why) in [(SECOND, GaveUp::Deadline), (2 * SECOND, GaveUp::Budget)] {
        let mut attempts = Attempts::new(3);
        attempts.begin(1, Moment::ZERO.after(deadline));
        let next = attempts.after(&config, failure, supply, Moment::ZERO, &mut rng, |_| Some(1));
        assert_eq!((next, attempts.paid()), (Next::GiveUp(why), 0));
    }
}
