//! Degradation: when not everything can be served, what matters least goes first, in order, and
//! comes back in order.
//!
//! ```text
//!  readings ──▶ rules ──▶ full ─┐ down at once, as far as the worst rule asks
//!                         reduced ─┐
//!                         minimal ─┐  ▲ up one rung after each calm period
//!                         emergency┘
//!                            │
//!                  features, classes of calls, writes: what each level leaves of them
//! ```
//!
//! ```
//! use salve_degradation::{Config, DegradationLayer, Feature, Handle, Rule};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let shop = Handle::new(
//!     Config::new("shop")
//!         .with_feature(Feature::new("recommendations").with_priority(20))
//!         .with_rule(Rule::at_least("failure_rate", 0.5, "reduced").releases_at(0.1)),
//! )?;
//! let recommend = service_fn(|user: u32| async move { Ok::<_, BoxError>(user + 1) });
//! let layer = DegradationLayer::from(shop.feature("recommendations").unwrap());
//! let recommend = ServiceBuilder::new().layer(layer).service(recommend);
//! assert_eq!(recommend.clone().oneshot(1).await?, 2);
//!
//! shop.look(|_, reading| (reading == "failure_rate").then_some(0.7));
//! assert!(recommend.oneshot(1).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `levels` | full, reduced, minimal, emergency | each with the features, classes and writes it drops |
//! | `features` | none | what can be switched off or down, with priority or levels |
//! | `rules` | none | which readings ask for which level, for the whole or for single features |
//! | `calm` | 60 s | how long nothing may ask for the level before it climbs one rung |
//! | `interval` | 5 s | how often [`Handle::run`] looks at the readings |
//! | `read_only_for` | 1 h | how long read-only mode lasts |
//! | `enforcement` | enforce | in shadow mode everything is told and counted, and nothing is dropped |
//!
//! A reading that is not there moves nothing: a rule that asked goes on asking, and one that did
//! not does not begin. An operator can hold the whole at a level, set single features, and recover
//! by force; the ladder can be paused.
//!
//! A level that sheds every call of a dependency also keeps away those that would find out that it
//! is back. Mark some of them critical, or take rules whose reading changes by itself, like a
//! breaker's `open`, which ends with its wait.
//!
//! **Asking** costs a look-up by name, or with a [`FeatureFlag`] one read of memory: no lock, no
//! allocation. A layer asks once more which calls are shed and whether writes are refused.
//!
//! **Refusals** are [`Disabled`] for a feature that is off and for writes, and [`Shed`] for calls
//! of a class. They were never sent, and are not worth a retry.
//!
//! **Clones** of a [`Handle`], its flags and its layers share one ladder.
//!
//! **Dropping** the future of [`Handle::run`] stops looking; everything stays at its level.
//!
//! [`Disabled`]: salve_core::Reason::Disabled
//! [`Shed`]: salve_core::Reason::Shed

mod cells;
mod config;
pub mod engine;
mod event;
mod flag;
pub mod future;
mod handle;
mod ladder;
mod layer;
#[cfg(feature = "open-feature")]
mod open_feature;
mod plan;
mod rule;
mod service;
mod shared;
mod status;

#[cfg(test)]
mod model_tests;

pub use config::{Capability, Config, Feature, Level};
pub use event::{Cause, Event};
pub use flag::FeatureFlag;
pub use handle::{Handle, NoSuchLevel};
pub use layer::{DegradationLayer, ReadsOnly, WriteRule};
#[cfg(feature = "open-feature")]
pub use open_feature::Provider;
pub use rule::{Condition, Rule};
pub use service::Degradation;
pub use shared::ReadOnly;
pub use status::{Counts, Status};
