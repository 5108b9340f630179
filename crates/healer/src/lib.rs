//! A self-healer that can be left alone at night: the engine, without I/O.
//!
//! ```text
//!   what others see          ┌──────────────── State ────────────────┐
//!  conditions, reports ────▶ │ targets, incidents, limits, knowledge │ ◀── apply(record)
//!  changes, people's acts    └───────┬───────────────────────┬───────┘          ▲
//!                                    ▼                       ▼                  │
//!                            due(state, now)         decide(state, now)         │
//!                         what follows by itself   one next thing, or why not   │
//!                                    │                       │                  │
//!                                    └──────▶ facts ◀────────┘                  │
//!                                               │                               │
//!                                        Journal: durable ──────────────────────┘
//!                                               │ only then
//!                                        Action: precheck, capture, execute, verify, roll back
//! ```
//!
//! ```
//! use salve_healer::{ActionMeta, Condition, Fact, Kind, Next, Policy, State, Step, Strategy};
//! use salve_healer::{Target, Time, Wall, Who, decide, due};
//!
//! let policy = Policy::default()
//!     .with_action("restart", ActionMeta::default().idempotent().restarts())
//!     .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
//! let mut state = State::new();
//! let mut write = |state: &mut State, fact: Fact| {
//!     // A journal makes the record durable here.
//!     let record = state.record(Time::from_secs(1), Wall(0), Who::Healer, "", fact);
//!     state.apply(&record)
//! };
//! write(&mut state, Fact::TargetSet(Target::new("api", "service")))?;
//! let failed = Fact::Observed { target: "api".into(), condition: Condition::Failed };
//! write(&mut state, failed)?;
//! for (fact, _why) in due(&state, &policy, Time::from_secs(1)) {
//!     write(&mut state, fact)?;
//! }
//! let mut rng = fastrand::Rng::with_seed(7);
//! let decision = decide(&state, &policy, Time::from_secs(1), &mut rng);
//! let Some(Next::Plan(plan)) = decision.next else { panic!("{:?}", decision.holds) };
//! assert_eq!((plan.target.as_str(), plan.action.as_str()), ("api", "restart"));
//! # Ok::<(), salve_healer::Refused>(())
//! ```
//!
//! **Nothing is known but what was written down.** A [`State`] changes only by [`State::apply`], so a
//! replay of the journal brings back incidents, limits, knowledge, pauses and the kill switch; a
//! restart refills no budget. Conditions are the exception on purpose: after [`Fact::Started`]
//! every target is unknown until it is seen again.
//!
//! **Two questions.** [`due()`] says what follows by itself: incidents open, repairs are judged and
//! credited, approvals expire, brakes are pulled. [`decide()`] says what to do next, or why nothing
//! ([`HoldReason`]). Both are pure; a decision can be made again from the journal, since a plan
//! holds the seed of its draws.
//!
//! **Gates** are asked in this order: switched on, paused or in maintenance, known well enough, trust
//! in oneself, dependency, storm, blast radius, cool-down and flapping, rates, kill switch and
//! harm, approval, lease. Rules and numbers stand in [`Policy`].
//!
//! **Witnesses** ([`Target::witness`]) tell whether the healer sees at all: while most of them fail,
//! nobody is convicted and nothing is done.
//!
//! **Time** is the healer's own ([`Time`]): it survives a restart, and the wall clock does not move it.
//!
//! **Ports**: an [`Action`] does things, a [`Journal`] keeps records, a [`Lease`] keeps two healers from
//! acting at once, a [`SecondLook`] keeps what has come back from being restarted. Other crates fill them; a
//! [`Closure`] is an action too.
//!
//! Features: `driver`, the task that does all of this on tokio.

pub mod action;
mod choice;
mod closure;
mod decide;
#[cfg(feature = "driver")]
pub mod driver;
mod due;
mod gates;
mod hold;
mod incident;
mod intake;
mod journal;
mod kind;
pub mod learn;
mod lease;
mod look;
mod meta;
mod phase;
mod plan;
pub mod policy;
mod posterior;
mod ready;
mod record;
pub mod state;
mod strategy;
mod symptom;
mod target;
mod time;

#[doc(inline)]
pub use action::{Action, ActionResult, BoxFuture, Cancel, Captured, Failure, Order, Verdict};
pub use closure::Closure;
pub use decide::{Decision, Next, decide, decide_beside, may_start};
pub use due::due;
pub use hold::{Hold, HoldReason};
pub use incident::{Force, Incident, IncidentId, Opening, Proof, Resolution, Run, Subject, Tried};
pub use intake::{Intake, Report, intake, is_plausible, suppressed_by};
pub use journal::{AnchorFault, Head, Journal, JournalError};
pub use kind::{Evidence, Kind, Severity};
pub use lease::{Grant, Lease, LeaseError};
pub use look::{Looked, Looks, SecondLook};
pub use meta::ActionMeta;
pub use phase::{Phase, Spent};
pub use plan::{Digest, Odds, Plan, PlanId};
pub use policy::Policy;
pub use posterior::{Prior, Seen};
pub use ready::{ReadyAction, ready_actions};
pub use record::{DropReason, Escalation, Fact, Harm, Record, Scope, Who, Window};
pub use state::{Refused, State};
pub use strategy::{Step, Strategies, Strategy};
pub use symptom::{Symptom, symptom};
pub use target::{Condition, Priority, Target};
pub use time::{Time, Timeline, Wall};
