//! Everything the healer knows. It is changed by applying records and in no other way.

mod conditions;
mod incidents;
mod knowledge;
mod operators;
mod runs;
mod targets;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use indexmap::IndexMap;
use salve_core::Name;
use serde::{Deserialize, Serialize};

pub use knowledge::{Arm, Knowledge, Signature};
pub use operators::{Ledger, Storming, Suspension, Temporary};
pub use targets::{Held, Targets, Watched};

use crate::incident::{Incident, IncidentId, Resolution, Subject};
use crate::kind::{Kind, Severity};
use crate::phase::Spent;
use crate::plan::PlanId;
use crate::record::{Fact, Harm, Record, Scope, Who, Window};
use crate::time::{Time, Wall};

/// Incidents that are not over, at most; more are not opened.
pub const MAX_OPEN: usize = 10_000;
/// Incidents that are over and still known, at most.
pub const MAX_PAST: usize = 4_096;
/// Starts and outcomes that are remembered, at most: as many as the largest limit.
pub(crate) const MAX_MARKS: usize = 10_000;
/// Changes and plans of a dry run that are remembered, at most.
pub(crate) const MAX_NOTES: usize = 1_024;

/// Everything the healer knows: a fold over the journal's records.
///
/// Applying the same records gives the same state, all at once, one by one, or continued from a
/// state that was written and read again. What does not follow from the records before is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub(crate) seq: u64,
    pub(crate) at: Time,
    pub(crate) wall: Wall,
    pub(crate) incidents_opened: u64,
    pub(crate) plans_made: u64,
    pub(crate) targets: Targets,
    pub(crate) incidents: BTreeMap<IncidentId, Incident>,
    pub(crate) past: VecDeque<Past>,
    pub(crate) totals: Totals,
    /// When actions were started, the oldest first.
    pub(crate) starts: VecDeque<Time>,
    /// What came of them, and when that was known.
    pub(crate) outcomes: VecDeque<(Time, bool)>,
    pub(crate) knowledge: Knowledge,
    pub(crate) disabled: bool,
    pub(crate) killed: bool,
    pub(crate) pauses: IndexMap<Name, Scope>,
    pub(crate) windows: IndexMap<Name, Window>,
    pub(crate) storms: Vec<Storming>,
    pub(crate) harm: Option<Harm>,
    pub(crate) suspended: Vec<Suspension>,
    pub(crate) doubt_until: Time,
    /// Since when most witnesses fail.
    pub(crate) blind: Option<Time>,
    /// When they last did no longer.
    pub(crate) sighted: Option<Time>,
    pub(crate) changes: VecDeque<(Time, Name, Name)>,
    pub(crate) temporary: Vec<Temporary>,
    pub(crate) ledger: Ledger,
    pub(crate) hung: VecDeque<PlanId>,
}

/// An incident that is over, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its number.
    pub id: IncidentId,
    /// The number of the incident that it belonged to.
    pub correlation: IncidentId,
    /// What it was about.
    pub subject: Subject,
    /// The class of its target.
    pub class: Option<Name>,
    /// What was wrong.
    pub kind: Kind,
    /// How grave it was.
    pub severity: Severity,
    /// Since when it was wrong.
    pub since: Time,
    /// When it was opened.
    pub opened: Time,
    /// When it ended.
    pub ended: Time,
    /// How.
    pub how: Resolution,
    /// Whether a person was called.
    pub escalated: bool,
    /// How often which action was started.
    pub tried: Vec<(Name, u32)>,
    /// How long it was in which phase.
    pub spent: Spent,
    /// What was changed shortly before.
    pub change: Option<Name>,
}

/// Counters over the life of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Incidents that ended by an action.
    pub repaired: u64,
    /// Incidents that ended without one.
    pub by_itself: u64,
    /// Incidents that a person has ended.
    pub closed: u64,
    /// Incidents for which a person was called.
    pub escalated: u64,
    /// Actions that were started.
    pub started: u64,
    /// Actions that helped, verified and soaked.
    pub succeeded: u64,
    /// Actions that did not.
    pub failed: u64,
    /// Rollbacks that were made.
    pub rolled_back: u64,
    /// Rollbacks that failed.
    pub rollbacks_failed: u64,
    /// Holds that were told.
    pub held: u64,
}

/// A record that does not follow from those before it. The state is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The record's number.
    pub seq: u64,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} was refused: {}", self.seq, self.why)
    }
}

impl std::error::Error for Refused {}

/// What a handler says of a fact: nothing, or why it is refused.
pub(crate) type Applied = Result<(), String>;

pub(crate) fn refuse<T>(why: impl fmt::Display) -> Result<T, String> {
    Err(why.to_string())
}

/// Adds to a list that forgets its oldest.
pub(crate) fn remember<T>(list: &mut VecDeque<T>, item: T, at_most: usize) {
    if list.len() >= at_most {
        list.pop_front();
    }
    list.push_back(item);
}

impl State {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The record that would come next.
    #[must_use]
    pub fn record(
        &self,
        at: Time,
        wall: Wall,
        by: Who,
        why: impl Into<String>,
        fact: Fact,
    ) -> Record {
        Record { seq: self.seq + 1, at: at.max(self.at), wall, by, why: why.into(), fact }
    }

    /// Takes a record in.
    ///
    /// # Errors
    /// If it does not follow from what is known: a number is missing, time runs backwards, an
    /// incident may not go there, a plan is not approved, ... The state is then as it was.
    pub fn apply(&mut self, record: &Record) -> Result<(), Refused> {
        let refused = |why: String| Refused { seq: record.seq, why };
        if record.seq != self.seq + 1 {
            return Err(refused(format!("record {} has to come next", self.seq + 1)));
        }
        if record.at < self.at {
            return Err(refused("time runs backwards".to_owned()));
        }
        self.take(record).map_err(refused)?;
        self.seq = record.seq;
        self.at = record.at;
        self.wall = record.wall;
        Ok(())
    }

    /// Every handler checks all it needs before it changes anything.
    fn take(&mut self, record: &Record) -> Applied {
        let Record { at, by, fact, .. } = record;
        let at = *at;
        match fact {
            Fact::Started { .. } => self.healer_started(at),
            Fact::TargetSet(target) => self.set_target(target, at),
            Fact::TargetRemoved(name) => self.remove_target(name),
            Fact::Observed { target, condition } => self.observe(target, *condition, at),
            Fact::ChangeSeen { target, what } => self.see_change(target, what, at),
            Fact::StoodStill { until, .. } => self.doubt(*until),
            Fact::Blinded { .. } => self.go_blind(at),
            Fact::Sighted { until } => self.see_again(*until, at),
            Fact::Discredited(witness) => self.discredit(witness),
            Fact::Trusted(witness) => self.trust(witness),

            Fact::Opened(opening) => self.open(opening, at),
            Fact::Raised { incident, severity, evidence } => {
                self.raise(*incident, *severity, *evidence)
            }
            Fact::Cleared(incident) => self.clear(*incident),
            Fact::Resolved { incident, how } => self.resolve(*incident, *how, by, at),
            Fact::Escalated { incident, reason } => self.escalate(*incident, *reason, at),
            Fact::Acknowledged(incident) => self.acknowledge(*incident, by, at),
            Fact::Overdue(incident) => self.tell_overdue(*incident),
            Fact::Held { incident, reason } => self.hold(*incident, reason),

            Fact::Planned(plan) => self.plan(plan, at),
            Fact::Approved { plan, digest } => self.approve(*plan, *digest, by, at),
            Fact::Dropped { plan, reason } => self.drop_plan(*plan, *reason, at),
            Fact::Leased { target, holder, ours, until } => {
                self.lease(target, holder, *ours, *until)
            }
            Fact::ActionStarted { plan, digest, token, before } => {
                self.start(*plan, *digest, *token, before, at)
            }
            Fact::ActionFinished { plan, result } => self.finish(*plan, result, at),
            Fact::Hung(plan) => self.hang(*plan),
            Fact::Freed(plan) => self.free(*plan),
            Fact::Verified { plan, verdict } => self.verify(*plan, *verdict, at),
            Fact::Soaked { plan, held } => self.soak(*plan, *held, at),
            Fact::RollbackStarted(plan) => self.start_rollback(*plan),
            Fact::RollbackFinished { plan, ok } => self.finish_rollback(*plan, *ok, at),
            Fact::TakingBack(plan) => self.take_back(*plan),
            Fact::Expired { plan, ok } => self.expire(*plan, *ok),
            Fact::Learned { incident, proof, prior, keep } => {
                self.learn(*incident, proof, *prior, *keep, at)
            }

            Fact::Disabled => self.disable(),
            Fact::Enabled => self.enable(by),
            Fact::Paused { holder, scope } => self.pause(holder, scope),
            Fact::Resumed(holder) => self.resume(holder, by),
            Fact::WindowSet(window) => self.set_window(window, at),
            Fact::WindowRemoved(name) => self.remove_window(name),
            Fact::Forced { incident, force } => self.force(*incident, force, by),
            Fact::AbortAsked(plan) => self.ask_abort(*plan, by),
            Fact::RollbackAsked(plan) => self.ask_rollback(*plan, by, at),
            Fact::Unblocked(target) => self.unblock(target, by),

            Fact::KillSwitchTripped { .. } => self.trip_kill_switch(),
            Fact::KillSwitchReset => self.reset_kill_switch(by),
            Fact::StormBegan { scope, .. } => self.begin_storm(scope, at),
            Fact::StormEnded(scope) => self.end_storm(scope),
            Fact::Harmed(harm) => self.harm(harm, at),
            Fact::HarmEnded => self.end_harm(),
            Fact::Suspended { signature, action, until } => self.suspend(signature, action, *until),
            Fact::Reinstated(action) => self.reinstate(action, by),
            Fact::Settled(target) => self.settle(target),
        }
    }

    /// The number of the last record.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The time of the last record, in the healer's time and as a date, to go on from.
    #[must_use]
    pub fn last(&self) -> Option<(Time, Wall)> {
        (self.seq > 0).then_some((self.at, self.wall))
    }

    /// The targets, and how they are.
    #[must_use]
    pub const fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Incidents that are not over, the oldest first.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// An incident that is not over.
    #[must_use]
    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.get(&id)
    }

    /// The incident that follows this plan.
    #[must_use]
    pub fn incident_of(&self, plan: PlanId) -> Option<&Incident> {
        self.incidents.values().find(|it| it.plan().is_some_and(|known| known.id == plan))
    }

    /// Incidents that are over, the oldest first; the last [`MAX_PAST`].
    pub fn past(&self) -> impl Iterator<Item = &Past> {
        self.past.iter()
    }

    /// Counters over the life of the journal.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// What is known of actions.
    #[must_use]
    pub const fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// Whether a person has switched automatic repair off.
    #[must_use]
    pub const fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// Whether too many repairs have failed.
    #[must_use]
    pub const fn is_killed(&self) -> bool {
        self.killed
    }

    /// Who has paused what.
    pub fn pauses(&self) -> impl Iterator<Item = (&Name, &Scope)> {
        self.pauses.iter()
    }

    /// Maintenance windows that were announced, also those that are over.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.windows.values()
    }

    /// What fails together.
    #[must_use]
    pub fn storms(&self) -> &[Storming] {
        &self.storms
    }

    /// What got worse after an action.
    #[must_use]
    pub const fn harmed(&self) -> Option<&Harm> {
        self.harm.as_ref()
    }

    /// Since when most witnesses fail, so that the healer does not believe what it sees.
    #[must_use]
    pub const fn blind_since(&self) -> Option<Time> {
        self.blind
    }

    /// Whether what is seen now is not believed.
    pub(crate) fn is_in_doubt(&self, now: Time) -> bool {
        self.blind.is_some() || now < self.doubt_until
    }

    /// Actions that are not used for a while.
    #[must_use]
    pub fn suspensions(&self) -> &[Suspension] {
        &self.suspended
    }

    /// What would have been done, had the rules not been on trial.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Changes that are to be taken back.
    #[must_use]
    pub fn temporary(&self) -> &[Temporary] {
        &self.temporary
    }

    /// Plans whose actions hang, as far as is known.
    pub fn hung(&self) -> impl Iterator<Item = PlanId> {
        self.hung.iter().copied()
    }
}
