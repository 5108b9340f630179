//! What is known of one replica: how slow it is, how loaded, how often it fails, and whether it lives.

use std::time::Duration;

use salve_core::Moment;

use crate::pulse::{Change, Pulse};

/// The measure of one replica. What it says fades while nothing is heard, so that one that was bad
/// is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauge {
    under_way: u32,
    /// Seconds, smoothed.
    latency: f64,
    success: f64,
    heard: Moment,
    pub(crate) pulse: Pulse,
}

impl Default for Gauge {
    fn default() -> Self {
        Self {
            under_way: 0,
            latency: 0.0,
            success: 1.0,
            heard: Moment::ZERO,
            pulse: Pulse::default(),
        }
    }
}

impl Gauge {
    /// The least weight of a new result.
    const SMOOTHING: f64 = 0.1;
    /// In so much silence two thirds of what is known fade. Finagle's Peak EWMA takes as long.
    const FADES: f64 = 10.0;
    const LEAST_SUCCESS: f64 = 0.05;

    /// The cost of another call there, to be compared with that of others: latency by load, over
    /// the square of success.
    pub(crate) fn cost(&self, now: Moment) -> f64 {
        let fresh = self.freshness(now);
        let success = 1.0 - (1.0 - self.success) * fresh;
        (self.latency * fresh + 0.0005) * f64::from(self.under_way + 1) / (success * success)
    }

    fn freshness(&self, now: Moment) -> f64 {
        (-now.since(self.heard).as_secs_f64() / Self::FADES).exp()
    }

    /// Forgets all but what is under way.
    pub(crate) fn forget(&mut self) {
        *self = Self { under_way: self.under_way, ..Self::default() };
    }

    pub(crate) const fn started(&mut self) {
        self.under_way += 1;
    }

    /// An attempt there has no answer yet at this age.
    pub(crate) fn overdue(&mut self, age: Duration, now: Moment) {
        let age = age.as_secs_f64();
        if age > self.latency {
            self.latency = age;
            self.heard = now;
        }
    }

    /// An attempt there has ended; `failed` says whether it was answered well, if that is known.
    pub(crate) fn ended(
        &mut self,
        took: Duration,
        failed: Option<bool>,
        turned_away: bool,
        now: Moment,
    ) {
        self.under_way = self.under_way.saturating_sub(1);
        let weight = (1.0 - self.freshness(now)).max(Self::SMOOTHING);
        if turned_away {
            self.success = (self.success * (1.0 - weight)).max(Self::LEAST_SUCCESS);
            self.heard = now;
        }
        let Some(failed) = failed else { return };
        let took = took.as_secs_f64();
        if !failed || took > self.latency {
            let weight = if self.latency == 0.0 { 1.0 } else { weight };
            self.latency += (took - self.latency) * weight;
        }
        let result = if failed { 0.0 } else { 1.0 };
        self.success = (self.success + (result - self.success) * weight).max(Self::LEAST_SUCCESS);
        self.heard = now;
    }

    /// Attempts under way, latency and success.
    #[cfg(feature = "balance")]
    pub(crate) fn read(&self) -> (u32, Duration, f64) {
        (self.under_way, Duration::from_secs_f64(self.latency), self.success)
    }

    /// Notes a result for or against its life.
    pub(crate) fn note_life(&mut self, failed: bool, certainty: f64, now: Moment) {
        if self.pulse.note(failed, certainty, now) == Change::Woke {
            self.success = 1.0;
        }
    }
}
