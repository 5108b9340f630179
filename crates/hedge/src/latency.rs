//! The engine's table of latencies: where one counts, and which latency a share of calls keep to.

use salve_core::Ratio;

/// Up to 1.05 ms latencies are told apart in steps of 131 µs, from there to 68.7 s in eighths of
/// a power of two, and beyond not at all.
pub(crate) const BUCKETS: usize = LINEAR + OCTAVES * STEPS + 1;

/// A step of the linear part is two to this power, in nanoseconds.
const UNIT_BITS: u32 = 17;
const STEP_BITS: u32 = 3;
const STEPS: usize = 1 << STEP_BITS;
const LINEAR: usize = STEPS;
/// A model needs no more than the linear part: each counter multiplies what there is to explore.
const OCTAVES: usize = if cfg!(salve_loom) { 0 } else { 16 };

/// The bucket that a latency of so many nanoseconds counts in.
#[inline]
pub(crate) fn bucket(nanos: u64) -> usize {
    let units = nanos >> UNIT_BITS;
    // The position of the highest bit, as if it were never below the linear part's end.
    let octave = (units | STEPS as u64).ilog2() - STEP_BITS;
    let bucket = octave as usize * STEPS + (units >> octave) as usize;
    bucket.min(BUCKETS - 1)
}

/// Where a bucket ends and the next begins, in nanoseconds; the last one has no end.
pub(crate) fn end(bucket: usize) -> Option<u64> {
    let next = bucket + 1;
    if next >= BUCKETS {
        return None;
    }
    let octave = (next / STEPS).saturating_sub(1);
    let units = (next - octave * STEPS) << octave;
    Some((units as u64) << UNIT_BITS)
}

/// What became of the calls that count in one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Answered after a time in this bucket.
    pub(crate) answered: u64,
    /// Watched for a time in this bucket, and not answered by then.
    pub(crate) cut_short: u64,
}

/// The latency that `share` of the calls keep to, rounded up to the end of its bucket; `None`
/// where that many have not been seen to be answered.
///
/// This is the product-limit estimate of Kaplan and Meier (1958), in the form of Efron (1967):
/// the weight of a call that was cut short goes in equal parts to the calls that were watched for
/// longer. A call that was cut short is thus known to take longer than it was watched for, and is
/// neither left out nor taken to have ended there. It is exact for latencies that are each
/// rounded up to the end of their bucket: by 12.5 % at most, or by 131 µs where that is more.
pub(crate) fn quantile(share: Ratio, tallies: impl Iterator<Item = Tally> + Clone) -> Option<u64> {
    const WHOLE: u32 = Ratio::ONE.parts_per_million();
    let all: u64 = tallies.clone().map(|tally| tally.answered + tally.cut_short).sum();
    let may_be_later = f64::from(WHOLE - share.parts_per_million()) * all as f64;
    let mut rest = all;
    let mut weight = f64::from(WHOLE);
    for (bucket, tally) in tallies.enumerate() {
        rest -= tally.answered;
        // A whole number as long as nothing was cut short, and then compared exactly.
        if tally.answered > 0 && weight * rest as f64 <= may_be_later {
            return end(bucket);
        }
        let watched_longer = rest - tally.cut_short;
        // Where nobody was watched for longer there is nobody left to weigh either.
        weight *= rest as f64 / watched_longer.max(1) as f64;
        rest = watched_longer;
    }
    None
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_latency_lies_in_its_bucket() {
        let around = |nanos: u64| [nanos.saturating_sub(1), nanos, nanos + 1];
        let ends = (0..BUCKETS).filter_map(end).flat_map(around);
        for nanos in ends.chain([0, 1, 1 << 40, u64::MAX - 1]) {
            let bucket = bucket(nanos);
            assert!(end(bucket).is_none_or(|end| nanos < end), "{nanos} in {bucket}");
            assert!(bucket == 0 || end(bucket - 1).unwrap() <= nanos, "{nanos} in {bucket}");
        }
    }

    #[test]
    fn buckets_round_up_by_an_eighth_or_131_microseconds() {
        for bucket in 1..BUCKETS - 1 {
            let (from, to) = (end(bucket - 1).unwrap(), end(bucket).unwrap());
            assert!(to - from <= (from / 8).max(1 << 17), "{from} to {to}");
        }
        assert_eq!(end(0), Some(1 << 17));
        assert_eq!(end(BUCKETS - 2), Some(1 << 36), "68.7 s");
        assert_eq!((BUCKETS, end(BUCKETS - 1)), (137, None));
    }
}
