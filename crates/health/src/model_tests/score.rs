//! What scores and trends come to.

use proptest::prelude::*;

use crate::score::{Band, Line, Mean};

proptest! {
    #[test]
    fn means_lie_within_their_points_and_only_all_good_is_100(
        parts in prop::collection::vec((0..=100_u8, 1..1_000_u32), 1..20)
    ) {
        let mut mean = Mean::default();
        let mut every_one = Vec::new();
        for &(points, weight) in &parts {
            mean.add(points, weight);
            every_one.extend(std::iter::repeat_n(u64::from(points), weight as usize));
        }
        let slow = every_one.iter().sum::<u64>() / every_one.len() as u64;
        prop_assert_eq!(mean.score().map(u64::from), Some(slow));
        prop_assert_eq!(slow == 100, parts.iter().all(|(points, _)| *points == 100));
    }

    #[test]
    fn a_straight_line_is_its_own_trend(first in 0..=40_u8, step in 0..=3_u8, count in 2..20_u8) {
        let mut line = Line::new(10);
        for nth in 0..count {
            line.push(Some(first + step * nth));
        }
        let trend = line.trend().unwrap();
        prop_assert!((trend.slope - f64::from(step) * 60.0).abs() < 1e-6);
        let kept = count.min(10);
        prop_assert_eq!(line.scores().count(), usize::from(kept));
        prop_assert_eq!(trend.lowest, first + step * (count - kept));
    }
}

#[test]
fn bands_meet_where_they_should() {
    let bands = [100, 91, 90, 70, 69, 0].map(Band::of);
    use Band::{Green, Red, Yellow};
    assert_eq!(bands, [Green, Green, Yellow, Yellow, Red, Red]);
}

#[test]
fn nothing_has_no_score_and_one_point_no_trend() {
    assert_eq!(Mean::default().score(), None);
    let mut line = Line::new(10);
    line.push(Some(50));
    line.push(None);
    assert_eq!(line.trend(), None);
}
