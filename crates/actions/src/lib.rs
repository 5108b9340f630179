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
//! | [`Chain`] | | several actions in order, undone in reverse when one fails |
//! | [`PullLever`] | | pulls a lever of a breaker, a bulkhead, a ladder, or anything else that can be steered |
//! | [`failover::FailOver`] | | sets a switch to another place, and back |
//! | [`scale::Scale`] | | more or fewer instances of something |
//! | [`pool::ResetPool`] | | empties a pool of connections and tests a new one |
//! | [`cache::FlushCache`] | | flushes a cache and tests it, or falls back; of `redis` with that feature |
//! | `command::Run` | `command` | starts a program with its arguments; there is no shell |
//! | `disk::Clean` | `disk` | deletes or compresses old files of allowed folders |
//! | `docker::Restart` | `docker` | restarts a container; `docker::Group` is a group to scale |
//! | `escalate::Notify` | `escalate` | tells people, or asks one to act |
//! | `http::Call` | `http` | sends a request |
//! | `kubernetes::RestartPod` | `kubernetes` | deletes a pod that comes back; `kubernetes::Rollout` restarts all pods of a workload, `kubernetes::SetLimits` sets what a container may use, `kubernetes::Replicas` is a group to scale |
//! | `process::Terminate` | `process` | ends a process, by number and start |
//! | `site::Site` | `command`, `http`, `systemd` | a chain that recovers a web site |
//! | `systemd::UnitJob` | `systemd` | starts, stops, restarts or reloads a unit |
//!
//! **Twice is as once.** Each action either has no second effect for the same key, or says in its
//! [`ActionMeta`](salve_healer::ActionMeta) that it is not idempotent; then the healer never repeats
//! what was interrupted.
//!
//! **A dry run** is a preview: it lists what a run would do, and has no effect.
//!
//! **Dropped**, an action ends what it has started here: a program's whole process group is killed. What it has asked of
//! others, such as systemd, goes on there.
//!
//! **Restarts and scaling** compare with what was captured before the action ([`Order::before`](salve_healer::Order::before)),
//! so that the same order twice restarts or adds once.
//!
//! **Secrets** stand in a [`Secret`](salve_core::Secret) or an [`Address`](salve_core::Address), and are in no report, failure or
//! `Debug` text.
//!
//! Features: each action that needs a further crate is a feature of its name, and so is each channel of
//! `escalate`; `serde` reads settings from files and writes them. None is on by default. `systemd` needs Rust 1.89.
//! `kubernetes` asks the program to choose the version of the cluster, see there.

pub mod cache;
mod chain;
#[cfg(feature = "command")]
pub mod command;
#[cfg(feature = "disk")]
pub mod disk;
#[cfg(feature = "docker")]
pub mod docker;
#[cfg(feature = "escalate")]
pub mod escalate;
pub mod failover;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod lever;
pub mod pool;
#[cfg(feature = "process")]
pub mod process;
pub mod scale;
#[cfg(all(feature = "command", feature = "http", feature = "systemd"))]
pub mod site;
#[cfg(feature = "systemd")]
pub mod systemd;

pub use chain::Chain;
pub use lever::PullLever;
pub use salve_healer::Closure;
