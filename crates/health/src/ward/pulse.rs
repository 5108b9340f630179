//! Self-doubt: what was measured while the program stood still says nothing.

use std::time::Duration;

use salve_core::Moment;

use super::SWEEP;

/// A longer time between two rounds means that the program, or the machine, has stood still:
/// 5 s, or three of the driver's longest naps (Cassandra's local pause guard).
const LONGEST_GAP: Duration = Duration::from_secs(5);
const MOST_NAPS: u32 = 3;

/// When the driver was last awake, and for how long it was not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pulse {
    beat_at: Option<Moment>,
    /// Nobody drives, so nobody is late.
    is_off: bool,
    /// When the last gap was found.
    resumed_at: Option<Moment>,
    /// How much time all gaps make together.
    stood_still: Duration,
}

impl Pulse {
    /// A round begins; the gap before it, if there was one.
    pub(crate) fn beat(&mut self, now: Moment) -> Option<Duration> {
        let gap = self.gap(now);
        self.beat_at = Some(now);
        self.is_off = false;
        if let Some(gap) = gap {
            self.resumed_at = Some(now);
            self.stood_still = self.stood_still.saturating_add(gap);
        }
        gap
    }

    /// Nobody drives any more.
    pub(crate) const fn stop(&mut self) {
        self.is_off = true;
    }

    /// When the last round was; `None` if there was none.
    pub(crate) const fn beat_at(&self) -> Option<Moment> {
        self.beat_at
    }

    /// What a detector has to know to judge what was measured from `began` to `ended`: for how
    /// long the program has stood still so far. `None` if it did in that very time, or still does
    /// for all that is known: then nothing is judged.
    pub(crate) fn judge(&self, began: Moment, ended: Moment) -> Option<Duration> {
        let is_late = !self.is_off && self.gap(ended).is_some();
        let is_void = is_late || self.resumed_at.is_some_and(|at| began < at);
        (!is_void).then_some(self.stood_still)
    }

    fn gap(&self, now: Moment) -> Option<Duration> {
        let gap = now.since(self.beat_at?);
        (gap > LONGEST_GAP.max(SWEEP * MOST_NAPS)).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Moment {
        Moment::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn inv_22_five_seconds_are_no_gap_and_more_are() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.judge(at(0), at(900)), Some(Duration::ZERO), "nobody has driven yet");
        assert_eq!(pulse.beat(at(1_000)), None);
        assert_eq!(pulse.beat(at(1_005)), None);
        assert_eq!(pulse.judge(at(1_005), at(1_010)), Some(Duration::ZERO));
        assert_eq!(pulse.judge(at(1_011), at(1_011)), None, "the driver is late");
        assert_eq!(pulse.beat(at(1_011)), Some(Duration::from_secs(6)));
        assert_eq!(pulse.judge(at(1_010), at(1_012)), None, "it began before the gap was over");
        assert_eq!(pulse.judge(at(1_011), at(1_012)), Some(Duration::from_secs(6)));
    }

    #[test]
    fn who_is_not_driven_is_not_late() {
        let mut pulse = Pulse::default();
        pulse.beat(at(10));
        pulse.stop();
        assert_eq!(pulse.judge(at(100), at(100)), Some(Duration::ZERO));
        assert_eq!(pulse.beat(at(100)), Some(Duration::from_secs(90)), "nobody looked either way");
    }
}
