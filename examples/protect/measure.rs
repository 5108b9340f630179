//! The arithmetic of the summary: time to notice, time to recover, quantiles. Plain numbers in and out.

use std::time::Duration;

/// The moments that are tried lie this far apart.
const STEP: Duration = Duration::from_millis(50);
/// A player has noticed when it holds back for this long.
const HELD_BACK: Duration = Duration::from_secs(1);
/// A player has recovered when this many buckets of this length succeed in a row.
const BUCKETS: u32 = 5;
const BUCKET: Duration = Duration::from_millis(200);

/// How many of the ascending `times` lie in `from..until`.
pub(crate) fn count(times: &[Duration], from: Duration, until: Duration) -> usize {
    let before = |bound: Duration| times.partition_point(|&time| time < bound);
    before(until).saturating_sub(before(from))
}

/// From the fault to the first moment from which, for one second, the attempts sent are fewer than a
/// tenth of the calls that arrive. `None` if there is no such second before the fault ends.
/// Both slices ascend.
pub(crate) fn time_to_notice(
    arrivals: &[Duration],
    attempts: &[Duration],
    fault: Duration,
    cleared: Duration,
) -> Option<Duration> {
    let mut moment = fault;
    while moment + HELD_BACK <= cleared {
        let until = moment + HELD_BACK;
        let asked = count(arrivals, moment, until);
        if count(attempts, moment, until) * 10 < asked {
            return Some(moment - fault);
        }
        moment += STEP;
    }
    None
}

/// From the clearing of the fault to the first moment from which five buckets of 200 ms each have at
/// least 95 % of their calls succeed. A bucket without calls proves nothing and does not count as
/// recovered. `None` if that does not happen before `limit`. `calls` ascend by when they were due.
pub(crate) fn time_to_recover(
    calls: &[(Duration, bool)],
    cleared: Duration,
    limit: Duration,
) -> Option<Duration> {
    let healthy = |from: Duration| {
        let start = calls.partition_point(|&(due, _)| due < from);
        let end = calls.partition_point(|&(due, _)| due < from + BUCKET);
        let ok = calls[start..end].iter().filter(|(_, ok)| *ok).count();
        end > start && ok * 100 >= (end - start) * 95
    };
    let mut moment = cleared;
    while moment + BUCKET * BUCKETS <= limit {
        if (0..BUCKETS).all(|n| healthy(moment + BUCKET * n)) {
            return Some(moment - cleared);
        }
        moment += STEP;
    }
    None
}

/// The smallest of the ascending `values` that at least `share` of them do not exceed.
pub(crate) fn quantile(values: &[Duration], share: f64) -> Option<Duration> {
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}
