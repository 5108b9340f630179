//! The times of the last failures, for the rule "so many within so much time".

use std::time::Duration;

use salve_core::Moment;

/// The newest failure times, as many as trip.
#[derive(Debug)]
pub(super) struct RecentFailures {
    times: Box<[Moment]>,
    /// Where the next one goes.
    next: u32,
    len: u32,
}

impl RecentFailures {
    pub(super) fn new(failures: u32) -> Self {
        Self { times: vec![Moment::ZERO; failures as usize].into(), next: 0, len: 0 }
    }

    /// Notes a failure, and says whether as many as fit now lie less than `within` apart.
    pub(super) fn push(&mut self, now: Moment, within: Duration) -> bool {
        let slots = self.times.len() as u32;
        self.times[self.next as usize] = now;
        self.next = (self.next + 1) % slots;
        self.len = (self.len + 1).min(slots);
        // With every slot full, the next one to be overwritten is the oldest.
        self.len == slots && now.since(self.times[self.next as usize]) < within
    }

    /// How many failures are younger than `within`.
    pub(super) fn count(&self, now: Moment, within: Duration) -> u32 {
        self.newest_first().filter(|&time| now.since(time) < within).count() as u32
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Makes room for another number of failures, and keeps the newest that fit.
    pub(super) fn resize(&mut self, failures: u32) {
        if failures as usize == self.times.len() {
            return;
        }
        let kept: Vec<_> = self.newest_first().take(failures as usize).collect();
        let mut resized = Self::new(failures);
        for &time in kept.iter().rev() {
            resized.push(time, Duration::ZERO);
        }
        *self = resized;
    }

    fn newest_first(&self) -> impl Iterator<Item = Moment> {
        let slots = self.times.len() as u32;
        (1..=self.len).map(move |back| self.times[((self.next + slots - back) % slots) as usize])
    }
}

#[cfg(all(test, not(salve_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_failure_as_old_as_the_rule_says_no_longer_counts() {
        let second = Duration::from_secs(1);
        let mut recent = RecentFailures::new(3);
        let at = |seconds| Moment::ZERO.after(second * seconds);
        assert!(!recent.push(at(0), 10 * second));
        assert!(!recent.push(at(5), 10 * second));
        assert_eq!(recent.count(at(9), 10 * second), 2);
        assert_eq!(recent.count(at(10), 10 * second), 1);
        assert!(!recent.push(at(10), 10 * second), "the first is just too old");
        assert!(recent.push(at(14), 10 * second), "three within less than ten seconds");
        recent.resize(2);
        assert_eq!(recent.count(at(14), 10 * second), 2);
    }
}
