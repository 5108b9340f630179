//! Applies what is learned: for each kind and class, how well each action does.

use std::collections::VecDeque;
use std::time::Duration;

use indexmap::IndexMap;
use salve_core::{Name, Ratio};
use serde::{Deserialize, Serialize};

use super::{Applied, MAX_MARKS, State, refuse, remember};
use crate::incident::{IncidentId, Proof};
use crate::kind::Kind;
use crate::posterior::{Prior, Seen};
use crate::time::Time;

/// Durations of an action that are remembered; by their median a try is judged.
const MAX_TIMES: usize = 32;
/// Different kinds and classes, and actions of each, that are known at most.
const MAX_ARMS: usize = 4_096;

/// What incidents have in common that are healed alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// What is wrong.
    pub kind: Kind,
    /// With what.
    pub class: Name,
}

/// What is known of one action for incidents of one signature.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// What was seen, the older the less it counts.
    pub seen: Seen,
    /// What was thought before.
    pub prior: Prior,
    /// How often it has helped.
    pub successes: u64,
    /// How often it has not.
    pub failures: u64,
    /// Targets at which it has failed since it last helped anywhere, each once.
    pub failed_at: Vec<Name>,
    /// When it last failed.
    pub failed_last: Time,
    /// How long it took until it had helped, the last times.
    pub times: VecDeque<Duration>,
    /// How long it took until it was known that it had not, the last times.
    pub lost: VecDeque<Duration>,
}

impl Arm {
    /// How long it usually takes until it has helped: the median of the last times.
    #[must_use]
    pub fn usual(&self) -> Option<Duration> {
        median(&self.times)
    }

    /// How long it usually takes until it is known that it has not: the median of the last times.
    #[must_use]
    pub fn usually_lost(&self) -> Option<Duration> {
        median(&self.lost)
    }
}

fn median(times: &VecDeque<Duration>) -> Option<Duration> {
    let mut times: Vec<_> = times.iter().copied().collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// What is known of actions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Knowledge(IndexMap<Signature, IndexMap<Name, Arm>>);

/// Maps are written as lists, since their keys are no text.
type Written = Vec<(Signature, IndexMap<Name, Arm>)>;

impl From<Written> for Knowledge {
    fn from(written: Written) -> Self {
        Self(written.into_iter().collect())
    }
}

impl From<Knowledge> for Written {
    fn from(knowledge: Knowledge) -> Self {
        knowledge.0.into_iter().collect()
    }
}

impl Knowledge {
    /// What is known of an action for this signature.
    #[must_use]
    pub fn arm(&self, signature: &Signature, action: &str) -> Option<&Arm> {
        self.0.get(signature)?.get(action)
    }

    /// Everything that is known.
    pub fn arms(&self) -> impl Iterator<Item = (&Signature, &Name, &Arm)> {
        let all = self.0.iter();
        all.flat_map(|(signature, arms)| arms.iter().map(move |(name, arm)| (signature, name, arm)))
    }

    fn learn(
        &mut self,
        signature: Signature,
        target: &Name,
        learned: &Proof,
        prior: Prior,
        keep: Ratio,
        at: Time,
    ) {
        if self.0.len() >= MAX_ARMS && !self.0.contains_key(&signature) {
            self.0.shift_remove_index(0);
        }
        let arms = self.0.entry(signature).or_default();
        // What is known of the others grows old as well, or they would never be tried again.
        arms.values_mut().for_each(|arm| arm.seen.fade(keep));
        let arm = arms.entry(learned.action.clone()).or_default();
        arm.prior = prior;
        arm.seen.add(learned.success);
        let times = if learned.success { &mut arm.times } else { &mut arm.lost };
        remember(times, learned.took, MAX_TIMES);
        if learned.success {
            arm.successes += 1;
            arm.failed_at.clear();
        } else {
            arm.failures += 1;
            arm.failed_last = at;
            if arm.failed_at.len() < MAX_TIMES && !arm.failed_at.contains(target) {
                arm.failed_at.push(target.clone());
            }
        }
    }

    pub(super) fn forget_failures(&mut self, signature: &Signature, action: &str) {
        let arm = self.0.get_mut(signature).and_then(|arms| arms.get_mut(action));
        if let Some(arm) = arm {
            arm.failed_at.clear();
        }
    }
}

impl State {
    pub(super) fn learn(
        &mut self,
        id: IncidentId,
        learned: &Proof,
        prior: Prior,
        keep: Ratio,
        at: Time,
    ) -> Applied {
        let Some(signature) = self.signature(id) else {
            return refuse(format_args!("{id} is not about a target"));
        };
        let incident = self.incident_mut(id)?;
        if incident.unlearned.as_ref() != Some(learned) {
            return refuse(format_args!("{id} has not proved that"));
        }
        incident.unlearned = None;
        let Some(target) = incident.opening.subject.target().cloned() else {
            return refuse(format_args!("{id} is not about a target"));
        };
        self.knowledge.learn(signature, &target, learned, prior, keep, at);
        remember(&mut self.outcomes, (at, learned.success), MAX_MARKS);
        if learned.success {
            self.totals.succeeded += 1;
        } else {
            self.totals.failed += 1;
        }
        Ok(())
    }

    /// What an open incident has in common with others that are healed alike.
    #[must_use]
    pub fn signature(&self, id: IncidentId) -> Option<Signature> {
        let opening = &self.incidents.get(&id)?.opening;
        let watched = self.targets.get(opening.subject.target()?.as_str())?;
        Some(Signature { kind: opening.kind.clone(), class: watched.target.class.clone() })
    }
}
