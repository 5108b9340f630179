//! A circuit breaker: stops calling what is down, and finds out carefully when it is back.
//!
//! ```text
//!            a rule trips                     its wait is over
//!  Closed ─────────────────▶ Open ───────────────────────────────▶ HalfOpen
//!    ▲                        ▲   too many probes failed               │
//!    │                        ├────────────────────────────────────────┤
//!    │                        │ a rule trips                           │ enough probes succeeded
//!    └────────────────── Ramping ◀─────────────────────────────────────┘
//!        the whole share      (without a ramp, straight to Closed)
//! ```
//!
//! ```
//! use salve_circuit_breaker::{CircuitBreakerLayer, Config};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let layer = CircuitBreakerLayer::new(Config::new("inventory"))?;
//! let breaker = layer.handle();
//! let client = service_fn(|item: &'static str| async move { Ok::<_, BoxError>(item.len()) });
//!
//! let client = ServiceBuilder::new().layer(layer).service(client);
//! assert_eq!(client.oneshot("screws").await?, 6);
//! assert_eq!(breaker.counts().successes, 1);
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `consecutive_failures` | none | failures without a success between them |
//! | `failures_within` | 5 in 60 s | failures within a time, whatever succeeds between them |
//! | `rate` | none | a share of failed or slow calls, of the last N calls or of a time |
//! | `open_wait` | 60 s | constant, growing with jitter and a cap, or computed |
//! | `probes`, `successes_to_close` | 3, 2 | probes at once and in all; how many must succeed |
//! | `probe_deadline` | 30 s | a probe that takes longer gives its place back |
//! | `ramp` | none | the share that is admitted grows after the probes have succeeded |
//! | `on_cancel` | neutral | what a dropped call counts as |
//! | `enforcement` | enforce | in shadow mode refusals are only counted |
//!
//! Equal to a threshold trips. A success may trip only a rule about slowness. A slow probe is a
//! failed one. Results of calls that were admitted before the last change of state are ignored.
//!
//! **Clones** of a [`Handle`], of its layers and of their services share one breaker. A
//! [`KeyedHandle`] keeps one breaker per key, bounded in number, without timers.
//!
//! **Dropping** a call's future, or its [`Permit`], gives back a probe's place at once and counts
//! as cancelled: neutral, unless [`OnCancel`] says otherwise. A panic of the inner service is a
//! failure.
//!
//! **While all is well** nothing shared is written: threads that meet on the counter of successes
//! get one each. Nothing is allocated, locked or, unless a rule needs the time, read off a clock.

mod breaker;
mod command;
mod config;
pub mod engine;
mod episode;
mod event;
pub mod future;
mod handle;
mod keyed;
mod keyed_layer;
mod lane;
mod layer;
mod open_wait;
mod permit;
mod service;
mod shared;
mod status;
mod steering;
mod stripes;
mod tally;
mod word;

pub use breaker::{State, Trip};
pub use command::Command;
pub use config::{Config, FailuresWithin, OnCancel, Ramp, RampOver, Rate, SlowCalls, Window};
pub use event::Event;
pub use handle::Handle;
pub use keyed::KeyedHandle;
pub use keyed_layer::{KeyedCircuitBreaker, KeyedCircuitBreakerLayer};
pub use lane::{Lane, Member, Single};
pub use layer::CircuitBreakerLayer;
pub use open_wait::{Computed, OpenWait};
pub use permit::Permit;
pub use service::CircuitBreaker;
pub use status::{CallCounts, Status};
pub use tally::{Counts, TripReason};

#[cfg(salve_loom)]
pub use handle::model;
