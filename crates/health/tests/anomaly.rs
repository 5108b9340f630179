//! The detector for unknown streams: beside a twin that keeps everything, and on streams of its kind.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::Moment;
use salve_health::detect::{Anomaly, AnomalyConfig, Stream};

const DAY: u64 = 24 * 3_600;
const PART: u64 = DAY / 48;

const fn at(seconds: u64) -> Moment {
    Moment::from_nanos(seconds * 1_000_000_000)
}

/// Between -1 and 1, the same every time.
fn noise(nth: u64) -> f64 {
    let mut bits = nth.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// What each value weighs if every new one takes its share from all before it.
fn weights(count: usize, share: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut weights: Vec<f64> = Vec::new();
    for nth in 1..=count {
        let share = share(nth);
        weights.iter_mut().for_each(|weight| *weight *= 1.0 - share);
        weights.push(share);
    }
    weights
}

/// Mean and deviation of all values, the older ones faded.
fn faded(values: &[f64], memory: u32) -> (f64, f64) {
    let weights = weights(values.len(), |nth| 1.0 / (nth as f64).min(f64::from(memory)));
    let mean: f64 = weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
    let squares = weights.iter().zip(values).map(|(weight, value)| weight * (value - mean).powi(2));
    (mean, squares.sum::<f64>().sqrt())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The deviation of the last value from those before it.
fn far(figures: &[f64], config: &AnomalyConfig) -> f64 {
    let (last, before) = figures.split_last().unwrap();
    if before.len() < config.warm_up as usize {
        return 0.0;
    }
    let (mean, deviation) = faded(before, config.memory);
    ((last - mean).abs() / deviation.max(config.least_scale)).min(12.0)
}

/// What is usual at the time of the last value, from all values before it.
fn usual(steps: &[(u64, f64)], memory: u32) -> f64 {
    let (&(now, value), before) = steps.split_last().unwrap();
    let mut days: Vec<(u64, Vec<f64>)> = Vec::new();
    for &(when, value) in before {
        let part = when / PART;
        if part == now / PART || part % 48 != now / PART % 48 {
            continue;
        }
        match days.last_mut() {
            Some((last, values)) if *last == part => values.push(value),
            _ => days.push((part, vec![value])),
        }
    }
    if days.is_empty() {
        let values: Vec<f64> = before.iter().map(|it| it.1).collect();
        return if values.is_empty() { value } else { faded(&values, memory).0 };
    }
    let weights = weights(days.len(), |nth| (1.0 / nth as f64).max(0.3));
    weights.iter().zip(&days).map(|(weight, (_, values))| weight * mean(values)).sum()
}

proptest! {
    #[test]
    fn it_agrees_with_one_that_keeps_everything(
        steps in prop::collection::vec((1_u64..9_000, -9_i32..9, prop::bool::weighted(0.1)), 1..60),
        (short, more) in (1_usize..6, 1_usize..8),
        (warm_up, memory, rest) in (2_u32..10, 10_u32..40, 0_u32..20),
    ) {
        let config = AnomalyConfig::default()
            .with_windows(short, short + more)
            .with_memory(memory, warm_up)
            .with_rest(rest)
            .with_fatigue(0.5, 50)
            .with_least_scale(0.25);
        let mut anomaly = Anomaly::new(config).unwrap();
        let (mut now, mut seen) = (0, Vec::new());
        let (mut levels, mut seasons, mut spreads) = (Vec::new(), Vec::new(), Vec::new());
        let mut odds: Vec<f64> = Vec::new();
        let mut alarms: Vec<usize> = Vec::new();
        for (nth, (wait, value, is_far)) in steps.into_iter().enumerate() {
            now += wait;
            let value = f64::from(value) * if is_far { 20.0 } else { 1.0 };
            seen.push((now, value));
            let values: Vec<f64> = seen.iter().map(|it| it.1).collect();
            let last = |count: usize| &values[values.len().saturating_sub(count)..];
            levels.push(mean(last(short)));
            seasons.push(value - usual(&seen, memory));
            let recent = last(short + more);
            let middle = mean(recent);
            let squares = recent.iter().map(|it| (it - middle).powi(2)).sum::<f64>();
            spreads.push((squares / recent.len() as f64).sqrt());
            let cubes = far(&levels, &config).powi(3)
                + 0.5 * far(&seasons, &config).powi(3)
                + 0.75 * far(&spreads, &config).powi(3);
            let odd = cubes.cbrt();
            if (odd - odd.round()).abs() < 1e-6 && odd > 0.5 {
                // Two ways of adding up may fall on both sides of a step.
                return Ok(());
            }
            let odd = odd.floor();
            let before = &odds[nth.saturating_sub(rest as usize)..];
            let is_told = odd >= 3.0 && before.iter().all(|before| *before < odd);
            let tired: f64 = alarms.iter().map(|then| (-((nth - then) as f64) / 50.0).exp()).sum();
            let expected = if is_told { odd / (1.0 + 0.5 * tired) / (12.0 * 2.25_f64.cbrt()) } else { 0.0 };
            let score = anomaly.score(value, at(now));
            prop_assert!((score - expected).abs() < 1e-9, "value {} of {}: {} {}", nth, now, score, expected);
            prop_assert!((0.0..=1.0).contains(&score));
            odds.push(odd);
            if is_told {
                alarms.push(nth);
            }
        }
    }
}

/// The numbers of the values that are odd.
fn odd(anomaly: &mut Anomaly, values: impl IntoIterator<Item = (u64, f64)>) -> Vec<u64> {
    let found =
        values.into_iter().filter(|(nth, value)| anomaly.see(*value, at(nth * 300)).is_some());
    found.map(|(nth, _)| nth).collect()
}

fn anomaly() -> Anomaly {
    Anomaly::new(AnomalyConfig::default()).unwrap()
}

#[test]
fn a_change_of_level_is_told_of_once_within_a_few_values() {
    let level = |nth: u64| if nth < 3_000 { 100.0 } else { 130.0 };
    let found = odd(&mut anomaly(), (0..3_400).map(|nth| (nth, level(nth) + 10.0 * noise(nth))));
    let late: Vec<_> = found.iter().filter(|nth| **nth >= 3_000).collect();
    assert!(!late.is_empty() && late.iter().all(|nth| **nth < 3_025), "{found:?}");
    assert!(found.len() - late.len() <= 2, "noise alone: {found:?}");
}

#[test]
fn noise_that_becomes_wild_and_noise_that_ends_are_odd() {
    let wild = |nth: u64| 100.0 + noise(nth) * if nth < 3_000 { 10.0 } else { 60.0 };
    let found = odd(&mut anomaly(), (0..3_100).map(|nth| (nth, wild(nth))));
    assert!(found.iter().any(|nth| *nth >= 3_000), "{found:?}");
    let dead = |nth: u64| 100.0 + noise(nth) * if nth < 3_000 { 10.0 } else { 0.0 };
    let found = odd(&mut anomaly(), (0..3_100).map(|nth| (nth, dead(nth))));
    assert!(found.iter().any(|nth| *nth >= 3_000), "{found:?}");
}

#[test]
fn a_nightly_peak_is_usual_and_a_night_without_is_odd() {
    let nightly = |nth: u64| {
        let is_night = nth % 288 < 24;
        (nth, if is_night { 200.0 } else { 100.0 } + 5.0 * noise(nth))
    };
    let mut watched = anomaly();
    let found = odd(&mut watched, (0..20 * 288).map(nightly));
    assert!(found.len() <= 2, "of twenty nights: {found:?}");
    let quiet = (20 * 288..21 * 288).map(|nth| (nth, 100.0 + 5.0 * noise(nth)));
    assert!(!odd(&mut watched, quiet).is_empty());
}

#[test]
fn what_comes_again_and_again_raises_the_bar() {
    let spiky = |nth: u64| (nth, noise(nth) + if nth % 700 == 699 { 40.0 } else { 0.0 });
    let mut watched = Anomaly::new(AnomalyConfig::default().with_limit(0.15)).unwrap();
    let found = odd(&mut watched, (0..20_000).map(spiky));
    let early = found.iter().filter(|nth| **nth < 5_000).count();
    let late = found.iter().filter(|nth| **nth >= 15_000).count();
    assert!(early > 0 && late < early, "{found:?}");
}

#[test]
fn a_gap_restarts_its_rest() {
    let config = AnomalyConfig::default().with_rest(50);
    let quiet = || (0..1_000).map(|nth| (nth, noise(nth)));
    let spike = |nth: u64| [(nth, 30.0)];
    let told = |stalled: bool| {
        let mut watched = Anomaly::new(config).unwrap();
        odd(&mut watched, quiet());
        assert_eq!(odd(&mut watched, spike(1_000)), [1_000]);
        odd(&mut watched, (1_001..1_045).map(|nth| (nth, noise(nth))));
        if stalled {
            watched.stalled(Duration::from_secs(60));
        }
        odd(&mut watched, (1_045..1_075).map(|nth| (nth, noise(nth))));
        !odd(&mut watched, spike(1_075)).is_empty()
    };
    assert!(told(false) && !told(true));
}

#[test]
fn what_is_no_number_is_passed_over() {
    let mut watched = anomaly();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(watched.score(value, at(0)), 0.0);
    }
    assert!(odd(&mut watched, (0..500).map(|nth| (nth, 7.0))).is_empty());
}
