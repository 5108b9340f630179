//! Keeps a program's calls to other systems alive.
//!
//! `salve` joins a family of small crates. Each of them is a [tower](https://docs.rs/tower) layer
//! that also works without tower, and [`stack()`] puts them around a client in an order that is
//! argued for, with defaults that are safe to start from:
//!
//! ```
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (layer, handle) = salve::stack("inventory").build()?;
//! let client = service_fn(|item: &'static str| async move {
//!     Ok::<_, std::io::Error>(item.len())
//! });
//! let client = layer.layer(client);
//! assert_eq!(client.oneshot("screws").await?, 6);
//! assert_eq!(handle.in_flight(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`circuit_breaker`] | stops calling what is down, and finds out carefully when it is back |
//! | [`retry`] | attempts again what may succeed, within a budget |
//! | [`bulkhead`] | bounds how many calls are under way, and who waits |
//! | [`timeout`] | bounds how long an attempt and a call may take |
//! | [`hedge`] | sends a second copy of a call that is late |
//! | [`rate_limit`] | bounds how many calls there are in a time, by key and tier |
//! | [`fallback`] | answers in place of what failed: alternatives, kept answers, one call for many |
//! | [`degradation`] | switches off, in order, what matters least |
//! | [`adaptive`] | one controller in place of most of them, without thresholds: [`Stack::adaptive`] |
//! | [`health`] | watches what the program depends on: checks, states, scores, reports |
//!
//! With the feature `healer`, [`heal`](mod@heal) repairs what breaks.
//!
//! | feature | what it adds |
//! |---|---|
//! | `http` | classifier, idempotent requests, guarded bodies and deadlines for `http` |
//! | `reqwest` | the same for `reqwest`'s own types |
//! | `grpc` | a classifier of gRPC codes, for `tonic` |
//! | `sqlx`, `redis` | classifiers of their errors |
//! | `healer` | the self-healer, wired to health and to the levers of stacks |
//! | `journal` | its journal in an SQLite file, and the history of the whole family in another |
//! | `sd-notify` | the healer's loop keeps the watchdog of systemd quiet |
//! | `actions` | repairs on this machine: commands, clean-up, processes |
//! | `checks` | ready health checks |
//! | `chaos` | faults on purpose, checks that lie, and drills in the history |
//! | `escalate` | channels to people that try again |
//! | `json` | reports of health as JSON |
//! | `balance` | a measure of each address for tower's own balancer |
//! | `cache` | answers that are kept, for when the source fails |
//! | `open-feature` | features of a degradation ladder for OpenFeature |
//! | `serde` | settings that are read from files, durations as text |
//! | `metrics` | an exporter of what policies count |
//! | `tracing` | one span a call and one event an attempt |

#[cfg(feature = "balance")]
pub mod balance;
#[cfg(feature = "chaos")]
pub mod chaos;
mod error;
#[cfg(feature = "escalate")]
pub mod escalate;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "healer")]
pub mod heal;
#[cfg(feature = "journal")]
pub mod history;
#[cfg(feature = "http")]
pub mod http;
mod lift;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod prelude;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "sqlx")]
pub mod sql;
pub mod stack;
#[cfg(feature = "tracing")]
pub mod trace;

#[cfg(feature = "healer")]
pub use salve_actions as actions;
pub use salve_adaptive as adaptive;
pub use salve_bulkhead as bulkhead;
#[cfg(feature = "checks")]
pub use salve_checks as checks;
pub use salve_circuit_breaker as circuit_breaker;
pub use salve_core::*;
pub use salve_degradation as degradation;
pub use salve_fallback as fallback;
#[cfg(feature = "healer")]
pub use salve_healer as healer;
pub use salve_health as health;
pub use salve_hedge as hedge;
#[cfg(feature = "journal")]
pub use salve_journal as journal;
pub use salve_rate_limit as rate_limit;
pub use salve_retry as retry;
pub use salve_timeout as timeout;

pub use error::{Error, Lifted};
pub use lift::{Lift, LiftFuture, LiftLayer, lift};
pub use stack::{Stack, StackHandle, stack};
