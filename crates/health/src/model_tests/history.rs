//! Random walks of records beside a twin that keeps everything, and what scores come to.

use proptest::prelude::*;

use super::{at, ms};
use crate::history::{Condition, History};

const HORIZON: u64 = 4;

#[derive(Clone, Copy, Debug)]
enum Step {
    Result(bool),
    Become(Condition),
    Forgive,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let condition =
        prop_oneof![Just(Condition::Up), Just(Condition::Down), Just(Condition::Unseen)];
    let step = prop_oneof![
        6 => any::<bool>().prop_map(Step::Result),
        4 => condition.prop_map(Step::Become),
        1 => Just(Step::Forgive),
    ];
    let gap = prop_oneof![6 => 0..40_000_u64, 2 => 40_000..200_000_u64, 1 => 200_000..900_000_u64];
    prop::collection::vec((gap, step), 1..60)
}

proptest! {
    #[test]
    fn inv_51_records_are_exact_to_the_minute_and_memory_is_bounded(
        start in 0..200_000_u64,
        steps in steps(),
    ) {
        let mut now = start;
        let mut history = History::new(HORIZON as u16, at(now));
        let mut results: Vec<(u64, bool)> = Vec::new();
        let mut spans: Vec<(u64, u64, Condition)> = Vec::new();
        let mut repairs: Vec<(u64, u64)> = Vec::new();
        let mut down_since = None;
        let mut condition = Condition::Unseen;
        for (gap, step) in steps {
            let before = now;
            now += gap;
            let spent = if matches!(step, Step::Forgive) { Condition::Unseen } else { condition };
            spans.push((before, now, spent));
            match step {
                Step::Result(failed) => {
                    history.count(failed, at(now));
                    results.push((now, failed));
                }
                Step::Become(next) => {
                    history.become_(next, at(now));
                    match (condition, next) {
                        (Condition::Up, Condition::Down) => down_since = Some(now),
                        (_, Condition::Unseen) => down_since = None,
                        (_, Condition::Up) => repairs.extend(down_since.take().map(|since| (now, now - since))),
                        _ => {}
                    }
                    condition = next;
                }
                Step::Forgive => history.forgive(at(now)),
            }
            let first = (now / 60_000 + 1).saturating_sub(HORIZON) * 60_000;
            let spent = |of: Condition| -> u64 {
                let of_it = spans.iter().filter(|(_, _, condition)| *condition == of);
                of_it.map(|(from, to, _)| to.saturating_sub(*from.max(&first))).sum()
            };
            let kept: Vec<_> = results.iter().filter(|(when, _)| *when >= first).collect();
            let failed = kept.iter().filter(|(_, failed)| *failed).count();
            let mended: Vec<_> = repairs.iter().filter(|(when, _)| *when >= first).collect();
            let record = history.record(at(now));
            let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
            prop_assert_eq!(record.uptime, share(spent(Condition::Up), spent(Condition::Up) + spent(Condition::Down)));
            prop_assert_eq!(record.failure_rate, share(failed as u64, kept.len() as u64));
            prop_assert_eq!(record.results, kept.len() as u64);
            prop_assert_eq!(record.recoveries, mended.len() as u64);
            let took: u64 = mended.iter().map(|(_, took)| took).sum();
            prop_assert_eq!(record.mean_time_to_recovery, took.checked_div(mended.len() as u64).map(ms));
            prop_assert!(history.len() as u64 <= 2 * HORIZON);
        }
    }
}

#[test]
fn inv_51_a_million_results_take_no_more_memory_than_a_few() {
    let mut history = History::new(60, at(0));
    for nth in 0..1_000_000_u64 {
        history.count(nth % 2 == 0, at(nth * 10));
        history.become_(if nth % 2 == 0 { Condition::Down } else { Condition::Up }, at(nth * 10));
    }
    assert!(history.len() <= 120, "{}", history.len());
    assert_eq!(history.record(at(9_999_990)).failure_rate, Some(0.5));
}

#[test]
fn results_beyond_what_a_minute_holds_are_left_out_and_leave_with_it() {
    let mut history = History::new(2, at(0));
    for _ in 0..70_000 {
        history.count(true, at(0));
    }
    let record = history.record(at(0));
    assert_eq!((record.results, record.failure_rate), (65_535, Some(1.0)));
    assert_eq!(history.record(at(120_000)).results, 0);
}
