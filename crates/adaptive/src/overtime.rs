//! Which attempts take too long to be ordinary, and whether a second one is worth sending.

use std::time::Duration;

/// Follows the median latency, and how often a second attempt answers first.
#[derive(Clone, Debug)]
pub(crate) struct Overtime {
    /// Seconds.
    median: f64,
    samples: u32,
    /// The share of second attempts that won, smoothed.
    wins: f64,
}

impl Overtime {
    /// An attempt is overdue after so many times the median.
    const TIMES: f64 = 8.0;
    const FEWEST: u32 = 20;
    /// Below this share of wins second attempts are only tried now and then.
    const WORTH_IT: f64 = 0.3;
    const TRIED: f64 = 0.02;

    pub(crate) const fn new() -> Self {
        Self { median: 0.0, samples: 0, wins: 0.5 }
    }

    pub(crate) fn sample(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.samples = self.samples.saturating_add(1);
        if self.samples == 1 {
            self.median = took;
        }
        // A step towards the sample, smaller as more is known: half of them lie on either side.
        let step = self.median * if self.samples < Self::FEWEST { 0.2 } else { 0.03 };
        self.median += if took > self.median { step } else { -step };
    }

    /// From what age on an attempt is overdue, once enough is known.
    pub(crate) fn overdue(&self, least: Duration) -> Option<Duration> {
        (self.samples >= Self::FEWEST)
            .then(|| Duration::from_secs_f64(self.median * Self::TIMES).max(least))
    }

    pub(crate) fn is_worth_it(&self, rng: &mut fastrand::Rng) -> bool {
        self.wins > Self::WORTH_IT || rng.f64() < Self::TRIED
    }

    pub(crate) fn second_ended(&mut self, won: bool) {
        let won = if won { 1.0 } else { 0.0 };
        self.wins += (won - self.wins) * 0.05;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_overdue_after_eight_medians_once_that_is_known() {
        let mut overtime = Overtime::new();
        let mut rng = fastrand::Rng::with_seed(1);
        assert_eq!(overtime.overdue(Duration::ZERO), None);
        for _ in 0..5_000 {
            overtime.sample(Duration::from_secs_f64(0.1 * rng.f64()));
        }
        let after = overtime.overdue(Duration::ZERO).unwrap().as_secs_f64();
        assert!((0.3..0.5).contains(&after), "{after}");
        assert_eq!(overtime.overdue(Duration::from_secs(2)), Some(Duration::from_secs(2)));
    }

    #[test]
    fn seconds_that_never_win_are_only_tried_now_and_then() {
        let mut overtime = Overtime::new();
        let mut rng = fastrand::Rng::with_seed(1);
        assert!(overtime.is_worth_it(&mut rng));
        (0..50).for_each(|_| overtime.second_ended(false));
        let tried = (0..1_000).filter(|_| overtime.is_worth_it(&mut rng)).count();
        assert!((5..50).contains(&tried), "{tried}");
        (0..50).for_each(|_| overtime.second_ended(true));
        assert!(overtime.is_worth_it(&mut rng));
    }
}
