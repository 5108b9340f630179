//! How suspicious a silence is: the phi accrual failure detector with a dead-man's switch. The
//! engine; it is told the time.
//!
//! Phi is `-log10` of the chance that a heartbeat is still to come after so long a silence, by a
//! normal distribution of past intervals (Hayashibara, Défago, Yared & Katayama, SRDS 2004): at 8, one suspicion
//! in a hundred million is wrong. The distribution is approximated by a logistic function, as Akka's
//! detector does it.

use std::collections::VecDeque;
use std::f64::consts::LN_10;
use std::time::Duration;

use salve_core::Moment;

/// What the engine follows; checked by [`Config`](super::Config).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// What interval is taken for usual until there are others.
    pub(crate) expected: Duration,
    /// What a silence may last beyond the usual interval.
    pub(crate) pause: Duration,
    /// The least standard deviation.
    pub(crate) least_deviation: Duration,
    /// How many intervals are kept.
    pub(crate) samples: usize,
    /// An interval that ends in a suspicion of this much is not learned.
    pub(crate) suspicious: f64,
    /// A silence of this length is death whatever phi says.
    pub(crate) silence: Duration,
    /// Nobody looked for longer than this: the look says nothing.
    pub(crate) longest_gap: Duration,
}

/// What a look finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Look {
    /// There was no heartbeat yet.
    Never(Duration),
    /// Nobody looked for this long, so that silence says nothing.
    Blind(Duration),
    /// The last heartbeat was this long ago, which is this suspicious.
    Silent(Duration, f64),
}

/// Intervals of heartbeats and what they say about a silence. 4 bytes a sample.
///
/// # Invariants
/// 1. `sum` and `squares` are exactly those of `intervals`.
/// 2. `intervals` holds at most [`Rules::samples`].
#[derive(Clone, Debug)]
pub(crate) struct Accrual {
    rules: Rules,
    /// In microseconds; an interval of more than 71 minutes counts as that.
    intervals: VecDeque<u32>,
    sum: u64,
    squares: u128,
    /// When it began, or the last heartbeat, put off by gaps in which nobody looked.
    since: Moment,
    beaten: bool,
    looked: Moment,
}

impl Accrual {
    pub(crate) fn new(rules: Rules, now: Moment) -> Self {
        let intervals = VecDeque::with_capacity(rules.samples);
        Self { rules, intervals, sum: 0, squares: 0, since: now, beaten: false, looked: now }
    }

    /// Takes a heartbeat. The interval that ends a suspicion is an outage, and is not learned.
    pub(crate) fn beat(&mut self, now: Moment) {
        let silence = now.since(self.since);
        if self.beaten {
            let suspicious = self.phi(silence) >= self.rules.suspicious;
            if !suspicious && silence < self.rules.silence {
                self.learn(micros(silence));
            }
        } else {
            // The usual interval is a guess, and so it has a wide deviation: a quarter of itself.
            let (expected, spread) = (self.rules.expected, self.rules.expected / 4);
            self.learn(micros(expected.saturating_sub(spread)));
            self.learn(micros(expected + spread));
        }
        self.beaten = true;
        self.since = self.since.max(now);
    }

    /// Looks at the silence.
    pub(crate) fn look(&mut self, now: Moment) -> Look {
        let gap = now.since(self.looked);
        self.looked = self.looked.max(now);
        if gap > self.rules.longest_gap {
            // Whoever stood still has heard nothing, though something may have been said.
            let unheard = gap.min(now.since(self.since));
            self.since = self.since.after(unheard);
            return Look::Blind(gap);
        }
        let silence = now.since(self.since);
        if self.beaten { Look::Silent(silence, self.phi(silence)) } else { Look::Never(silence) }
    }

    fn learn(&mut self, interval: u32) {
        if self.intervals.len() == self.rules.samples
            && let Some(oldest) = self.intervals.pop_front()
        {
            self.sum -= u64::from(oldest);
            self.squares -= square(oldest);
        }
        self.intervals.push_back(interval);
        self.sum += u64::from(interval);
        self.squares += square(interval);
    }

    fn phi(&self, silence: Duration) -> f64 {
        let (mean, deviation) = self.usual();
        let y = (silence.as_secs_f64() - mean - self.rules.pause.as_secs_f64()) / deviation;
        let x = y * (1.5976 + 0.070_566 * y * y);
        // -log10(1 / (1 + e^x)), in a form that neither overflows nor rounds to zero.
        (x.max(0.0) + (-x.abs()).exp().ln_1p()) / LN_10
    }

    /// Mean and standard deviation of the intervals, in seconds.
    fn usual(&self) -> (f64, f64) {
        let count = self.intervals.len().max(1) as f64;
        // n Σx² − (Σx)² is exact here, and so cannot be negative by rounding.
        let n = self.intervals.len() as u128;
        let scaled = n * self.squares - u128::from(self.sum) * u128::from(self.sum);
        let deviation = (scaled as f64).sqrt() / count / 1e6;
        (self.sum as f64 / count / 1e6, deviation.max(self.rules.least_deviation.as_secs_f64()))
    }
}

fn micros(interval: Duration) -> u32 {
    u32::try_from(interval.as_micros()).unwrap_or(u32::MAX)
}

fn square(micros: u32) -> u128 {
    u128::from(micros) * u128::from(micros)
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod model_tests;
