//! What becomes of requests.

use super::replica::WorkDone;
use super::request::{AttemptId, Origin, Request};
use super::world::World;
use crate::time::Micros;

/// What became of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    /// When a good answer was there, within the deadline.
    pub(crate) answered: Option<Micros>,
    /// When its player gave it up, or its deadline passed.
    pub(crate) failed: Option<Micros>,
    /// Whether its player refused it.
    pub(crate) rejected: bool,
    /// Attempts for it, by its caller and further on.
    pub(crate) attempts: u32,
    /// How often it was carried out.
    pub(super) effects: u32,
    /// Whether that was too often. Then no answer makes it good.
    pub(crate) doubled: bool,
    /// Attempts that are waited for.
    pub(super) awaited: Vec<AttemptId>,
}

impl Fate {
    pub(super) const fn is_open(&self) -> bool {
        self.answered.is_none() && self.failed.is_none()
    }

    /// In the end.
    fn judged(mut self, request: &Request) -> Self {
        self.doubled = self.effects > 1 && !request.is_repeatable;
        if self.doubled {
            self.answered = None;
        }
        self
    }
}

/// What is left of a run.
#[derive(Debug)]
pub(crate) struct Fates {
    pub(crate) requests: Vec<Request>,
    pub(crate) fates: Vec<Fate>,
    /// When attempts were sent to what was dead.
    pub(crate) sent_to_dead: Vec<Micros>,
    pub(crate) work: WorkDone,
}

impl World {
    /// What became of the requests that count: those of callers outside who play.
    pub(crate) fn into_fates(self) -> Fates {
        let Self { requests, fates, sent_to_dead, done, scenario, .. } = self;
        let counts = |request: &Request| {
            !matches!(request.origin, Origin::Front { .. }) && !scenario.is_naive(request.client)
        };
        let all = requests.into_iter().zip(fates).filter(|(request, _)| counts(request));
        let (requests, fates) = all.map(|(request, fate)| (request, fate.judged(&request))).unzip();
        Fates { requests, fates, sent_to_dead, work: done }
    }
}
