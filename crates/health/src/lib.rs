//! Health: checks that cannot harm each other, states with hysteresis, scores, and reports that
//! cost nothing to read.
//!
//! ```text
//!  closures, TCP, sensors,          findings               results in a row
//!  outcomes of calls, pushes ─────▶ pass warn fail ──────▶ Starting Healthy Degraded Unhealthy
//!       ▲       each in a task      unknown                Failed Recovering Unknown Disabled
//!       │       of its own                                     │            │
//!    one queue, one timer                           scores, records,   dependencies explain
//!                                                   trends, reports    failures: one cause told
//! ```
//!
//! ```
//! use salve_core::Place;
//! use salve_health::{Config, Finding, Handle, Scope, State, Status, TargetConfig};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let health = Handle::new(Config::new("shop"))?;
//! health.register(
//!     TargetConfig::new("database").with_component("database").with_thresholds(3, 1),
//!     || async { Finding::pass().with_value(3.0, "connections") },
//! )?;
//! let api = TargetConfig::new("api").with_place(Place::new().needs("database"));
//! health.register_pushed(api.with_thresholds(3, 1))?;
//! tokio::spawn(health.clone().run());
//!
//! health.refresh("database").await?;
//! health.push("api", Status::Warn)?;
//! assert_eq!(health.state("database"), Some(State::Healthy));
//! let report = health.report(Scope::Readiness);
//! assert_eq!((report.status, report.http_status(), report.score), (Status::Warn, 200, Some(87)));
//! # Ok(())
//! # }
//! ```
//!
//! | setting of a target | default | |
//! |---|---|---|
//! | `interval`, `unhealthy_interval` | 30 s, 5 s | how often it is checked while it is up, and otherwise |
//! | `jitter` | 10 % | by how much of the interval at random |
//! | `timeout`, `on_timeout` | 5 s, fail | how long a run may take, and what one says that takes longer |
//! | `failure_threshold`, `success_threshold` | 3, 2 | results in a row |
//! | `grace` | 60 s | in which failures do not count, until it has been up |
//! | `stale_after` | three intervals | after that its last result says nothing any more |
//! | `recovery_limit` | 5 min | in which failures do not count while somebody repairs it |
//! | `criticality` | critical | whether the whole fails with it |
//! | `weight`, `component` | 1, none | how much it counts in which score |
//! | `place` | nowhere | its group, failure domain and dependencies |
//! | `probes` | readiness, start-up | which questions it has a say in |
//! | `tags` | none | words to find it by |
//!
//! | setting of the registry | default | |
//! |---|---|---|
//! | `max_runs` | 256 | checks at once; one that has hung for a second no longer counts |
//! | `horizon` | 1 h | how far records reach back; 8 bytes a minute for each target |
//! | `group_share`, `independent`, `together_within` | 50 %, 5, 60 s | what fails together is one event |
//! | `aftermath` | 60 s | how long a dependency that is back still explains failures |
//!
//! **Unknown is not healthy.** A result that is too old, a check that panics and a target that was
//! never checked are unknown: neither healthy nor a reason to repair anything.
//!
//! **Runs** start in the order in which they are due, rounded up to 50 ms. A check never has two
//! runs at once: one that is out of time is ended, told as [`TargetConfig::on_timeout`] says, once,
//! and its late answer is discarded. Checks that block their thread belong into [`blocking`].
//!
//! **A program that stood still** (a suspended machine, a stopped process) concludes nothing from the
//! silence: after a gap of more than 5 s runs that were under way are void and begin again, ages and
//! grace are put off by the gap, and detectors count their time anew.
//!
//! **Passive health**: a [`HealthLayer`] counts what calls come to in [`Outcomes`], which is a check;
//! breakers, bulkheads and budgets are read by a [`SensorCheck`]. Detectors
//! of [`detect`], or any other [`Detect`], may doubt a pass.
//!
//! **Clones** of a [`Handle`] are one registry. **Dropping** the future of [`Handle::run`] ends all
//! runs; targets keep their states until their results are too old.
//!
//! Features: `tcp` (default), `json`, `serde`.

mod check;
mod config;
pub mod detect;
mod driver;
mod event;
mod finding;
pub mod future;
mod handle;
mod history;
#[cfg(feature = "json")]
mod json;
mod judge;
mod layer;
mod outcomes;
mod reading;
mod report;
mod schedule;
mod score;
mod service;
mod state;
mod steer;
mod suppress;
mod target;
mod target_config;
mod target_handle;
mod ward;

#[cfg(test)]
mod model_tests;

#[cfg(feature = "tcp")]
pub use check::TcpCheck;
pub use check::{Blocking, Check, Detect, Running, SensorCheck, blocking};
pub use config::Config;
pub use event::Event;
pub use finding::{Finding, Observed, Sample, Status};
pub use handle::{Handle, NoSuchTarget};
pub use history::Record;
#[cfg(feature = "json")]
pub use json::{Details, HEALTH_JSON};
pub use layer::HealthLayer;
pub use outcomes::Outcomes;
pub use report::{Report, Scope, Score, Scores, TargetStatus};
pub use score::{Band, COMPONENTS, Trend};
pub use service::Health;
pub use state::State;
pub use target_config::{Criticality, Probes, TargetConfig};
pub use target_handle::TargetHandle;
pub use ward::RegisterError;
