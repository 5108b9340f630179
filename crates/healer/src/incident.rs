//! An incident: something is wrong with a target, and what has been done about it.

use std::fmt;
use std::time::Duration;

use salve_core::Name;
use serde::{Deserialize, Serialize};

use crate::action::{ActionResult, Captured};
use crate::hold::HoldReason;
use crate::kind::{Evidence, Kind, Severity};
use crate::phase::{Phase, Spent};
use crate::plan::{Plan, PlanId};
use crate::record::{Escalation, Who};
use crate::time::Time;

/// The number of an incident, counted from 1 over the life of a journal.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "incident-{}", self.0)
    }
}

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// One target.
    Target(Name),
    /// Many of a group together; nothing is run for it, people are told.
    Group(Name),
    /// Many targets together, whatever their group.
    Everything,
}

impl Subject {
    /// The target, if it is one.
    #[must_use]
    pub const fn target(&self) -> Option<&Name> {
        if let Self::Target(name) = self { Some(name) } else { None }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(name) => write!(f, "`{name}`"),
            Self::Group(name) => write!(f, "group `{name}`"),
            Self::Everything => f.write_str("everything"),
        }
    }
}

/// How an incident begins: all that is known when it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Its number.
    pub id: IncidentId,
    /// The number of the incident that this one belongs to: its cause's, its storm's, or its own.
    pub correlation: IncidentId,
    /// What it is about.
    pub subject: Subject,
    /// What is wrong.
    pub kind: Kind,
    /// How grave it is.
    pub severity: Severity,
    /// How sure it is.
    pub evidence: Evidence,
    /// By what it is known again: one incident however often it is reported.
    pub fingerprint: Name,
    /// Since when it is wrong, as far as is known.
    pub since: Time,
    /// What was changed at the target or at what it needs shortly before, such as a deployment.
    pub change: Option<Name>,
    /// Whether the target's condition says if it is over; otherwise whoever reported it does.
    pub follows_condition: bool,
}

/// An incident that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// How it began; kind, severity and evidence may have risen since.
    pub opening: Opening,
    /// When it was opened.
    pub opened: Time,
    /// Where it stands.
    pub phase: Phase,
    /// Since when it stands there.
    pub phase_since: Time,
    /// How long it has been in which phase.
    pub spent: Spent,
    /// Whether the reporter has said that it is over.
    pub cleared: bool,
    /// What has been tried, in the order of the first try.
    pub tried: Vec<Tried>,
    /// The plan that is being followed.
    pub run: Option<Run>,
    /// What has been proved, or refuted, and is not yet learned.
    pub unlearned: Option<Proof>,
    /// Why nothing was done when that was last told.
    pub hold: Option<HoldReason>,
    /// An operator's order to run an action.
    pub force: Option<Force>,
    /// Why a person has to look at it.
    pub needs_human: Option<Escalation>,
    /// Whether it was told that it takes too long.
    pub overdue: bool,
    /// Whether it is told what would have been done, instead of doing it.
    pub shadowed: bool,
    /// When the first action began.
    pub first_action: Option<Time>,
}

impl Incident {
    pub(crate) const fn new(opening: Opening, at: Time) -> Self {
        Self {
            opening,
            opened: at,
            phase: Phase::Open,
            phase_since: at,
            spent: Spent::ZERO,
            cleared: false,
            tried: Vec::new(),
            run: None,
            unlearned: None,
            hold: None,
            force: None,
            needs_human: None,
            overdue: false,
            shadowed: false,
            first_action: None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> IncidentId {
        self.opening.id
    }

    /// What was tried of this action.
    #[must_use]
    pub fn tried(&self, action: &str) -> Option<&Tried> {
        self.tried.iter().find(|tried| tried.action == action)
    }

    /// The plan that is being followed.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.run.as_ref().map(|run| &run.plan)
    }

    /// Whether its target is to be looked at again before its plan begins: checks have convicted it, and the
    /// plan does harm if they no longer do. A person's order needs no second look.
    #[must_use]
    pub fn wants_second_look(&self) -> bool {
        let drastic = self.plan().is_some_and(|plan| plan.meta.is_drastic() && !plan.forced);
        self.opening.follows_condition && drastic
    }

    pub(crate) fn enter(&mut self, phase: Phase, at: Time) {
        self.spent.add(self.phase, at.since(self.phase_since));
        self.phase = phase;
        self.phase_since = at;
    }

    pub(crate) fn note_try(&mut self, action: &Name) -> &mut Tried {
        let at = self.tried.iter().position(|tried| tried.action == *action);
        let at = at.unwrap_or_else(|| {
            self.tried.push(Tried { action: action.clone(), attempts: 0, given_up: false });
            self.tried.len() - 1
        });
        &mut self.tried[at]
    }
}

/// What has come of an action in one incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The action.
    pub action: Name,
    /// How often it was started.
    pub attempts: u32,
    /// Whether it is not tried again: it said so, or its approval was denied.
    pub given_up: bool,
}

/// A plan that is being followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The plan.
    pub plan: Plan,
    /// Who approved it, and when.
    pub approved: Option<(Who, Time)>,
    /// The state before its action.
    pub before: Captured,
    /// When its action started.
    pub started: Option<Time>,
    /// When its action ended, and how.
    pub finished: Option<(Time, ActionResult)>,
    /// Whether it held through its soak.
    pub held: bool,
    /// Whether an operator has asked to end it.
    pub abort: bool,
    /// Whether it was told that things got worse after it; once is enough.
    pub harmed: bool,
    /// Whether its rollback has started.
    pub rolling: bool,
}

/// What a plan has proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The plan.
    pub plan: PlanId,
    /// Its action.
    pub action: Name,
    /// Whether it helped, verified and soaked.
    pub success: bool,
    /// How long the action and its verification took.
    pub took: Duration,
}

/// An operator's order to run an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Force {
    /// Who ordered it. It cannot be approved by the same.
    pub by: Who,
    /// The action.
    pub action: Name,
    /// Whether the last healthy member of a group may be taken down by it.
    pub last_member: bool,
}

/// How an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// By an action, verified and soaked.
    Repaired,
    /// Without an action of the healer's that could claim it.
    ByItself,
    /// A person has closed it.
    Closed,
}
