//! Faults that are held for as long as a point is armed: which those are, and what came of them.

#[cfg(all(feature = "guard", target_os = "linux"))]
use salve_core::sync::Ordering;

use super::Shared;
use crate::clock;
#[cfg(all(feature = "guard", target_os = "linux"))]
use crate::event::Event;
use crate::fault::Kind;
use crate::injector::Strike;

impl Shared {
    /// What this arming holds, of the kinds that `can` be held where this is asked. Each rule is
    /// drawn for once; what was told once is not told again.
    pub(crate) fn holds(&self, epoch: u64, can: impl Fn(Kind) -> bool) -> Vec<Strike> {
        let now = clock::now();
        let mut inner = self.inner.lock();
        let same = inner.epoch == epoch;
        let Some(present) = inner.armed.as_mut().filter(|_| same) else { return Vec::new() };
        let held = self.counting_capped(present, |injector| Some(injector.holds(can, now)));
        held.unwrap_or_default()
    }

    /// Counts and tells that a fault is held from now on; in shadow mode it must not be.
    pub(crate) fn begun(&self, epoch: u64, strike: &Strike) {
        {
            let mut inner = self.inner.lock();
            let same = inner.epoch == epoch;
            if let Some(present) = inner.armed.as_mut().filter(|_| same) {
                present.armed.struck += 1;
            }
        }
        self.count(strike);
    }

    /// Counts and tells that a fault is not held, though it should be.
    #[cfg(all(feature = "guard", target_os = "linux"))]
    pub(crate) fn not_held(&self, kind: Kind, why: String) {
        self.totals.impossible.fetch_add(1, Ordering::Relaxed);
        self.tell(Event::NotHeld { kind, why });
    }

    /// Who armed it and why, and how long it may last from now on, however often it is put off.
    #[cfg(all(feature = "guard", target_os = "linux"))]
    pub(crate) fn terms(&self, epoch: u64) -> Option<crate::Arming> {
        let now = clock::now();
        let inner = self.inner.lock();
        let present = inner.armed.as_ref().filter(|_| inner.epoch == epoch)?;
        let (owner, reason) = (present.armed.owner.clone(), present.armed.reason.clone());
        Some(crate::Arming::new(owner, reason, present.ends.since(now)))
    }
}
