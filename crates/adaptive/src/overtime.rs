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
