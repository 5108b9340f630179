//! Lets detectors judge samples, and tells them when the program stood still.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use salve_core::Moment;
use salve_core::sync::Lock;

use crate::check::Detect;
use crate::finding::{Sample, Status};
use crate::handle::Shared;

/// The detector of a target. Its lock is never taken with the registry's held.
#[derive(Clone)]
pub(crate) struct Detector(Arc<Lock<Seat>>);

struct Seat {
    detector: Box<dyn Detect>,
    /// For how long the program had stood still when it last looked; `None` if it never did.
    stood_still: Option<Duration>,
}

impl Detector {
    pub(crate) fn new(detector: impl Detect) -> Self {
        Self(Arc::new(Lock::new(Seat { detector: Box::new(detector), stood_still: None })))
    }

    /// Lets it doubt a pass. One that panics has no say.
    fn judge(&self, sample: &mut Sample, stood_still: Duration) {
        let look = || {
            let mut seat = self.0.lock();
            let before = seat.stood_still.replace(stood_still);
            if let Some(gap) = before.and_then(|before| stood_still.checked_sub(before))
                && !gap.is_zero()
            {
                seat.detector.stalled(gap);
            }
            seat.detector.look(sample)
        };
        let odd = catch_unwind(AssertUnwindSafe(look)).unwrap_or_default();
        if let Some(reason) = odd
            && sample.finding.status == Status::Pass
        {
            sample.finding.status = Status::Warn;
            sample.finding.reason = Some(reason);
        }
    }
}

/// Has a sample judged that was begun at `began`, unless the program stood still in that time.
pub(crate) fn judge(
    shared: &Shared,
    sample: &mut Sample,
    began: Moment,
    detector: Option<&Detector>,
) {
    let Some(detector) = detector else { return };
    if let Some(stood_still) = shared.pulse().judge(began, sample.at) {
        detector.judge(sample, stood_still);
    }
}
