//! Waits: exact without jitter, within bounds with it, at any attempt.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::{Check, Ratio};

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

/// Whether both are the same but for what rounding to nanoseconds, at each of a few steps, takes away.
fn close(one: Duration, other: f64) -> bool {
    (one.as_secs_f64() - other).abs() <= other.abs().mul_add(1e-9, 4e-9)
}

proptest! {
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
