//! What a controller holds, believes and has counted.

use salve_core::Reason;

/// What a controller holds and believes at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Status {
    /// Attempts under way.
    pub under_way: u32,
    /// Of those, how many are overdue.
    pub overdue: u32,
    /// How many attempts may be under way.
    pub limit: f64,
    /// Calls that wait for room.
    pub waiting: u32,
    /// Calls that wait until the dependency, or their scope, lives again.
    pub parked: u32,
    /// Whether the dependency is held to be dead.
    pub dead: bool,
    /// Scopes that are held to be dead.
    pub dead_scopes: u32,
    /// The rate of a quota, in starts a second, where one has been found.
    pub quota: Option<f64>,
    /// The classes that are shed: 1 is all that is sheddable, 2 is also what is normal.
    pub shed: f64,
}

/// What a controller has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Calls that arrived.
    pub calls: u64,
    /// Attempts sent.
    pub attempts: u64,
    /// Of those, after one that failed.
    pub retries: u64,
    /// Of those, beside one that was overdue.
    pub seconds: u64,
    /// Calls that ended with their last failure.
    pub failed: u64,
    /// Calls refused because calls of their class are not served.
    pub shed: u64,
    /// Calls refused because there was no room, now or within their patience.
    pub full: u64,
    /// Calls refused in favour of a higher class.
    pub displaced: u64,
    /// Calls refused because the dependency is held to be dead and nobody more may wait.
    pub unavailable: u64,
    /// Calls refused because their deadline had passed.
    pub late: u64,
    /// Calls refused since it was closed.
    pub closing: u64,
    /// Calls let through in shadow mode that would have been refused, or would have waited.
    pub shadow_rejected: u64,
    /// Failures whose scope could not be followed, for want of places.
    pub untracked: u64,
}

impl Counts {
    pub(crate) const fn refused(&mut self, reason: Reason) {
        let count = match reason {
            Reason::Shed => &mut self.shed,
            Reason::Displaced => &mut self.displaced,
            Reason::Unavailable => &mut self.unavailable,
            Reason::DeadlineExceeded => &mut self.late,
            _ => &mut self.full,
        };
        *count += 1;
    }

    /// Calls that were refused, for whatever reason.
    #[must_use]
    pub const fn refusals(&self) -> u64 {
        self.shed + self.full + self.displaced + self.unavailable + self.late + self.closing
    }
}
