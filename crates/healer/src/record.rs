//! What is written down: who did what, when and why. The state is nothing but these, applied.

use std::fmt;
use std::time::Duration;

use salve_core::{Name, Ratio};
use serde::{Deserialize, Serialize};

use crate::action::{ActionResult, Captured, Verdict};
use crate::hold::HoldReason;
use crate::incident::{Force, IncidentId, Opening, Proof, Resolution, Subject};
use crate::kind::{Evidence, Severity};
use crate::plan::{Digest, Plan, PlanId};
use crate::posterior::Prior;
use crate::state::Signature;
use crate::target::{Condition, Target};
use crate::time::{Time, Wall};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1 without a gap.
    pub seq: u64,
    /// When, in the healer's time.
    pub at: Time,
    /// When, for people.
    pub wall: Wall,
    /// Who.
    pub by: Who,
    /// Why, in plain words.
    pub why: String,
    /// What.
    pub fact: Fact,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The healer itself.
    Healer,
    /// A person.
    Person(Name),
    /// Another program, such as whoever watches or reports.
    Program(Name),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healer => f.write_str("the healer"),
            Self::Person(name) => write!(f, "{name}"),
            Self::Program(name) => write!(f, "program {name}"),
        }
    }
}

/// What a pause or a window covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    All,
    /// One target.
    Target(Name),
    /// A group.
    Group(Name),
    /// All targets of a class.
    Class(Name),
}

impl Scope {
    /// Whether it covers this target.
    #[must_use]
    pub fn covers(&self, target: &Target) -> bool {
        match self {
            Self::All => true,
            Self::Target(name) => *name == target.name,
            Self::Group(group) => target.place.group.as_ref() == Some(group),
            Self::Class(class) => *class == target.class,
        }
    }
}

/// A time in which nothing is started. Windows that overlap are as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its name; a second window of that name takes its place.
    pub name: Name,
    /// What it covers.
    pub scope: Scope,
    /// When it begins.
    pub from: Time,
    /// When it ends; it is then already over.
    pub until: Time,
}

/// Why a person has to look at an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escalation {
    /// Everything that could be tried was tried.
    ChainExhausted,
    /// There is nothing that could be tried, or that may be.
    NothingToTry,
    /// Nobody can tell whether an action helped.
    Inconclusive,
    /// Nobody knows what an action did, and it must not be repeated.
    UnknownEffect,
    /// An action could not be undone.
    RollbackFailed,
    /// It is no matter of a single target.
    NotOneTarget,
}

impl Escalation {
    /// Whether nothing else is done to the target until somebody has looked.
    #[must_use]
    pub const fn blocks_target(self) -> bool {
        !matches!(self, Self::NothingToTry | Self::NotOneTarget)
    }
}

/// Why a plan is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// A person has said no.
    Denied,
    /// Nobody has said yes in time.
    Expired,
    /// The target was changed since it was made.
    Stale,
    /// The settings no longer allow it, or no longer know the action.
    NotAllowed,
}

/// Things that got worse after an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harm {
    /// The plan after which they did.
    pub plan: PlanId,
    /// Who has failed since, of those that the target could have taken with it.
    pub failed: Vec<Name>,
    /// How many of them would have been expected to, as others fail.
    pub expected: u64,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// A healer began to work on this journal. What it knew of conditions is void, and what ran
    /// is interrupted.
    Started {
        /// Which healer.
        healer: Name,
    },
    /// A target is there, or was changed.
    TargetSet(Target),
    /// A target is gone.
    TargetRemoved(Name),
    /// A target's condition has changed.
    Observed {
        /// The target.
        target: Name,
        /// How it is now.
        condition: Condition,
    },
    /// Something was changed on purpose, such as by a deployment.
    ChangeSeen {
        /// At which target.
        target: Name,
        /// What.
        what: Name,
    },
    /// The healer itself stood still.
    StoodStill {
        /// How long.
        gap: Duration,
        /// Until when it does not trust what it saw.
        until: Time,
    },

    /// Most witnesses fail: what is seen of the targets is worth nothing.
    Blinded {
        /// Which.
        witnesses: Vec<Name>,
    },
    /// They no longer do.
    Sighted {
        /// Until when targets are looked at again.
        until: Time,
    },
    /// A witness has failed for so long that it is no longer believed.
    Discredited(Name),
    /// It has passed, and is believed again.
    Trusted(Name),

    /// An incident was opened.
    Opened(Opening),
    /// It is graver or surer than it was, or was reported again after it was cleared.
    Raised {
        /// The incident.
        incident: IncidentId,
        /// How grave it is now.
        severity: Severity,
        /// How sure it is now.
        evidence: Evidence,
    },
    /// Whoever reported it says that it is over.
    Cleared(IncidentId),
    /// It ended.
    Resolved {
        /// The incident.
        incident: IncidentId,
        /// How.
        how: Resolution,
    },
    /// A person has to look at it.
    Escalated {
        /// The incident.
        incident: IncidentId,
        /// Why.
        reason: Escalation,
    },
    /// A person has looked at an escalated incident; it ends, and its target may be repaired again.
    Acknowledged(IncidentId),
    /// It takes longer than it should.
    Overdue(IncidentId),
    /// Nothing is done for it.
    Held {
        /// The incident.
        incident: IncidentId,
        /// Why.
        reason: HoldReason,
    },

    /// It was decided what to do.
    Planned(Box<Plan>),
    /// A person has said yes to exactly this plan.
    Approved {
        /// The plan.
        plan: PlanId,
        /// Its digest.
        digest: Digest,
    },
    /// A plan is not carried out.
    Dropped {
        /// The plan.
        plan: PlanId,
        /// Why.
        reason: DropReason,
    },
    /// The lease was granted, or somebody else has it.
    Leased {
        /// The target.
        target: Name,
        /// Who has it.
        holder: Name,
        /// Whether that is this healer.
        ours: bool,
        /// Until when.
        until: Time,
    },
    /// The action is about to have its first effect. Durable before it has.
    ActionStarted {
        /// The plan.
        plan: PlanId,
        /// Its digest.
        digest: Digest,
        /// The token of the lease.
        token: u64,
        /// Evidence, and the state before.
        before: Captured,
    },
    /// The action has ended.
    ActionFinished {
        /// The plan.
        plan: PlanId,
        /// How.
        result: ActionResult,
    },
    /// The action was told to end and goes on all the same: it hangs.
    Hung(PlanId),
    /// An action that hung has ended, be it with its program.
    Freed(PlanId),
    /// It was found out whether it helped.
    Verified {
        /// The plan.
        plan: PlanId,
        /// The result.
        verdict: Verdict,
    },
    /// The time of watching is over.
    Soaked {
        /// The plan.
        plan: PlanId,
        /// Whether it has lasted.
        held: bool,
    },
    /// The rollback is about to have its first effect. Durable before it has.
    RollbackStarted(PlanId),
    /// The rollback has ended.
    RollbackFinished {
        /// The plan.
        plan: PlanId,
        /// Whether all is as it was.
        ok: bool,
    },
    /// A temporary change is about to be taken back. Durable before it is.
    TakingBack(PlanId),
    /// A temporary change was taken back.
    Expired {
        /// The plan that made it.
        plan: PlanId,
        /// Whether all is as it was.
        ok: bool,
    },
    /// What was proved is learned.
    Learned {
        /// In which incident.
        incident: IncidentId,
        /// What was proved.
        proof: Proof,
        /// What was thought of the action before anything was known.
        prior: Prior,
        /// How much of what is known of the same kind and class is kept.
        keep: Ratio,
    },

    /// Automatic repair was switched off.
    Disabled,
    /// And on again.
    Enabled,
    /// It was paused; each name lifts its own pause.
    Paused {
        /// Who or what for.
        holder: Name,
        /// What is covered.
        scope: Scope,
    },
    /// A pause was lifted.
    Resumed(Name),
    /// A maintenance window was announced.
    WindowSet(Window),
    /// It was called off.
    WindowRemoved(Name),
    /// A person orders an action.
    Forced {
        /// For which incident.
        incident: IncidentId,
        /// What.
        force: Force,
    },
    /// A person wants a running action to end.
    AbortAsked(PlanId),
    /// A person wants an action undone that is being watched.
    RollbackAsked(PlanId),
    /// A person lifts the cool-down of a target, and what blocks it after a failed rollback.
    Unblocked(Name),

    /// Too many repairs have failed; automatic repair is off.
    KillSwitchTripped {
        /// How many of the last outcomes were failures.
        failures: u64,
        /// How many outcomes there were.
        outcomes: u64,
    },
    /// A person has switched it on again.
    KillSwitchReset,
    /// Many fail together.
    StormBegan {
        /// Who.
        scope: Subject,
        /// How many.
        failing: u64,
    },
    /// They no longer do.
    StormEnded(Subject),
    /// Things got worse after an action.
    Harmed(Harm),
    /// They are as before, or a person has looked.
    HarmEnded,
    /// An action that does not help is not used for this kind and class.
    Suspended {
        /// For incidents like these.
        signature: Signature,
        /// The action.
        action: Name,
        /// Until when.
        until: Time,
    },
    /// A person allows a suspended action again, wherever it was suspended.
    Reinstated(Name),
    /// A target has been stable for long enough that past attempts no longer slow it down.
    Settled(Name),
}
