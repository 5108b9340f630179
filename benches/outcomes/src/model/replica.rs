//! One replica: a queue and workers.

use std::collections::VecDeque;

use super::request::AttemptId;
use crate::time::Micros;

/// A replica's queue is full with so many requests, unless the scenario says otherwise.
pub(crate) const QUEUE: usize = 500;

/// One replica. It does not learn that a caller has given up.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    pub(crate) queue: VecDeque<AttemptId>,
    /// What is to be turned away, which is work too, and comes first.
    pub(crate) turning_away: VecDeque<AttemptId>,
    /// What is being worked on.
    pub(crate) working: Vec<AttemptId>,
    /// Moves on when it loses all its work, so that what was to end of that work is not taken for
    /// the end of other work.
    pub(crate) life: u32,
}

impl Replica {
    /// Loses all that it has, and returns it.
    pub(crate) fn crash(&mut self) -> Vec<AttemptId> {
        self.life += 1;
        let mut lost = std::mem::take(&mut self.working);
        lost.extend(self.queue.drain(..));
        lost.extend(self.turning_away.drain(..));
        lost
    }

    /// Ends the work on `attempt`.
    pub(crate) fn finish(&mut self, attempt: AttemptId) {
        if let Some(place) = self.working.iter().position(|&one| one == attempt) {
            self.working.swap_remove(place);
        }
    }

    pub(crate) fn has_room(&self, queue: usize) -> bool {
        self.queue.len() < queue
    }
}

/// What is counted about the replicas' work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorkDone {
    pub(crate) all: Micros,
    /// For answers that nobody waited for.
    pub(crate) wasted: Micros,
}
