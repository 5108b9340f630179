//! What is known of targets: where they stand, how they are, and what was done to them.

use std::collections::VecDeque;

use indexmap::IndexMap;
use salve_core::{Cycle, Name, Topology};
use serde::{Deserialize, Serialize};

use crate::incident::IncidentId;
use crate::target::{Condition, Target};
use crate::time::Time;

/// All targets, in the order in which they came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Watched>", into = "Vec<Watched>")]
pub struct Targets {
    known: IndexMap<Name, Watched>,
    topology: Topology,
}

/// A target and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The target.
    pub target: Target,
    /// It rises with each change of the target; plans for an earlier one are stale.
    pub generation: u64,
    /// How it is.
    pub condition: Condition,
    /// Since when.
    pub since: Time,
    /// When it last came up after it was down.
    pub came_up: Option<Time>,
    /// When its checks began to fail, if it has not come up since.
    pub ill_since: Option<Time>,
    /// When it went down, if it has not come up since.
    pub down_since: Option<Time>,
    /// When it went up or down, the oldest first.
    pub turns: VecDeque<Time>,
    /// When actions were started, the oldest first.
    pub starts: VecDeque<Time>,
    /// Attempts since it was last stable.
    pub streak: u32,
    /// The wait before the last of them.
    pub last_delay: std::time::Duration,
    /// When its last repair ended, and whether it helped.
    pub repaired: Option<(Time, bool)>,
    /// The escalated incident that nobody has acknowledged.
    pub blocked: Option<IncidentId>,
    /// Whether a rollback has failed.
    pub rollback_failed: bool,
    /// Of a witness: whether it has failed for so long that it is no longer believed.
    #[serde(default)]
    pub discredited: bool,
    /// The highest token that an action has shown; lower ones are refused.
    pub token: u64,
    /// Who has the right to act on it.
    pub lease: Option<Held>,
}

/// A lease that somebody has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who.
    pub holder: Name,
    /// Whether that is this healer.
    pub ours: bool,
    /// Until when.
    pub until: Time,
}

impl Watched {
    fn new(target: Target, at: Time) -> Self {
        Self {
            target,
            generation: 1,
            condition: Condition::Unknown,
            since: at,
            came_up: None,
            ill_since: None,
            down_since: None,
            turns: VecDeque::new(),
            starts: VecDeque::new(),
            streak: 0,
            last_delay: std::time::Duration::ZERO,
            repaired: None,
            blocked: None,
            rollback_failed: false,
            discredited: false,
            token: 0,
            lease: None,
        }
    }

    /// Its group.
    #[must_use]
    pub const fn group(&self) -> Option<&Name> {
        self.target.place.group.as_ref()
    }
}

impl Watched {
    /// How often it has gone up or down within this time.
    #[must_use]
    pub fn turns_within(&self, now: Time, within: std::time::Duration) -> u32 {
        self.turns.iter().filter(|at| now.since(**at) <= within).count() as u32
    }
}

impl Targets {
    /// A target.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Watched> {
        self.known.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Watched> {
        self.known.get_mut(name)
    }

    /// Every target.
    pub fn iter(&self) -> impl Iterator<Item = &Watched> {
        self.known.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Watched> {
        self.known.values_mut()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Who needs whom.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Every target that may be repaired: all but the witnesses.
    pub fn patients(&self) -> impl Iterator<Item = &Watched> {
        self.iter().filter(|it| !it.target.witness)
    }

    /// What tells the healer whether it sees at all.
    pub fn witnesses(&self) -> impl Iterator<Item = &Watched> {
        self.iter().filter(|it| it.target.witness)
    }

    /// The members of a group.
    pub fn members<'a>(&'a self, group: &'a Name) -> impl Iterator<Item = &'a Watched> {
        self.known.values().filter(move |it| it.group() == Some(group))
    }

    /// Adds a target or changes one; what is known of it stays.
    pub(super) fn set(&mut self, target: Target, at: Time) -> Result<(), Cycle> {
        self.topology.set(target.name.clone(), target.place.clone())?;
        match self.known.get_mut(target.name.as_str()) {
            Some(known) => {
                known.generation += 1;
                known.target = target;
            }
            None => {
                self.known.insert(target.name.clone(), Watched::new(target, at));
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.topology.remove(name);
        self.known.shift_remove(name).is_some()
    }
}

/// The graph follows from the targets; in what order it was built does not matter.
impl PartialEq for Targets {
    fn eq(&self, other: &Self) -> bool {
        self.known.values().eq(other.known.values())
    }
}

impl Eq for Targets {}

impl From<Targets> for Vec<Watched> {
    fn from(targets: Targets) -> Self {
        targets.known.into_values().collect()
    }
}

impl TryFrom<Vec<Watched>> for Targets {
    type Error = Cycle;

    fn try_from(all: Vec<Watched>) -> Result<Self, Cycle> {
        let mut targets = Self::default();
        for watched in all {
            let name = watched.target.name.clone();
            targets.topology.set(name.clone(), watched.target.place.clone())?;
            targets.known.insert(name, watched);
        }
        Ok(targets)
    }
}
