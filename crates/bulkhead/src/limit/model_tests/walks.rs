//! Random walks of every limit beside its twin.

use proptest::prelude::*;

use super::all;
use super::twin::{Twin, sample};
use crate::limit::{Adaptive, Ended, Limiter};

/// One call: how long after the one before it ends, how long it took, both in microseconds, how
/// much of the limit was in use, and how it ended.
type Call = (u64, u64, f64, Ended);

fn ended() -> impl Strategy<Value = Ended> {
    prop_oneof![
        40 => Just(Ended::Answered),
        2 => Just(Ended::Failed),
        1 => Just(Ended::Lost),
        2 => Just(Ended::Unfinished),
    ]
}

/// A stretch of calls at about the same latency and load.
fn stretch() -> impl Strategy<Value = Vec<Call>> {
    let base = prop::sample::select(vec![500_u64, 2_000, 20_000]);
    let apart = prop::sample::select(vec![10_u64, 1_000, 10_000, 1_000_000]);
    let answered = prop::bool::weighted(0.7);
    (base, apart, 0.0..1.2, answered).prop_flat_map(|(base, apart, load, answered)| {
        let ended = if answered { Just(Ended::Answered).boxed() } else { ended().boxed() };
        let call = (0..=apart, base..=2 * base, Just(load), ended);
        prop::collection::vec(call, 1..120)
    })
}

fn walk() -> impl Strategy<Value = Vec<Call>> {
    prop::collection::vec(stretch(), 1..5).prop_map(|stretches| stretches.concat())
}

fn compare(settings: Adaptive, walk: Vec<Call>) -> Result<(), TestCaseError> {
    let mut limiter = Limiter::new(settings, 10);
    let mut twin = Twin::new(settings, 10);
    let mut now = 1_000_000;
    for (apart, latency, load, ended) in walk {
        now += apart;
        let in_use = 1 + (twin.limit * load) as u32;
        let sample = sample(now - latency, now, in_use, ended);
        let before = limiter.limit();
        let change = limiter.on_result(sample);
        twin.on_result(sample);
        let close = (limiter.limit - twin.limit).abs() <= 1e-6 * twin.limit;
        prop_assert!(close, "{} and the twin's {} differ", limiter.limit, twin.limit);
        let expected = (before != limiter.limit()).then_some((before, limiter.limit()));
        prop_assert_eq!(change.map(|change| (change.from, change.to)), expected);
    }
    Ok(())
}

proptest! {
    #[test]
    fn model(settings in all(), walk in walk()) {
        compare(settings, walk)?;
    }
}
