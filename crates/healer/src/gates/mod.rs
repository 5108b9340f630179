//! The gates: every reason not to act, asked in a fixed order.
//!
//! Each file is one family, and says what the plan would have to be refused for. All are pure. An
//! order by a person passes those that guard against the machine's own zeal (switched off, blind, storm,
//! cool-down, flapping, escalated, kill switch, trial) and none that guard the target.

mod approval;
mod blast;
mod calm;
mod dependency;
mod doubt;
mod enabled;
mod known;
mod lease;
mod pause;
mod rates;
mod stops;
mod storm;
mod work;

use salve_core::Name;

use crate::hold::HoldReason;
use crate::incident::Incident;
use crate::meta::ActionMeta;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::state::{State, Watched};
use crate::time::Time;

pub(crate) use blast::relying;
pub(crate) use dependency::cause;
pub(crate) use doubt::{blindness, given_up_at};
pub(crate) use stops::kill_switch_trips;
pub(crate) use storm::{failing_together, is_calm_again};
pub(crate) use work::Work;

/// What a gate looks at: everything that is known, and one action that is thought of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    pub(crate) state: &'a State,
    pub(crate) policy: &'a Policy,
    pub(crate) now: Time,
    pub(crate) work: &'a Work<'a>,
    pub(crate) incident: &'a Incident,
    pub(crate) watched: &'a Watched,
    pub(crate) action: &'a Name,
    pub(crate) meta: &'a ActionMeta,
    /// The plan, once it is made.
    pub(crate) plan: Option<&'a Plan>,
    /// Whether a person has ordered it.
    pub(crate) forced: bool,
}

/// What a gate says: pass, or why not.
pub(crate) type Passed = Result<(), HoldReason>;

/// The order is part of the contract: the first that refuses is the reason that is told.
const GATES: [fn(&Look<'_>) -> Passed; 12] = [
    enabled::gate,
    pause::gate,
    known::gate,
    doubt::gate,
    dependency::gate,
    storm::gate,
    blast::gate,
    calm::gate,
    rates::gate,
    stops::gate,
    approval::gate,
    lease::gate,
];

/// The first reason not to act.
pub(crate) fn pass(look: &Look<'_>) -> Passed {
    GATES.iter().try_for_each(|gate| gate(look))
}

pub(crate) fn refuse_if(refuses: bool, reason: impl FnOnce() -> HoldReason) -> Passed {
    if refuses { Err(reason()) } else { Ok(()) }
}
