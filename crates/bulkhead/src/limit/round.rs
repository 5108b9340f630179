//! What is measured between two steps of a limit.

use std::time::Duration;

use salve_core::{Moment, nanos};

/// How many latencies of a round are kept at most.
const KEPT: usize = 64;
/// A round ends after as many calls as the limit holds, but not with fewer than these nor only
/// with more.
const FEWEST: u32 = 5;
const MOST: u32 = 20;

/// The calls that began and ended since the limit was last looked at.
///
/// # Invariants
/// 1. Calls that began before the round are not part of it: each round shows the limit that it
///    ran under, and calls that fail together move the limit once.
/// 2. A round is longer than twice its mean latency: those who end first are the quick ones, and
///    would make a shorter round look better than it is.
/// 3. Every `stride`th latency is kept, so that those kept are spread over the whole round.
#[derive(Debug)]
pub(crate) struct Round {
    /// Who began then or before belongs to an earlier round.
    after: Option<Moment>,
    /// When its first call began.
    opened: Option<Moment>,
    kept: [u64; KEPT],
    len: usize,
    stride: u32,
    sum: f64,
    answered: u32,
    lost: u32,
    peak: u32,
}

/// What one round came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) now: Moment,
    /// Of the answered, in nanoseconds; none if nobody was answered.
    pub(crate) median: Option<f64>,
    pub(crate) mean: Option<f64>,
    pub(crate) answered: u32,
    pub(crate) lost: u32,
    /// The most places that were in use at once.
    pub(crate) peak: u32,
}

impl Summary {
    /// The share of its calls that was lost, if that is too much.
    pub(crate) fn loss(&self) -> Option<f64> {
        let share = f64::from(self.lost) / f64::from(self.lost + self.answered);
        (share >= 0.05).then_some(share)
    }

    /// Whether enough of the limit was in use to tell that more would be.
    pub(crate) fn fills(&self, limit: f64) -> bool {
        2 * u64::from(self.peak) >= limit as u64
    }
}

impl Round {
    pub(crate) const fn new() -> Self {
        Self {
            after: None,
            opened: None,
            kept: [0; KEPT],
            len: 0,
            stride: 1,
            sum: 0.0,
            answered: 0,
            lost: 0,
            peak: 0,
        }
    }

    /// Adds a call that was answered after `latency`, or lost.
    #[inline]
    pub(crate) fn add(&mut self, began: Moment, latency: Option<u64>, in_use: u32) {
        if self.after.is_some_and(|after| began <= after) {
            return;
        }
        self.opened = Some(self.opened.unwrap_or(began).min(began));
        self.peak = self.peak.max(in_use);
        let Some(latency) = latency else {
            self.lost += 1;
            return;
        };
        if self.answered.is_multiple_of(self.stride) {
            if self.len == KEPT {
                self.thin_out();
            }
            if self.answered.is_multiple_of(self.stride) {
                self.kept[self.len] = latency;
                self.len += 1;
            }
        }
        self.answered += 1;
        self.sum += latency as f64;
    }

    /// Keeps every other latency of those kept.
    #[cold]
    fn thin_out(&mut self) {
        for index in 0..KEPT / 2 {
            self.kept[index] = self.kept[2 * index];
        }
        self.len = KEPT / 2;
        self.stride = self.stride.saturating_mul(2);
    }

    /// What it came to, and a new round, if it has lasted long enough for `limit`.
    #[inline]
    pub(crate) fn end(&mut self, now: Moment, window: Duration, limit: f64) -> Option<Summary> {
        let passed = now.as_nanos().saturating_sub(self.opened?.as_nanos());
        if passed < nanos(window) || !self.is_enough(passed, limit) {
            return None;
        }
        Some(self.close(now))
    }

    fn is_enough(&self, passed: u64, limit: f64) -> bool {
        self.answered + self.lost >= (limit as u32).clamp(FEWEST, MOST)
            && passed as f64 * f64::from(self.answered) >= 2.0 * self.sum
    }

    #[cold]
    fn close(&mut self, now: Moment) -> Summary {
        let kept = &mut self.kept[..self.len];
        let middle = kept.len() / 2;
        let median = (!kept.is_empty()).then(|| *kept.select_nth_unstable(middle).1 as f64);
        let summary = Summary {
            now,
            median,
            mean: median.map(|_| self.sum / f64::from(self.answered)),
            answered: self.answered,
            lost: self.lost,
            peak: self.peak,
        };
        *self = Self { after: Some(now), ..Self::new() };
        summary
    }

    /// Begins anew: what began before `now` no longer counts.
    pub(crate) fn restart(&mut self, now: Moment) {
        *self = Self { after: Some(now), ..Self::new() };
    }
}
