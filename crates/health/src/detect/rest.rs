//! The refractory period: after a detector has spoken, it rests for a while.

use std::time::Duration;

use salve_core::Moment;

/// A period of silence, by the times of samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rest {
    until: Option<Moment>,
    begins_anew: bool,
}

impl Rest {
    /// Whether it rests at `at`. Comes once a sample, before anything is told.
    pub(super) fn is_on(&mut self, at: Moment, period: Duration) -> bool {
        if std::mem::take(&mut self.begins_anew) && self.until.is_some() {
            self.until = Some(at.after(period));
        }
        if self.until.is_some_and(|until| at >= until) {
            self.until = None;
        }
        self.until.is_some()
    }

    pub(super) const fn begin(&mut self, at: Moment, period: Duration) {
        self.until = Some(at.after(period));
    }

    /// If it was on at the last sample, it begins anew with the next.
    pub(super) const fn stalled(&mut self) {
        self.begins_anew = true;
    }
}
