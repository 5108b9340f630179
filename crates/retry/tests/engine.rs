//! The engine for simulations: the same answers as the layer, step by step.

use std::time::Duration;

use salve_core::{Budget, FailureKind, Moment, Outcome, RetryAdvice};
use salve_retry::engine::{Call, Engine};
use salve_retry::{Backoff, Config};

const MS: Duration = Duration::from_millis(1);

fn at(ms: u64) -> Moment {
    Moment::from_nanos((1_000 + ms) * 1_000_000)
}

fn engine(config: &Config, budget: Option<Budget>) -> Engine {
    Engine::new(config, budget, 7).unwrap()
}

fn steady(attempts: u32) -> Config {
    Config::new("x").with_max_attempts(attempts).with_backoff(Backoff::constant(10 * MS))
}

fn fails(engine: &mut Engine, call: &mut Call, ms: u64) -> Option<Duration> {
    let wait = engine.failed(call, Outcome::FAILURE, true, at(ms))?;
    engine.attempted(call, at(ms).after(wait));
    Some(wait)
}

#[test]
fn attempts_and_the_deadline_end_a_call() {
    let mut engine = engine(&steady(3), None);
    let mut call = engine.begin(at(1_000), at(0));
    assert_eq!(fails(&mut engine, &mut call, 0), Some(10 * MS));
    assert_eq!(fails(&mut engine, &mut call, 20), Some(10 * MS));
    assert_eq!(fails(&mut engine, &mut call, 40), None, "three were made");

    let mut call = engine.begin(at(30), at(0));
    assert_eq!(fails(&mut engine, &mut call, 5), Some(10 * MS));
    assert_eq!(fails(&mut engine, &mut call, 20), None, "it would begin at the deadline");

    let mut total = self::engine(&steady(3).with_total_deadline(15 * MS), None);
    let mut call = total.begin(at(1_000), at(0));
    assert_eq!(fails(&mut total, &mut call, 6), None, "the call's own deadline is sooner");
}

#[test]
fn what_is_attempted_within_an_attempt_counts_as_one() {
    let mut engine = engine(&steady(4), None);
    let mut call = engine.begin(Moment::MAX, at(0));
    assert_eq!(call.attempts_left(), 3);
    call.used_within(2);
    assert_eq!(call.attempts_left(), 1);
    assert_eq!(fails(&mut engine, &mut call, 1), Some(10 * MS));
    assert_eq!(call.attempts_left(), 0);
    assert_eq!(fails(&mut engine, &mut call, 20), None, "four were made");
}

#[test]
fn what_must_not_be_repeated_is_not_and_advice_is_heard() {
    let mut engine = engine(&steady(9), None);
    let mut call = engine.begin(Moment::MAX, at(0));
    assert_eq!(engine.failed(&mut call, Outcome::FAILURE, false, at(1)), None);
    assert_eq!(engine.failed(&mut call, Outcome::Success, true, at(1)), None);
    assert_eq!(engine.failed(&mut call, Outcome::Ignored, true, at(1)), None);
    let advice = |retry| Outcome::Failure { retry, kind: FailureKind::Overload };
    let later = advice(RetryAdvice::After(70 * MS));
    assert_eq!(engine.failed(&mut call, later, true, at(1)), Some(70 * MS));
    assert_eq!(engine.failed(&mut call, advice(RetryAdvice::Never), true, at(1)), None);
}

#[test]
fn the_budget_is_asked_last_and_pays_for_each() {
    let mut engine = engine(&steady(100), Some(Budget::default()));
    let (mut made, mut call) = (0, engine.begin(Moment::MAX, at(0)));
    while fails(&mut engine, &mut call, 1).is_some() {
        made += 1;
    }
    // Ten a second over the horizon of its rule, and the share of one call.
    assert!((5..=120).contains(&made), "{made}");
    let mut next = engine.begin(Moment::MAX, at(2));
    let more = (0..100).take_while(|_| fails(&mut engine, &mut next, 2).is_some()).count();
    assert!(more <= 1, "{more}: it is used up for all calls");
    engine.succeeded(next);
}

#[test]
fn the_same_seed_draws_the_same_waits() {
    let waits = || {
        let mut engine = engine(&Config::default(), None);
        let draw = |nth: u64| {
            let mut call = engine.begin(Moment::MAX, at(nth));
            fails(&mut engine, &mut call, nth)
        };
        (0..50).map(draw).collect::<Vec<_>>()
    };
    assert_eq!(waits(), waits());
    assert!(waits().iter().all(|wait| wait.is_some_and(|wait| wait <= 100 * MS)));
    assert!(Engine::new(&Config::default().with_max_attempts(0), None, 1).is_err());
}
