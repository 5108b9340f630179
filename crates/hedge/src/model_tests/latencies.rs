//! The measured quantile beside sorted lists of every latency, and hedging that feeds on itself.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::{Moment, Ratio, nanos};

use crate::config::Quantile;
use crate::latency::{BUCKETS, bucket, end};
use crate::meter::{Measured, Meter};

const WINDOW: Duration = Duration::from_secs(2);
const HALF: u64 = 1_000_000_000;
const STEP: u64 = HALF / 16;
const START: u64 = 1_000 * HALF + 7;

fn settings(parts: u32) -> Quantile {
    let share = Ratio::from_parts_per_million(parts).unwrap();
    Quantile::new(share).with_window(WINDOW).with_min_samples(5)
}

/// One call that was watched.
#[derive(Clone, Copy, Debug)]
struct Watched {
    at: u64,
    nanos: u64,
    answered: bool,
}

/// The slow twin: every call with its time.
#[derive(Debug, Default)]
struct Twin {
    watched: Vec<Watched>,
    delay: Option<u64>,
    refresh_at: u64,
}

impl Twin {
    /// Everything of the half that `now` falls into, and of the half before it.
    fn within(&self, now: u64) -> Vec<Watched> {
        let counts = |at: u64| at / HALF + 1 >= now / HALF;
        self.watched.iter().copied().filter(|watched| counts(watched.at)).collect()
    }

    /// The delay that a meter works out at most once a step.
    fn delay(&mut self, settings: &Quantile, measured: &Measured, now: u64) -> Option<u64> {
        if now >= self.refresh_at {
            self.refresh_at = (now / STEP + 1) * STEP;
            let (floor, ceiling) = (nanos(settings.floor), nanos(settings.ceiling));
            self.delay = (measured.answered >= u64::from(settings.min_samples)).then(|| {
                measured.quantile.map_or(ceiling, |quantile| quantile.min(ceiling).max(floor))
            });
        }
        self.delay
    }
}

/// Where what is rounded up to the end of its bucket comes to.
fn rounded(nanos: u64) -> u64 {
    end(bucket(nanos)).unwrap_or(u64::MAX)
}

/// The share of calls that take longer than `limit`, as a product over every latency below it.
fn survival(watched: &[Watched], limit: u64) -> f64 {
    let mut ends: Vec<_> =
        watched.iter().filter(|w| w.answered).map(|w| rounded(w.nanos)).collect();
    ends.sort_unstable();
    ends.dedup();
    ends.iter().filter(|end| **end <= limit).fold(1.0, |product, end| {
        let at_risk = watched.iter().filter(|w| rounded(w.nanos) >= *end).count() as f64;
        let ended = watched.iter().filter(|w| w.answered && rounded(w.nanos) == *end).count();
        product * (1.0 - ended as f64 / at_risk)
    })
}

fn latency() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0_u64..20_000_000,
        4 => 1_000_000_u64..2_000_000_000,
        1 => 0_u64..100_000_000_000,
        2 => prop::sample::select(vec![0_u64, 131_072, 1_048_576, 16_777_216, 500_000_000]),
    ]
}

fn walk() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    let gap = prop_oneof![20 => 0_u64..40, 2 => 0_u64..600, 1 => 0_u64..3_000];
    prop::collection::vec((gap, latency(), prop::bool::weighted(0.7)), 1..100)
}

fn share() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![10_000_u32, 250_000, 500_000, 900_000, 950_000, 990_000, 999_900])
}

proptest! {
    /// Without calls that were cut short the estimate is the exact quantile of the sorted window,
    /// rounded up by 12.5 % or 131 µs at most.
    #[test]
    fn the_quantile_keeps_its_bound(walk in walk(), parts in share()) {
        let settings = settings(parts);
        let meter = Meter::new(settings);
        let mut twin = Twin::default();
        let mut now = START;
        for (gap, nanos, _) in walk {
            now += gap * 1_000_000;
            let measured = meter.measured(Moment::from_nanos(now));
            let mut sorted: Vec<_> = twin.within(now).iter().map(|w| w.nanos).collect();
            sorted.sort_unstable();
            prop_assert_eq!(measured.answered, sorted.len() as u64);
            let rank = (sorted.len() as u64 * u64::from(parts)).div_ceil(1_000_000) as usize;
            match (rank.checked_sub(1).map(|index| sorted[index]), measured.quantile) {
                (None, estimate) => prop_assert_eq!(estimate, None),
                (Some(exact), None) => prop_assert!(exact >= 1 << 36, "{exact}"),
                (Some(exact), Some(estimate)) => {
                    prop_assert!(estimate > exact && estimate - exact <= (exact / 8).max(1 << 17));
                }
            }
            let delay = meter.delay(Moment::from_nanos(now));
            prop_assert_eq!(delay, twin.delay(&settings, &measured, now));
            meter.answered(nanos);
            twin.watched.push(Watched { at: now, nanos, answered: true });
        }
    }

    /// With calls that were cut short it is the product-limit estimate of latencies that are each
    /// rounded up.
    #[test]
    fn what_was_cut_short_is_known_to_take_longer(walk in walk(), parts in share()) {
        let meter = Meter::new(settings(parts));
        let mut twin = Twin::default();
        let mut now = START;
        let may_be_later = 1.0 - f64::from(parts) / 1e6;
        for (gap, nanos, answered) in walk {
            now += gap * 1_000_000;
            let measured = meter.measured(Moment::from_nanos(now));
            let window = twin.within(now);
            prop_assert_eq!((measured.answered + measured.cut_short) as usize, window.len());
            match measured.quantile {
                Some(estimate) => {
                    prop_assert!(survival(&window, estimate) <= may_be_later + 1e-9);
                    let before = survival(&window, estimate - 1);
                    prop_assert!(before > may_be_later - 1e-9, "{before}");
                }
                None => {
                    let known = end(BUCKETS - 2).unwrap();
                    let rest = survival(&window, known);
                    prop_assert!(window.is_empty() || rest > may_be_later - 1e-9, "{rest}");
                }
            }
            if answered { meter.answered(nanos) } else { meter.cut_short(nanos) }
            twin.watched.push(Watched { at: now, nanos, answered });
        }
    }
}

#[test]
fn other_settings_take_over_what_was_measured() {
    let now = Moment::from_nanos(START);
    let meter = Meter::new(settings(500_000));
    (1..=100).for_each(|ms| meter.answered(ms * 1_000_000));
    let later = settings(900_000).with_window(10 * WINDOW);
    meter.measured(now);
    (1..=100).for_each(|ms| meter.answered(ms * 1_000_000));
    let near = |delay: Option<u64>, ms: u64| {
        let exact = ms * 1_000_000;
        assert!(delay.is_some_and(|delay| delay >= exact && delay <= exact / 8 * 9), "{delay:?}");
    };
    near(meter.delay(now), 50);
    meter.reconfigure(later, now);
    near(meter.delay(now), 90);
    let in_a_while = now.after(5 * WINDOW);
    assert_eq!(meter.measured(in_a_while).answered, 100, "it counts as long as in its new window");
    assert_eq!(meter.measured(now.after(20 * WINDOW)).answered, 0, "and no longer");
    let meter = Meter::new(later);
    meter.reconfigure(later, in_a_while);
    (1..=100).for_each(|ms| meter.answered(ms * 1_000_000));
    meter.reconfigure(settings(900_000), in_a_while);
    assert_eq!(meter.measured(in_a_while).answered, 100, "a shorter window begins with all of it");
    assert_eq!(meter.measured(in_a_while.after(WINDOW)).answered, 0);
    let meter = Meter::new(later);
    meter.reconfigure(later, in_a_while);
    (1..=100).for_each(|ms| meter.answered(ms * 1_000_000));
    meter.reconfigure(later.with_ceiling(Duration::from_millis(20)), in_a_while);
    assert_eq!(meter.delay(in_a_while), Some(20_000_000));
    meter.reconfigure(later.with_min_samples(101), in_a_while);
    assert_eq!(meter.delay(in_a_while), None);
}

/// What becomes of a first copy under hedging: its latency, and whether that was seen to the end.
fn hedged(first: u64, copy: u64, delay: Option<u64>) -> (u64, bool) {
    match delay {
        Some(delay) if first > delay.saturating_add(copy) => (delay + copy, false),
        _ => (first, true),
    }
}

/// How a window's worth of calls goes on for 40 windows: the last delay, and the share of calls
/// that were late in the last ten windows. With `naive`, losers are left out.
fn hedging_goes_on(naive: bool, draw: impl Fn(&mut fastrand::Rng, u32) -> u64) -> (u64, f64) {
    let meter = Meter::new(settings(950_000).with_min_samples(100));
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut late, mut calls) = (0_u32, 0_u32);
    let mut now = START;
    for call in 0..40 * 2_000 {
        now += nanos(WINDOW) / 2_000;
        let delay = meter.delay(Moment::from_nanos(now));
        let window = call / 2_000;
        let (first, copy) = (draw(&mut rng, window), draw(&mut rng, window));
        if window >= 30 {
            calls += 1;
            late += u32::from(delay.is_some_and(|delay| first > delay));
        }
        match hedged(first, copy, delay) {
            (latency, true) => meter.answered(latency),
            (age, false) if !naive => meter.cut_short(age),
            (_, false) => {}
        }
    }
    let delay = meter.delay(Moment::from_nanos(now)).unwrap();
    (delay, f64::from(late) / f64::from(calls))
}

#[test]
fn hedging_does_not_drag_its_own_quantile_down() {
    const MS: u64 = 1_000_000;
    // All calls take 10 ms, and then one in ten a second: 95 % of calls keep to a second.
    let worse = |rng: &mut fastrand::Rng, window| {
        if window > 5 && rng.u32(..10) == 0 { 1_000 * MS } else { 10 * MS }
    };
    let (delay, late) = hedging_goes_on(false, worse);
    assert!((1_000 * MS..1_125 * MS).contains(&delay), "{delay}");
    assert_eq!(late, 0.0);
    // Left out, the losers hide it, and a tenth of all calls goes on being late.
    let (delay, late) = hedging_goes_on(true, worse);
    assert!(delay < 50 * MS && late > 0.09, "{delay}, {late}");

    // An exponential tail of mean 20 ms, whose 95 % quantile is 59.9 ms.
    let tail = |rng: &mut fastrand::Rng, _| (-(1.0 - rng.f64()).ln() * 20.0 * MS as f64) as u64;
    let (delay, late) = hedging_goes_on(false, tail);
    assert!((54 * MS..73 * MS).contains(&delay), "{delay}");
    assert!((0.02..0.06).contains(&late), "{late}");
}
