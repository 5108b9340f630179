//! The statistics: medians, quantiles, and when a batch of two threads counts.

use std::time::Duration;

/// The value below which the share `share` of the samples lies, between neighbours if need be.
///
/// Returns `None` without samples, and if `share` is not within `0.0..=1.0`.
pub(crate) fn quantile(samples: &[f64], share: f64) -> Option<f64> {
    if samples.is_empty() || !(0.0..=1.0).contains(&share) {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = position.ceil() as usize;
    Some(sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64))
}

/// The middle of the samples.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.5)
}

/// When one thread's batch ran.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: Duration,
    pub(crate) end: Duration,
}

impl Span {
    pub(crate) fn length(self) -> Duration {
        self.end.saturating_sub(self.start)
    }
}

/// The share of the time from the first start to the last end in which both spans ran.
pub(crate) fn overlap(a: Span, b: Span) -> f64 {
    let both = a.end.min(b.end).saturating_sub(a.start.max(b.start));
    let either = a.end.max(b.end).saturating_sub(a.start.min(b.start));
    if either.is_zero() { 0.0 } else { both.as_nanos() as f64 / either.as_nanos() as f64 }
}

/// The least overlap with which a batch of two threads counts.
pub(crate) const LEAST_OVERLAP: f64 = 0.8;

/// Whether a batch of two threads counts: they ran together, and the scheduler took neither away.
pub(crate) fn accepts(a: Span, b: Span, involuntary: i64) -> bool {
    involuntary == 0 && overlap(a, b) >= LEAST_OVERLAP
}

/// Nanoseconds per call.
pub(crate) fn per_call(time: Duration, calls: u64) -> f64 {
    time.as_secs_f64() * 1e9 / calls as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u64, end: u64) -> Span {
        Span { start: Duration::from_micros(start), end: Duration::from_micros(end) }
    }

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[7.0]), Some(7.0));
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
    }

    #[test]
    fn one_wild_sample_does_not_move_the_median() {
        assert_eq!(median(&[10.0, 10.0, 10.0, 10.0, 1e9]), Some(10.0));
    }

    #[test]
    fn quantiles_reach_both_ends() {
        let samples = [50.0, 10.0, 30.0, 20.0, 40.0];
        assert_eq!(quantile(&samples, 0.0), Some(10.0));
        assert_eq!(quantile(&samples, 0.25), Some(20.0));
        assert_eq!(quantile(&samples, 1.0), Some(50.0));
    }

    #[test]
    fn no_samples_have_no_median() {
        assert_eq!(median(&[]), None);
        assert_eq!(quantile(&[1.0], 1.5), None);
        assert_eq!(quantile(&[1.0], f64::NAN), None);
    }

    #[test]
    fn overlap_is_the_common_part_of_the_whole() {
        assert_eq!(overlap(span(0, 100), span(0, 100)), 1.0);
        assert_eq!(overlap(span(0, 100), span(50, 150)), 1.0 / 3.0);
        assert_eq!(overlap(span(50, 150), span(0, 100)), 1.0 / 3.0);
        assert_eq!(overlap(span(0, 100), span(25, 75)), 0.5);
        assert_eq!(overlap(span(0, 100), span(100, 200)), 0.0);
        assert_eq!(overlap(span(0, 100), span(300, 400)), 0.0);
        assert_eq!(overlap(span(5, 5), span(5, 5)), 0.0);
    }

    #[test]
    fn a_batch_counts_from_four_fifths_overlap() {
        assert!(accepts(span(0, 100), span(0, 80), 0));
        assert!(!accepts(span(0, 100), span(0, 79), 0));
        assert!(!accepts(span(0, 100), span(21, 100), 0));
    }

    #[test]
    fn a_batch_that_was_preempted_never_counts() {
        assert!(!accepts(span(0, 100), span(0, 100), 1));
    }

    #[test]
    fn time_per_call_is_in_nanoseconds() {
        assert_eq!(per_call(Duration::from_micros(3), 1000), 3.0);
        assert_eq!(span(2, 5).length(), Duration::from_micros(3));
    }
}
