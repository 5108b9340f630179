//! The manual path: what a person may do. Answered by the loop, which waits for no action.

use salve_core::Name;
use tokio::sync::{mpsc, oneshot};

use super::handle::{Act, ActError, Receipt};
use crate::incident::{Force, IncidentId, Resolution};
use crate::plan::{Digest, Plan, PlanId};
use crate::record::{DropReason, Fact, Scope, Who, Window};

/// Somebody at the levers. Each act is a record in their name, with the reason they give.
///
/// # Errors
/// Every act fails if it does not follow from what is known or is not theirs to do, with the reason,
/// or if the healer has ended.
///
/// # Cancellation
/// A dropped call may have been taken in.
#[derive(Clone, Debug)]
#[must_use]
pub struct Operator {
    pub(super) acts: mpsc::Sender<Act>,
    pub(super) who: Who,
}

type Acted = Result<Receipt, ActError>;

#[expect(clippy::missing_errors_doc, reason = "stated once, at the type")]
impl Operator {
    async fn act(&self, why: impl Into<String>, fact: Fact) -> Acted {
        let (answer, answered) = oneshot::channel();
        let act = Act { by: self.who.clone(), why: why.into(), fact, answer };
        self.acts.send(act).await.map_err(|_| ActError::Ended)?;
        answered.await.map_err(|_| ActError::Ended)?
    }

    /// Switches automatic repair off.
    pub async fn disable(&self, why: impl Into<String>) -> Acted {
        self.act(why, Fact::Disabled).await
    }

    /// Switches it on again.
    pub async fn enable(&self, why: impl Into<String>) -> Acted {
        self.act(why, Fact::Enabled).await
    }

    /// Pauses it; each holder lifts its own pause.
    pub async fn pause(
        &self,
        holder: impl Into<Name>,
        scope: Scope,
        why: impl Into<String>,
    ) -> Acted {
        self.act(why, Fact::Paused { holder: holder.into(), scope }).await
    }

    /// Lifts a pause.
    pub async fn resume(&self, holder: impl Into<Name>, why: impl Into<String>) -> Acted {
        self.act(why, Fact::Resumed(holder.into())).await
    }

    /// Announces a maintenance window.
    pub async fn set_window(&self, window: Window, why: impl Into<String>) -> Acted {
        self.act(why, Fact::WindowSet(window)).await
    }

    /// Calls a maintenance window off.
    pub async fn remove_window(&self, name: impl Into<Name>, why: impl Into<String>) -> Acted {
        self.act(why, Fact::WindowRemoved(name.into())).await
    }

    /// Orders an action for an incident; `last_member` says that it may take down the last healthy
    /// member of a group.
    pub async fn force(
        &self,
        incident: IncidentId,
        action: impl Into<Name>,
        last_member: bool,
        why: impl Into<String>,
    ) -> Acted {
        let force = Force { by: self.who.clone(), action: action.into(), last_member };
        self.act(why, Fact::Forced { incident, force }).await
    }

    /// Has looked at an escalated incident: it ends, and its target may be repaired again.
    pub async fn acknowledge(&self, incident: IncidentId, why: impl Into<String>) -> Acted {
        self.act(why, Fact::Acknowledged(incident)).await
    }

    /// Closes an incident.
    pub async fn close(&self, incident: IncidentId, why: impl Into<String>) -> Acted {
        self.act(why, Fact::Resolved { incident, how: Resolution::Closed }).await
    }

    /// Approves exactly this plan.
    pub async fn approve(&self, plan: &Plan, why: impl Into<String>) -> Acted {
        self.approve_digest(plan.id, plan.digest(), why).await
    }

    /// Approves the plan of this number, if it has this digest.
    pub async fn approve_digest(
        &self,
        plan: PlanId,
        digest: Digest,
        why: impl Into<String>,
    ) -> Acted {
        self.act(why, Fact::Approved { plan, digest }).await
    }

    /// Refuses a plan that waits.
    pub async fn deny(&self, plan: PlanId, why: impl Into<String>) -> Acted {
        self.act(why, Fact::Dropped { plan, reason: DropReason::Denied }).await
    }

    /// Ends a running action. It is then verified, as if it had taken too long.
    pub async fn abort(&self, plan: PlanId, why: impl Into<String>) -> Acted {
        self.act(why, Fact::AbortAsked(plan)).await
    }

    /// Undoes an action that is being watched.
    pub async fn roll_back(&self, plan: PlanId, why: impl Into<String>) -> Acted {
        self.act(why, Fact::RollbackAsked(plan)).await
    }

    /// Lifts a target's cool-down, and what blocks it after a failed rollback.
    pub async fn unblock(&self, target: impl Into<Name>, why: impl Into<String>) -> Acted {
        self.act(why, Fact::Unblocked(target.into())).await
    }

    /// Switches automatic repair on again after too many repairs had failed.
    pub async fn reset_kill_switch(&self, why: impl Into<String>) -> Acted {
        self.act(why, Fact::KillSwitchReset).await
    }

    /// Allows a suspended action again.
    pub async fn reinstate(&self, action: impl Into<Name>, why: impl Into<String>) -> Acted {
        self.act(why, Fact::Reinstated(action.into())).await
    }
}
