//! Why nothing is done: every refusal of a gate, typed and in plain words.

use std::fmt;

use salve_core::Name;
use serde::{Deserialize, Serialize};

use crate::incident::{IncidentId, Subject};
use crate::plan::PlanId;
use crate::target::Condition;
use crate::time::Time;

/// An incident for which nothing is done now, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The incident.
    pub incident: IncidentId,
    /// Why.
    pub reason: HoldReason,
}

/// Why nothing is done now. The variants stand in the order of the gates.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
#[non_exhaustive]
pub enum HoldReason {
    /// Automatic repair is switched off, by the settings or by a person.
    Disabled,
    /// It is paused; all of these have to lift their pause.
    Paused {
        /// Who has paused it.
        by: Vec<Name>,
    },
    /// Maintenance is going on.
    Maintenance {
        /// The window.
        window: Name,
        /// When it ends.
        until: Time,
    },
    /// It is not known how the target is, and what is not known is not repaired by force.
    NotKnown {
        /// What is known.
        condition: Condition,
    },
    /// A detector is suspicious, but no probe fails: not enough for an action that can do harm.
    OneSignal,
    /// A detector is suspicious, and it is not known yet whether that lasts.
    Suspicion {
        /// Until when.
        until: Time,
    },
    /// It was convicted, but is well now that it was looked at once more, right before the action.
    LooksWell {
        /// When it is looked at again, if it is still convicted then.
        until: Time,
    },
    /// The healer stood still or was blind a moment ago, and does not trust what it saw.
    SelfDoubt {
        /// Until it has looked again.
        until: Time,
    },
    /// Most witnesses fail: the healer does not see, or sees only itself.
    Blind {
        /// Which.
        witnesses: Vec<Name>,
        /// When they are no longer believed.
        until: Time,
    },
    /// Something that the target needs is down, or was until a moment ago.
    Dependency {
        /// The root of the failure.
        cause: Name,
    },
    /// Many fail together; no single one of them is to blame.
    Storm {
        /// Who fails together.
        scope: Subject,
    },
    /// The action would take down the last member that works.
    LastHealthy {
        /// Of which group.
        group: Name,
    },
    /// The action would stop what works, and others that are not down cannot do without it.
    ReliedOn {
        /// One of those that rely on it.
        by: Name,
    },
    /// Too few members would be left.
    MinHealthy {
        /// Of which group.
        group: Name,
        /// How many work now.
        healthy: u64,
        /// How many have to.
        required: u64,
    },
    /// As many members are being repaired as may be at once.
    MaxUnavailable {
        /// Of which group.
        group: Name,
        /// How many may be.
        limit: u64,
    },
    /// Members in another failure domain are being repaired.
    OtherDomain {
        /// The group.
        group: Name,
        /// The domain where work is going on.
        domain: Name,
    },
    /// The action takes capacity away from a group that has another incident.
    CapacityNeeded {
        /// The other incident.
        incident: IncidentId,
    },
    /// The target, or its group, was repaired a moment ago.
    Cooldown {
        /// Whose it is.
        of: Name,
        /// When it ends.
        until: Time,
    },
    /// The target fails and recovers again and again.
    Flapping {
        /// How often it has changed.
        transitions: u32,
    },
    /// The last incident of this target was escalated and nobody has acknowledged it.
    NotAcknowledged {
        /// That incident.
        incident: IncidentId,
    },
    /// A rollback at this target has failed.
    RollbackFailed,
    /// The next attempt is not due yet.
    Backoff {
        /// When it is.
        until: Time,
    },
    /// The target has had its actions for this hour.
    TargetRate {
        /// How many it may have.
        limit: u32,
        /// When the next is free.
        until: Time,
    },
    /// All targets together have had their actions for this hour.
    TotalRate {
        /// How many there may be.
        limit: u32,
        /// When the next is free.
        until: Time,
    },
    /// Starts are spread; too many were started within the last second.
    Pace {
        /// When the next may start.
        until: Time,
    },
    /// As many repairs are under way as may be at once.
    Concurrency {
        /// How many may be.
        limit: u32,
    },
    /// The target is being repaired already.
    TargetBusy {
        /// For this incident.
        incident: IncidentId,
    },
    /// Too many repairs have failed; a person has to switch it on again.
    KillSwitch,
    /// Things got worse after an action; the rest waits.
    Regression {
        /// The plan after which they did.
        plan: PlanId,
    },
    /// A person has to approve the plan.
    Approval {
        /// The plan.
        plan: PlanId,
        /// After that, silence is a no.
        until: Time,
    },
    /// Another healer has the right to act on the target.
    Lease {
        /// Which one.
        holder: Name,
        /// How long it has it.
        until: Time,
    },
    /// Rules are on trial: it was written down what would have been done.
    ObserveOnly,
    /// What is left of the chain is forbidden or suspended.
    NothingAllowed,
    /// The journal cannot be written, and nothing is done that is not written down before.
    NotRecorded,
}

impl HoldReason {
    /// When this reason ends by itself, if it does.
    #[must_use]
    pub const fn until(&self) -> Option<Time> {
        match self {
            Self::Maintenance { until, .. }
            | Self::SelfDoubt { until }
            | Self::Blind { until, .. }
            | Self::Suspicion { until }
            | Self::LooksWell { until }
            | Self::Cooldown { until, .. }
            | Self::Backoff { until }
            | Self::TargetRate { until, .. }
            | Self::TotalRate { until, .. }
            | Self::Pace { until }
            | Self::Approval { until, .. }
            | Self::Lease { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// Whether it is the same reason, numbers and times aside. Only a new reason is worth a record.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("automatic repair is switched off"),
            Self::Paused { by } => {
                f.write_str("paused by ")?;
                list(f, by)
            }
            Self::Maintenance { window, .. } => write!(f, "maintenance `{window}` is going on"),
            Self::NotKnown { condition } => write!(f, "the target is {condition}"),
            Self::OneSignal => f.write_str("a detector is suspicious, but no probe fails"),
            Self::Suspicion { .. } => {
                f.write_str("a detector is suspicious for a short while only")
            }
            Self::LooksWell { .. } => {
                f.write_str("the target is well now that it is looked at again")
            }
            Self::SelfDoubt { .. } => {
                f.write_str("the healer stood still or was blind, and looks again first")
            }
            Self::Blind { witnesses, .. } => {
                f.write_str("the healer is blind: it does not see ")?;
                list(f, witnesses)
            }
            Self::Dependency { cause } => write!(f, "the failure is explained by `{cause}`"),
            Self::Storm { scope } => write!(f, "many fail together: {scope}"),
            Self::LastHealthy { group } => {
                write!(f, "the target is the last healthy member of `{group}`")
            }
            Self::ReliedOn { by } => write!(f, "the target works, and `{by}` needs it"),
            Self::MinHealthy { group, healthy, required } => write!(
                f,
                "`{group}` has {healthy} healthy members and must keep {required} without the target"
            ),
            Self::MaxUnavailable { group, limit } => {
                write!(f, "{limit} of `{group}` may be under repair at once, and are")
            }
            Self::OtherDomain { group, domain } => {
                write!(f, "`{group}` is being repaired in domain `{domain}`")
            }
            Self::CapacityNeeded { incident } => {
                write!(f, "the group needs its capacity for {incident}")
            }
            Self::Cooldown { of, .. } => write!(f, "`{of}` was repaired a moment ago"),
            Self::Flapping { transitions } => {
                write!(f, "the target has changed {transitions} times in a short while")
            }
            Self::NotAcknowledged { incident } => {
                write!(f, "{incident} was escalated and is not acknowledged")
            }
            Self::RollbackFailed => f.write_str("a rollback at the target has failed"),
            Self::Backoff { .. } => f.write_str("the next attempt is not due yet"),
            Self::TargetRate { limit, .. } => {
                write!(f, "the target has had {limit} actions within the time that limits them")
            }
            Self::TotalRate { limit, .. } => {
                write!(f, "there were {limit} actions within the time that limits them")
            }
            Self::Pace { .. } => f.write_str("starts are spread over time"),
            Self::Concurrency { limit } => write!(f, "{limit} repairs are under way"),
            Self::TargetBusy { incident } => {
                write!(f, "the target is being repaired for {incident}")
            }
            Self::KillSwitch => f.write_str("too many repairs have failed"),
            Self::Regression { plan } => write!(f, "things got worse after {plan}"),
            Self::Approval { plan, .. } => write!(f, "{plan} waits for an approval"),
            Self::Lease { holder, .. } => write!(f, "`{holder}` holds the lease of the target"),
            Self::ObserveOnly => f.write_str("rules are on trial, nothing is carried out"),
            Self::NothingAllowed => f.write_str("what is left of the chain is not allowed"),
            Self::NotRecorded => f.write_str("the journal cannot be written"),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, names: &[Name]) -> fmt::Result {
    names
        .iter()
        .enumerate()
        .try_for_each(|(nth, name)| write!(f, "{}`{name}`", if nth == 0 { "" } else { ", " }))
}
