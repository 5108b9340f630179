//! Scenarios in which other ways to inject faults were shown to fail, played against this one.
//!
//! The ids are those of the list of weak points in `docs/peers.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salve_chaos::{Arming, Call, Config, Fault, Handle, Latency, Rule, is_injected};
use salve_core::Ratio;
use tokio::time::{Instant, sleep};
use tower::BoxError;

const MS: Duration = Duration::from_millis(1);
const US: Duration = Duration::from_micros(1);

fn armed(rule: Rule, instance: &'static str) -> Handle {
    let config = Config::new("peers").with_rule(rule).with_instance(instance);
    let config = config.with_most_per_second(100_000).with_most_in_total(100_000);
    let point = Handle::new(config).unwrap();
    point.arm(Arming::new("ada", "a test", 60_000 * MS)).unwrap();
    point
}

async fn ask(point: &Handle) -> Result<(), BoxError> {
    point.call(&Call::ANY, || async { Ok(()) }).await
}

/// Which of a thousand calls are struck.
async fn struck(point: &Handle) -> Vec<bool> {
    let mut struck = Vec::new();
    for _ in 0..1_000 {
        struck.push(ask(point).await.is_err_and(|error| is_injected(&*error)));
    }
    struck
}

#[tokio::test(start_paused = true)]
async fn x01_latency_below_a_millisecond_is_not_rounded_away() {
    for wanted in [US, 300 * US, 999 * US] {
        let rule = Rule::new("slow", Fault::latency(wanted)).with_share(Ratio::ONE);
        let point = armed(rule, "here");
        let began = Instant::now();
        ask(&point).await.unwrap();
        let took = began.elapsed();
        assert!((wanted..=wanted + 2 * MS).contains(&took), "{wanted:?}: {took:?}");
    }
    let latency = Latency::Uniform { from: 100 * US, to: 900 * US };
    let drawn: Vec<Duration> = (0..1_000).map(|number| latency.draw(7, number)).collect();
    assert!(drawn.iter().all(|time| (100 * US..=900 * US).contains(time)));
    let mean = drawn.iter().sum::<Duration>() / 1_000;
    assert!((480 * US..520 * US).contains(&mean), "{mean:?}");
}

#[tokio::test(start_paused = true)]
async fn x02_a_rule_of_which_only_the_fault_is_said_is_not_silently_off() {
    let point = armed(Rule::new("errors", Fault::ERROR), "here");
    let strikes = struck(&point).await.iter().filter(|&&it| it).count();
    // One percent unless told otherwise.
    assert!((3..=25).contains(&strikes), "{strikes}");
    assert_eq!(point.status().struck, strikes as u64);
}

#[tokio::test(start_paused = true)]
async fn x03_replicas_of_one_seed_do_not_fail_in_lockstep() {
    let rule = || Rule::new("errors", Fault::ERROR).with_share(Ratio::percent::<50>());
    let first = struck(&armed(rule(), "pod-1")).await;
    assert_eq!(first, struck(&armed(rule(), "pod-1")).await, "a run can be played again");
    let second = struck(&armed(rule(), "pod-2")).await;
    let both = first.iter().zip(&second).filter(|(one, other)| **one && **other).count();
    // A quarter of them, if the one says nothing about the other.
    assert!((200..300).contains(&both), "{both}");
}

#[tokio::test(start_paused = true)]
async fn fl01_an_injected_delay_does_not_block_the_runtime() {
    let rule = Rule::new("slow", Fault::latency(203 * MS)).with_share(Ratio::ONE);
    let point = armed(rule, "here");
    let ticks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&ticks);
    tokio::spawn(async move {
        loop {
            sleep(10 * MS).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    ask(&point).await.unwrap();
    assert_eq!(ticks.load(Ordering::Relaxed), 20);
}
