//! failsafe: its default policy (success rate or consecutive failures) and consecutive alone.

use std::time::Duration;

use failsafe::backoff::{self, Constant};
use failsafe::failure_policy::{ConsecutiveFailures, consecutive_failures};
use failsafe::futures::CircuitBreaker as AsyncBreaker;
use failsafe::{CircuitBreaker, Config, StateMachine};

use super::{BREAKER_CLOSED, BREAKER_OPEN};
use crate::case::Case;
use crate::inner::{Failed, answer};
use crate::memory::Instance;

type Consecutive = StateMachine<ConsecutiveFailures<Constant>, ()>;

fn consecutive() -> Consecutive {
    let policy = consecutive_failures(5, backoff::constant(Duration::from_secs(3600)));
    Config::new().failure_policy(policy).build()
}

fn open() -> Consecutive {
    let breaker = consecutive();
    for _ in 0..5 {
        breaker.on_error();
    }
    breaker
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::sync(BREAKER_CLOSED, "failsafe sync, default", || {
            let breaker = Config::new().build();
            move || {
                let breaker = breaker.clone();
                move |request| CircuitBreaker::call(&breaker, || Ok::<_, Failed>(request))
            }
        })
        .contended(),
        Case::future(BREAKER_CLOSED, "failsafe futures, default", || {
            let breaker = Config::new().build();
            move || {
                let breaker = breaker.clone();
                move |request| AsyncBreaker::call(&breaker, answer!(Failed, request))
            }
        })
        .contended(),
        Case::future(BREAKER_CLOSED, "failsafe futures, consecutive", || {
            let breaker = consecutive();
            move || {
                let breaker = breaker.clone();
                move |request| AsyncBreaker::call(&breaker, answer!(Failed, request))
            }
        })
        .contended(),
        Case::future(BREAKER_OPEN, "failsafe futures, consecutive", || {
            let breaker = open();
            move || {
                let breaker = breaker.clone();
                move |request| AsyncBreaker::call(&breaker, answer!(Failed, request))
            }
        })
        .refused()
        .contended(),
    ]
}

pub(crate) fn instances() -> Vec<Instance> {
    vec![
        Instance::of("failsafe, default", || Config::new().build()),
        Instance::of("failsafe, consecutive", consecutive),
    ]
}
