//! Detectors, each on the stream it is made for and on one that must not fool it.

use std::time::Duration;

use salve_core::{Moment, Ratio};
use salve_health::detect::{
    Exhaustion, ExhaustionConfig, LevelShift, LevelShiftConfig, Oddity, Peer, Peers, PeersConfig,
    RollingZ, RollingZConfig, Season, SeasonConfig, Side, Stream, Threshold, ThresholdConfig,
};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

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

/// The times at which something was odd.
fn odd(stream: &mut impl Stream, values: impl IntoIterator<Item = (u64, f64)>) -> Vec<u64> {
    let found = values.into_iter().filter(|(when, value)| stream.see(*value, at(*when)).is_some());
    found.map(|(when, _)| when).collect()
}

#[test]
fn a_threshold_needs_its_time_and_is_cleared_by_another_bound() {
    let mut threshold = Threshold::new(ThresholdConfig::default()).unwrap();
    let values = [
        (0, 95.0),
        (30, 90.0),
        (45, 89.9), // Breaks the row.
        (60, 91.0),
        (119, 91.0),
        (120, 91.0), // Sixty seconds at the bound.
        (150, 85.0), // Not yet clear.
        (180, 84.9),
        (210, 89.0),
    ];
    assert_eq!(odd(&mut threshold, values), [120, 150]);
    let mut low = ThresholdConfig::below(14.0, 21.0).with_hold(Duration::ZERO);
    let values = [(0, 15.0), (1, 14.0), (2, 20.0), (3, 21.0), (4, 22.0), (5, f64::NAN)];
    assert_eq!(odd(&mut Threshold::new(low).unwrap(), values), [1, 2, 3]);
    low.side = Side::Both;
    assert_eq!(Threshold::new(low).unwrap_err().field(), "side");
}

#[test]
fn a_gap_restarts_the_time_a_threshold_must_hold_but_does_not_clear_it() {
    let mut threshold = Threshold::new(ThresholdConfig::default()).unwrap();
    assert!(odd(&mut threshold, [(0, 95.0), (50, 95.0)]).is_empty());
    threshold.stalled(Duration::from_secs(600));
    assert_eq!(odd(&mut threshold, [(650, 95.0), (700, 95.0), (710, 95.0)]), [710]);
    threshold.stalled(Duration::from_secs(600));
    assert_eq!(odd(&mut threshold, [(1_310, 95.0)]), [1_310]);
}

#[test]
fn rolling_z_tells_of_a_spike_once_and_rests() {
    let mut z = RollingZ::new(RollingZConfig::default()).unwrap();
    let calm = (0..500).map(|nth| (nth * 30, 100.0 + 10.0 * noise(nth)));
    assert!(odd(&mut z, calm).is_empty());
    let spikes = (500..700).map(|nth| (nth * 30, 300.0));
    assert_eq!(odd(&mut z, spikes), [15_000], "once, and by then it is usual");
}

#[test]
fn rolling_z_does_not_find_trifles_in_a_calm_stretch() {
    let wide = (0..100).map(|nth| (nth * 30, 100.0 + 100.0 * noise(nth)));
    let calm = (100..1_000).map(|nth| (nth * 30, 100.0));
    let trifle = (1_000..1_010).map(|nth| (nth * 30, 100.0 + 20.0 * noise(nth)));
    let all: Vec<_> = wide.chain(calm).chain(trifle).collect();
    let config = RollingZConfig::default().with_window(500, 50);
    let floored = config.with_floor(Ratio::ZERO, 10.0);
    assert!(odd(&mut RollingZ::new(floored).unwrap(), all.clone()).is_empty());
    let bare = config.with_floor(Ratio::ZERO, 1e-6);
    assert!(!odd(&mut RollingZ::new(bare).unwrap(), all).is_empty());
}

#[test]
fn a_gap_restarts_the_rest() {
    let quiet = || (0..200).map(|nth| (nth * 30, noise(nth)));
    let config = RollingZConfig::default().with_refractory(Duration::from_secs(HOUR));
    let end = 200 * 30;
    let spikes = [(end, 50.0), (end + HOUR - 1, -50.0), (end + HOUR, 50.0)];
    let mut z = RollingZ::new(config).unwrap();
    odd(&mut z, quiet());
    assert_eq!(odd(&mut z, spikes), [end, end + HOUR]);
    let mut z = RollingZ::new(config).unwrap();
    odd(&mut z, quiet());
    assert_eq!(odd(&mut z, [spikes[0]]), [end]);
    z.stalled(Duration::from_secs(HOUR));
    assert_eq!(odd(&mut z, [(end + HOUR, 50.0), (end + 2 * HOUR, 99.0)]), [end + 2 * HOUR]);
}

/// Noise about 100 by day, and 200 between two and four at night.
fn nightly(days: u64) -> impl Iterator<Item = (u64, f64)> {
    (0..days * DAY / 300).map(|nth| {
        let when = nth * 300;
        let is_night = (2 * HOUR..4 * HOUR).contains(&(when % DAY));
        (when, if is_night { 200.0 } else { 100.0 } + 5.0 * noise(nth))
    })
}

#[test]
fn a_nightly_peak_is_not_odd_and_its_absence_and_one_at_noon_are() {
    let config = SeasonConfig::default().with_limit(3.0, Side::Both);
    let mut season = Season::new(config).unwrap();
    assert!(odd(&mut season, nightly(10)).is_empty());
    let today = 10 * DAY;
    let missing = (today + 2 * HOUR, 100.0);
    let noon = (today + 12 * HOUR, 200.0);
    assert_eq!(odd(&mut season, [missing, noon]), [missing.0, noon.0]);
    // A plain z with the same limit finds every night odd.
    let plain = RollingZConfig::default().with_limit(3.0, Side::Both);
    assert!(!odd(&mut RollingZ::new(plain).unwrap(), nightly(10)).is_empty());
}

#[test]
fn a_season_says_nothing_before_it_has_seen_three_days() {
    let mut season = Season::new(SeasonConfig::default()).unwrap();
    let odd_nights = nightly(3).map(|(when, value)| (when, value * (1 + when / DAY) as f64));
    assert!(odd(&mut season, odd_nights).is_empty());
}

#[test]
fn a_shift_is_told_once_and_an_outlier_is_none() {
    let mut shift = LevelShift::new(LevelShiftConfig::default()).unwrap();
    let level = |from, to, level: f64| (from..to).map(move |nth| (nth, level + noise(nth)));
    assert!(odd(&mut shift, level(0, 500, 10.0)).is_empty());
    assert!(odd(&mut shift, [(500, 1e6)]).is_empty(), "one value is no level");
    assert!(odd(&mut shift, level(501, 800, 10.0)).is_empty());
    let found = odd(&mut shift, level(800, 1_200, 11.0));
    assert_eq!(found.len(), 1);
    assert!((800..820).contains(&found[0]), "{found:?}");
    let back = (1_200..1_600).map(|nth| (at(nth), 10.0 + noise(nth)));
    let told: Vec<_> = back.filter_map(|(when, value)| shift.see(value, when)).collect();
    let [Oddity::Shifted { from, to }] = told[..] else { panic!("{told:?}") };
    assert!((from - 11.0).abs() < 0.2 && to < from, "{from} {to}");
}

#[test]
fn a_slow_drift_is_no_shift() {
    let mut shift = LevelShift::new(LevelShiftConfig::default()).unwrap();
    let drift = (0..20_000).map(|nth| (nth, nth as f64 / 20_000.0 + noise(nth)));
    assert!(odd(&mut shift, drift).is_empty());
}

fn group(count: usize, config: PeersConfig) -> Vec<Peer> {
    let group = Peers::new(config).unwrap();
    (0..count).map(|_| group.join()).collect()
}

/// Who is found odd in one round, each with its own value.
fn round(peers: &mut [Peer], when: u64, value: impl Fn(usize) -> f64) -> Vec<usize> {
    let found = peers.iter_mut().enumerate();
    found.filter_map(|(nth, peer)| peer.see(value(nth), at(when)).map(|_| nth)).collect()
}

#[test]
fn one_slow_replica_is_found_and_all_slow_is_no_outlier() {
    let mut peers = group(7, PeersConfig::default());
    let usual = |nth: usize| 20.0 + nth as f64;
    for when in 0..10 {
        assert!(round(&mut peers, when * 30, usual).is_empty());
    }
    let slow = |nth: usize| if nth == 4 { 400.0 } else { usual(nth) };
    assert!(round(&mut peers, 300, slow).is_empty());
    assert!(round(&mut peers, 330, slow).is_empty());
    assert_eq!(round(&mut peers, 360, slow), [4], "the third in a row");
    for when in 13..23 {
        // In the first round the one who is slow first is alone, but not three times in a row.
        assert!(round(&mut peers, when * 30, |nth| 400.0 + usual(nth)).is_empty());
    }
}

#[test]
fn too_few_peers_or_old_values_judge_nobody() {
    let slow = |nth: usize| if nth == 0 { 400.0 } else { 20.0 };
    let mut few = group(4, PeersConfig::default());
    let mut many = group(5, PeersConfig::default());
    for when in 0..10 {
        assert!(round(&mut few, when * 30, slow).is_empty());
        assert_eq!(round(&mut many, when * 30, slow).len(), usize::from(when >= 3));
    }
    // The others have stopped; what they said is too old by now.
    let alone = round(&mut many[..1], 9 * 30 + 121, slow);
    assert!(alone.is_empty());
}

#[test]
fn a_gap_makes_what_peers_said_before_it_void() {
    let slow = |nth: usize| if nth == 0 { 400.0 } else { 20.0 };
    let mut peers = group(5, PeersConfig::default());
    for when in 0..4 {
        round(&mut peers, when, slow);
    }
    peers.iter_mut().for_each(|peer| peer.stalled(Duration::from_secs(60)));
    assert!(round(&mut peers, 5, slow).is_empty());
    assert!(round(&mut peers, 6, slow).is_empty());
}

#[test]
fn a_disk_that_fills_within_a_day_warns_long_before_it_is_full() {
    let mut disk = Exhaustion::new(ExhaustionConfig::default()).unwrap();
    // 4 % an hour from 10 %: full after 22.5 h.
    let fills = |nth: u64| (nth * 30, 10.0 + nth as f64 / 30.0 + 0.05 * noise(nth));
    let found = odd(&mut disk, (0..2_000).map(fills));
    assert!(found[0] < 40 * MINUTE, "found after {} s", found[0]);
    let last = (2_000 * 30, 10.0 + 2_000.0 / 30.0);
    let Some(Oddity::Exhausting { per_hour, left }) = disk.see(last.1, at(last.0)) else {
        panic!("nothing told");
    };
    assert!((per_hour - 4.0).abs() < 0.1, "{per_hour}");
    assert!((left.as_secs_f64() / 3_600.0 - (100.0 - last.1) / 4.0).abs() < 0.3, "{left:?}");
}

#[test]
fn a_disk_that_fills_in_a_month_and_one_that_is_only_noisy_warn_of_nothing() {
    let slow = (0..6_000).map(|nth| (nth * 30, 50.0 + nth as f64 * 30.0 / DAY as f64));
    assert!(odd(&mut Exhaustion::new(ExhaustionConfig::default()).unwrap(), slow).is_empty());
    let noisy = (0..6_000).map(|nth| (nth * 30, 90.0 + 5.0 * noise(nth)));
    assert!(odd(&mut Exhaustion::new(ExhaustionConfig::default()).unwrap(), noisy).is_empty());
}

#[test]
fn neither_a_jump_nor_a_rotated_log_is_a_trend_or_hides_one() {
    let jump = (0..3_000).map(|nth| (nth * 30, if nth < 1_000 { 40.0 } else { 70.0 }));
    assert!(odd(&mut Exhaustion::new(ExhaustionConfig::default()).unwrap(), jump).is_empty());
    let rotated = |nth: u64| 40.0 + nth as f64 / 60.0 - if nth < 1_000 { 0.0 } else { 15.0 };
    let fills = (0..3_000).map(|nth| (nth * 30, rotated(nth)));
    let found = odd(&mut Exhaustion::new(ExhaustionConfig::default()).unwrap(), fills);
    // 2 % an hour: the day begins at 52 %, at 37 % again with what was rotated away.
    assert!(found.iter().any(|when| *when < 1_000 * 30));
    let after = |from: u64| found.iter().filter(move |when| **when >= from * 30).count();
    assert_eq!(after(2_700), 300, "every value of the end");
    // Rotated every half hour it never grows for long.
    let sawtooth = (0..6_000).map(|nth| (nth * 30, 60.0 + (nth % 60) as f64 / 6.0));
    let late = odd(&mut Exhaustion::new(ExhaustionConfig::default()).unwrap(), sawtooth);
    assert!(late.iter().all(|when| *when < 2 * HOUR), "{late:?}");
}

#[test]
fn what_shrinks_is_exhausted_from_above() {
    let config = ExhaustionConfig::default().with_bound(0.0, Side::Below);
    let mut left = Exhaustion::new(config).unwrap();
    let found = odd(&mut left, (0..500).map(|nth| (nth * 60, 500.0 - nth as f64)));
    assert!(!found.is_empty());
    let grows = (0..500).map(|nth| (nth * 60, 10.0 + nth as f64));
    assert!(odd(&mut Exhaustion::new(config).unwrap(), grows).is_empty());
}

#[test]
fn settings_out_of_bounds_are_refused_by_name() {
    let field = |result: Result<(), salve_core::ConfigError>| result.unwrap_err().field();
    assert_eq!(field(ThresholdConfig::above(f64::NAN, 1.0).validate()), "bound");
    assert_eq!(field(ThresholdConfig::above(1.0, 2.0).validate()), "clear");
    assert_eq!(field(RollingZConfig::default().with_window(7, 7).validate()), "window");
    assert_eq!(field(RollingZConfig::default().with_window(9, 10).validate()), "warm_up");
    assert_eq!(field(SeasonConfig::default().with_learning(1, Ratio::ONE).validate()), "warm_up");
    assert_eq!(field(SeasonConfig::default().with_learning(2, Ratio::ZERO).validate()), "learn");
    assert_eq!(field(LevelShiftConfig::default().with_limit(4.0, 8.0).validate()), "slack");
    assert_eq!(field(PeersConfig::default().with_at_least(2).validate()), "at_least");
    let both = ExhaustionConfig::default().with_bound(1.0, Side::Both);
    assert_eq!(field(both.validate()), "side");
}
