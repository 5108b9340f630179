//! Calls that are measured move the number of places.

use salve_core::{Moment, clock};

use super::Shared;
use crate::event::Event;
use crate::limit::{Change, Ended, Sample};

impl Shared {
    /// A call that began at `began` has ended or been answered, while `in_use` places were taken,
    /// its own included.
    pub(crate) fn hear(
        &self,
        (began, ended): (Moment, Ended),
        in_use: u32,
        key: impl FnOnce() -> Option<String>,
    ) {
        let sample = Sample { began, now: clock::now(), in_use, ended };
        let mut limiter = self.limiter.lock();
        let Some(change) = limiter.as_mut().and_then(|limiter| limiter.on_result(sample)) else {
            return;
        };
        self.change(|word| word.with_places(change.to));
        drop(limiter);
        self.follow(change, key);
    }

    #[cold]
    fn follow(&self, Change { from, to, why }: Change, key: impl FnOnce() -> Option<String>) {
        if to > from {
            self.serve();
        }
        self.policy.totals.count_limit_change(to > from);
        self.policy.tell(key, Event::LimitChanged { from, to, why });
    }
}
