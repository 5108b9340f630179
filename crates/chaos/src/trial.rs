//! What the calls of a running experiment came to, by group.

use std::sync::{Arc, Weak};
use std::time::Duration;

use salve_core::Ratio;
use salve_core::sync::{AtomicU64, Lock, Ordering};

use crate::event::Disarm;
use crate::group::Group;
use crate::sequential::{Harm, PairTest};
use crate::shared::Shared;

/// The live side of an experiment: who belongs to which group, and how they fare.
#[derive(Debug)]
pub(crate) struct Trial {
    /// Told apart from every other in the process.
    id: u64,
    reach: Arc<Reach>,
    share: Ratio,
    slow: Option<Duration>,
    calls: AtomicU64,
    scores: Lock<Scores>,
}

#[derive(Debug)]
struct Scores {
    test: PairTest,
    experiment: Score,
    control: Score,
}

/// The chaos points that an experiment has armed, with the number of the arming, so that all of
/// them are let go together.
#[derive(Debug, Default)]
pub(crate) struct Reach(Lock<Vec<(Weak<Shared>, u64)>>);

impl Reach {
    pub(crate) fn add(&self, point: &Arc<Shared>, epoch: u64) {
        self.0.lock().push((Arc::downgrade(point), epoch));
    }

    /// Disarms all of them; says whether any was still armed.
    pub(crate) fn end(&self, cause: Disarm) -> bool {
        let points = self.0.lock().clone();
        let end = |(point, epoch): &(Weak<Shared>, u64)| {
            point.upgrade().is_some_and(|point| point.disarm(cause, Some(*epoch)))
        };
        points.iter().filter(|point| end(point)).count() > 0
    }
}

/// How the calls of one group fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Score {
    /// How many have ended.
    pub calls: u64,
    /// How many of them badly: failed, refused or too slow.
    pub bad: u64,
}

/// What a trial has seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) experiment: Score,
    pub(crate) control: Score,
    pub(crate) ratio: f64,
    pub(crate) harmed: bool,
    pub(crate) unpaired: u64,
}

impl Trial {
    pub(crate) fn new(
        id: u64,
        share: Ratio,
        slow: Option<Duration>,
        harm: Harm,
        reach: Arc<Reach>,
    ) -> Self {
        let test = PairTest::new(harm);
        let scores = Scores { test, experiment: Score::default(), control: Score::default() };
        Self { id, reach, share, slow, calls: AtomicU64::new(0), scores: Lock::new(scores) }
    }

    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The number of the next call.
    pub(crate) fn next(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// The group of a draw: as many calls are followed as control as are struck.
    pub(crate) fn group(&self, draw: f64) -> Option<Group> {
        let share = self.share.as_f64();
        if draw < share {
            Some(Group::Experiment)
        } else if draw < 2.0 * share {
            Some(Group::Control)
        } else {
            None
        }
    }

    /// Takes in how a call went; `true` if that was what proves harm.
    pub(crate) fn note(&self, group: Group, failed: bool, took: Duration) -> bool {
        let bad = failed || self.slow.is_some_and(|slow| took >= slow);
        let mut scores = self.scores.lock();
        let score = match group {
            Group::Experiment => &mut scores.experiment,
            Group::Control => &mut scores.control,
        };
        score.calls += 1;
        score.bad += u64::from(bad);
        let before = scores.test.harmed();
        scores.test.note(group, bad);
        !before && scores.test.harmed()
    }

    pub(crate) fn seen(&self) -> Seen {
        let scores = self.scores.lock();
        Seen {
            experiment: scores.experiment,
            control: scores.control,
            ratio: scores.test.ratio(),
            harmed: scores.test.harmed(),
            unpaired: scores.test.unpaired(),
        }
    }
}
