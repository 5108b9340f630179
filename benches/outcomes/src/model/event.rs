//! What happens next: a heap of events by time, and by order of making where times are equal.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::request::{AttemptId, Outcome};
use crate::time::Micros;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// An attempt reaches its replica.
    Reached(AttemptId),
    /// A replica has done the work of an attempt, in that life of it.
    Worked { attempt: AttemptId, life: u32, took: u32 },
    /// An answer reaches the client.
    Answered(AttemptId, Answer),
    /// The attempt's own time is over.
    TimedOut(AttemptId),
    /// The player of a client wanted to be woken.
    Woken { client: u32, token: u64 },
    /// Replicas come or go.
    Changed,
    /// A user asks for something.
    Asks { user: u32 },
}

/// An [`Outcome`] that can be compared for the order of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Success,
    Error,
    Refused,
    Busy,
    Quota,
    NoPlace,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Success => Self::Success,
            Answer::Error => Self::Error,
            Answer::Refused => Self::Refused,
            Answer::Busy => Self::Busy,
            Answer::Quota => Self::Quota,
            Answer::NoPlace => Self::NoPlace,
        }
    }
}

/// What is to come.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    made: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Micros, event: Event) {
        self.made += 1;
        self.heap.push(Reverse((at, self.made, event)));
    }

    pub(crate) fn next_time(&self) -> Option<Micros> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    pub(crate) fn next(&mut self) -> Option<(Micros, Event)> {
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }
}
