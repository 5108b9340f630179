//! Ready repairs for a self-healer.
//!
//! ```
//! use salve_actions::Closure;
//! use salve_healer::{Action, ActionMeta, Kind, Policy, Step, Strategy};
//!
//! # fn main() -> Result<(), salve_core::ConfigError> {
//! let restart = Closure::new("restart", |order| async move {
//!     // Whatever restarts it. The same key twice must have one effect.
//!     Ok(vec![format!("{} was restarted, {}", order.target.name, order.key)])
//! })
//! .with_meta(ActionMeta::default().idempotent().restarts());
//!
//! let policy = Policy::default()
//!     .with_action(restart.name().clone(), restart.meta())
//!     .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")));
//! policy.validate()?;
//! # Ok(())
//! # }
//! ```
//!
//! | action | feature | what it does |
//! |---|---|---|
//! | [`Closure`] | | whatever a closure does |
//! | [`PullLever`] | | pulls a lever of a breaker, a bulkhead, a ladder, or anything else that can be steered |
//! | `command::Run` | `command` | starts a program with its arguments; there is no shell |
//! | `disk::Clean` | `disk` | deletes or compresses old files of allowed folders |
//! | `escalate::Notify` | `escalate` | tells people, or asks one to act |
//! | `http::Call` | `http` | sends a request |
//! | `process::Terminate` | `process` | ends a process, by number and start |
//! | `systemd::UnitJob` | `systemd` | starts, stops, restarts or reloads a unit |
//!
//! **Twice is as once.** Each action either has no second effect for the same key, or says in its
//! [`ActionMeta`](salve_healer::ActionMeta) that it is not idempotent; then the healer never repeats
//! what was interrupted.
//!
//! **A dry run** is a preview: it lists what a run would do, and has no effect.
//!
//! **Dropped**, an action ends what it has started: a program's whole process group is killed.

#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "disk")]
pub mod disk;
#[cfg(feature = "escalate")]
pub mod escalate;
#[cfg(feature = "http")]
pub mod http;
mod lever;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "systemd")]
pub mod systemd;

pub use lever::PullLever;
pub use salve_healer::Closure;
