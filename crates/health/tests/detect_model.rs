//! Random walks of detectors beside slow twins that keep everything they saw.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::{Moment, Ratio};
use salve_health::detect::{
    Exhaustion, ExhaustionConfig, LevelShift, LevelShiftConfig, Oddity, Peers, PeersConfig,
    RollingZ, RollingZConfig, Season, SeasonConfig, Side, Stream, Threshold, ThresholdConfig,
};

const fn at(seconds: u64) -> Moment {
    Moment::from_nanos(seconds * 1_000_000_000)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Times with values, and now and then a gap in the program's own loop.
fn walk(
    values: std::ops::Range<i32>,
    step: u64,
    most: usize,
) -> impl Strategy<Value = Vec<(u64, f64, bool)>> {
    let one = (1..step, values, prop::bool::weighted(0.05));
    prop::collection::vec(one, 1..most).prop_map(|steps| {
        let mut now = 0;
        let stamp = |(wait, value, stalled)| {
            now += wait;
            (now, f64::from(value), stalled)
        };
        steps.into_iter().map(stamp).collect()
    })
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Above), Just(Side::Below), Just(Side::Both)]
}

fn lies_on(side: Side, difference: f64) -> bool {
    match side {
        Side::Above => difference > 0.0,
        Side::Below => difference < 0.0,
        Side::Both => difference != 0.0,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let middle = mean(values);
    (values.iter().map(|it| (it - middle).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// When a twin that rests may speak again: a period after it spoke, or after the first sample that
/// follows a gap in its rest.
#[derive(Default)]
struct Rest(Option<u64>);

impl Rest {
    fn is_on(&mut self, now: u64, last: u64, stalled: bool, period: u64) -> bool {
        match self.0 {
            Some(until) if stalled && last < until => self.0 = Some(now + period),
            _ => {}
        }
        self.0.is_some_and(|until| now < until)
    }
}

/// How far a value may be from a limit before two ways of adding up may differ about it.
fn is_close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-6 * (1.0 + one.abs().max(other.abs()))
}

proptest! {
    #[test]
    fn a_threshold_agrees_with_one_that_looks_back(
        steps in walk(0..30, 40, 50),
        is_above in any::<bool>(),
        (bound, ease, hold) in (8_i32..22, 0_i32..6, 0_u64..90),
    ) {
        let sign = if is_above { 1.0 } else { -1.0 };
        let (bound, clear) = (f64::from(bound), f64::from(bound) - sign * f64::from(ease));
        let config = if is_above { ThresholdConfig::above(bound, clear) } else { ThresholdConfig::below(bound, clear) };
        let mut threshold = Threshold::new(config.with_hold(secs(hold))).unwrap();
        let mut is_raised = false;
        for (nth, &(now, value, stalled)) in steps.iter().enumerate() {
            if stalled {
                threshold.stalled(secs(6));
            }
            // Back to the first of those that were all at the bound, with no gap between them.
            let mut first = None;
            for &(then, value, gap) in steps[..=nth].iter().rev() {
                if (value - bound) * sign < 0.0 {
                    break;
                }
                first = Some(then);
                if gap {
                    break;
                }
            }
            match first {
                Some(first) => is_raised |= now - first >= hold,
                None if (value - clear) * sign < 0.0 => is_raised = false,
                None => {}
            }
            let odd = is_raised.then_some(Oddity::Beyond { value, bound });
            prop_assert_eq!(threshold.see(value, at(now)), odd);
        }
    }

    #[test]
    fn rolling_z_agrees_with_one_that_keeps_all(
        steps in walk(-40..40, 60, 60),
        (window, warm_up, limit) in (8_usize..30, 2_usize..8, 1_u8..4),
        side in side(),
        rest in 0_u64..600,
    ) {
        let limit = f64::from(limit);
        let config = RollingZConfig::default()
            .with_window(window, warm_up)
            .with_limit(limit, side)
            .with_floor(Ratio::percent::<10>(), 2.0)
            .with_refractory(secs(rest));
        let mut z = RollingZ::new(config).unwrap();
        let mut seen: Vec<f64> = Vec::new();
        let (mut quiet, mut last) = (Rest::default(), 0);
        for (now, value, stalled) in steps {
            if stalled {
                z.stalled(secs(6));
            }
            let rests = quiet.is_on(now, last, stalled, rest);
            last = now;
            let told = z.see(value, at(now));
            let recent = &seen[seen.len().saturating_sub(window)..];
            if recent.len() < warm_up {
                prop_assert_eq!(told, None);
            } else {
                let all = recent.iter().chain([&value]);
                let (low, high) = all.fold((value, value), |(low, high), it| (low.min(*it), high.max(*it)));
                let far = (value - mean(recent)) / deviation(recent).max(0.1 * (high - low)).max(2.0);
                let is_odd = !rests && far.abs() >= limit && lies_on(side, far);
                if is_close(far.abs(), limit) {
                    // Either way is right, but the twin has to go the same.
                    if told.is_some() { quiet.0 = Some(now + rest); }
                } else {
                    prop_assert_eq!(told.is_some(), is_odd, "{} at {}: {:?}", value, now, told);
                    if is_odd { quiet.0 = Some(now + rest); }
                    if let Some(Oddity::Far { deviations, .. }) = told {
                        prop_assert!(is_close(deviations, far), "{} {}", deviations, far);
                    }
                }
            }
            seen.push(value);
        }
    }

    #[test]
    fn a_season_agrees_with_one_that_keeps_every_value(
        steps in walk(-40..40, 45, 80),
        (parts, warm_up) in (2_usize..6, 2_u32..4),
        limit in 1_u8..4,
    ) {
        const PERIOD: u64 = 240;
        let limit = f64::from(limit);
        let config = SeasonConfig::default()
            .with_period(secs(PERIOD), parts)
            .with_learning(warm_up, Ratio::percent::<30>())
            .with_limit(limit, Side::Both)
            .with_floor(Ratio::ZERO, 3.0)
            .with_refractory(Duration::ZERO);
        let mut season = Season::new(config).unwrap();
        let part = |when: u64| when * parts as u64 / PERIOD;
        let mut seen: Vec<(u64, f64)> = Vec::new();
        for (now, value, _) in steps {
            let told = season.see(value, at(now));
            // The means and variances of this part of all earlier periods, one after the other.
            let mut visits: Vec<(u64, Vec<f64>)> = Vec::new();
            for (then, value) in &seen {
                let visit = part(*then);
                if visit == part(now) || visit % parts as u64 != part(now) % parts as u64 {
                    continue;
                }
                match visits.last_mut() {
                    Some((last, values)) if *last == visit => values.push(*value),
                    _ => visits.push((visit, vec![*value])),
                }
            }
            seen.push((now, value));
            if visits.len() < warm_up as usize {
                prop_assert_eq!(told, None);
                continue;
            }
            // Weights of the visits: each new one takes its share from all before it.
            let mut weights: Vec<f64> = Vec::new();
            for nth in 0..visits.len() {
                let share = 0.3_f64.max(1.0 / (nth + 1) as f64);
                weights.iter_mut().for_each(|weight| *weight *= 1.0 - share);
                weights.push(share);
            }
            let weighted = |of: &dyn Fn(&[f64]) -> f64| -> f64 {
                weights.iter().zip(&visits).map(|(weight, (_, values))| weight * of(values)).sum()
            };
            let usual = weighted(&|values| mean(values));
            let variance = weighted(&|values| deviation(values).powi(2) + (mean(values) - usual).powi(2));
            let far = (value - usual) / variance.sqrt().max(3.0);
            if !is_close(far.abs(), limit) {
                prop_assert_eq!(told.is_some(), far.abs() >= limit, "{} at {}: {:?}, {}", value, now, told, far);
            }
            if let Some(Oddity::Far { expected, deviations, .. }) = told {
                prop_assert!(is_close(expected, usual) && is_close(deviations, far));
            }
        }
    }

    #[test]
    fn peers_agree_with_a_group_that_sorts(
        steps in prop::collection::vec((0_usize..8, 1_u64..30, 1_i32..60, prop::bool::weighted(0.03)), 1..60),
        (at_least, in_a_row, side) in (3_usize..7, 1_u32..4, side()),
    ) {
        let config = PeersConfig::default()
            .with_at_least(at_least)
            .with_limit(3.0, side)
            .with_patience(in_a_row, secs(120));
        let group = Peers::new(config).unwrap();
        let mut peers: Vec<_> = (0..8).map(|_| group.join()).collect();
        let mut last: [Option<(u64, f64)>; 8] = [None; 8];
        let mut rows = [0; 8];
        let mut now = 0;
        let middle = |values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            let half = values.len() / 2;
            if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
        };
        for (who, wait, value, stalled) in steps {
            now += wait;
            let value = f64::from(value);
            if stalled {
                peers.iter_mut().for_each(|peer| peer.stalled(secs(6)));
                (last, rows) = ([None; 8], [0; 8]);
            }
            last[who] = Some((now, value));
            let fresh = last.iter().flatten().filter(|(then, _)| now - then <= 120);
            let mut values: Vec<f64> = fresh.map(|(_, value)| *value).collect();
            let count = values.len();
            let usual = middle(&mut values);
            let mut distances: Vec<f64> = values.iter().map(|it| (it - usual).abs()).collect();
            let scale = (1.4826 * middle(&mut distances)).max(0.1 * usual);
            let difference = value - usual;
            let is_apart = count >= at_least && difference.abs() >= 3.0 * scale && lies_on(side, difference);
            rows[who] = if is_apart { rows[who] + 1 } else { 0 };
            let odd = (rows[who] >= in_a_row)
                .then_some(Oddity::Apart { value, median: usual, peers: count });
            prop_assert_eq!(peers[who].see(value, at(now)), odd);
        }
    }

    #[test]
    fn a_shift_is_the_same_upside_down_and_in_another_unit(
        steps in walk(-20..20, 5, 80),
        jump in -60..60_i32,
        from in 0_usize..80,
    ) {
        let config = LevelShiftConfig::default().with_warm_up(20);
        let found = |scale: f64, offset: f64| -> Vec<u64> {
            let mut shift = LevelShift::new(config).unwrap();
            let values = steps.iter().enumerate().map(|(nth, (now, value, _))| {
                (*now, value + if nth >= from { f64::from(jump) } else { 0.0 } + offset)
            });
            values.filter(|(now, value)| shift.see(value * scale, at(*now)).is_some()).map(|it| it.0).collect()
        };
        let plain = found(1.0, 0.0);
        prop_assert_eq!(&found(-1.0, 0.0), &plain);
        prop_assert_eq!(&found(1024.0, 0.0), &plain);
        // A shift is told of once; the next needs a new level first.
        let times: Vec<u64> = steps.iter().map(|it| it.0).collect();
        let index = |when: &u64| times.iter().position(|it| it == when).unwrap();
        prop_assert!(plain.iter().all(|when| index(when) >= 20));
    }

    #[test]
    fn a_steady_fill_is_found_in_time_and_its_end_is_foretold(
        (per_hour, began) in (1_u32..400, 0_u32..60),
        waits in prop::collection::vec(10_u64..120, 400),
        is_shrinking in any::<bool>(),
    ) {
        let sign = if is_shrinking { -1.0 } else { 1.0 };
        let side = if is_shrinking { Side::Below } else { Side::Above };
        let config = ExhaustionConfig::default().with_bound(sign * 100.0, side);
        let mut disk = Exhaustion::new(config).unwrap();
        let (mut now, rate) = (0, f64::from(per_hour) / 10.0);
        for (nth, wait) in waits.into_iter().enumerate() {
            now += wait;
            let value = f64::from(began) + rate * now as f64 / 3_600.0;
            let told = disk.see(sign * value, at(now));
            let hours = (100.0 - value) / rate;
            if value >= 100.0 {
                break;
            }
            if nth < 15 || hours > 33.0 {
                prop_assert_eq!(told, None);
            } else if nth > 16 && hours < 22.0 {
                let Some(Oddity::Exhausting { per_hour, left }) = told else {
                    return Err(TestCaseError::fail(format!("{hours} h are left, and nothing is told")));
                };
                prop_assert!((per_hour * sign / rate - 1.0).abs() < 0.1, "{} {}", per_hour, rate);
                prop_assert!((left.as_secs_f64() / 3_600.0 / hours - 1.0).abs() < 0.1, "{:?} {}", left, hours);
            }
        }
    }
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut disk = Exhaustion::new(ExhaustionConfig::default()).unwrap();
    let mut z = RollingZ::new(RollingZConfig::default().with_window(100, 10)).unwrap();
    for nth in 0..5_000_u64 {
        let value = (nth % 97) as f64;
        disk.see(value, at(nth * 10));
        z.see(value, at(nth * 10));
    }
    // What is kept is seen in what is written.
    assert!(format!("{disk:?}").matches("count").count() <= 64);
    assert!(format!("{z:?}").matches(".0").count() <= 120);
}
