//! Fallback: what to answer when a call failed.
//!
//! ```text
//!  call ─▶ service ── success, or what is ignored ───────────────────────────────────▶ answer
//!             │ failure, refusal (or panic, if asked)                                    ▲
//!             ▼                                                                          │ marked
//!          replica ── success ───────────────────────────────────────────────────────────┤
//!             │ failure                                                                  │
//!             ▼                                                                          │
//!          value ────────────────────────────────────────────────────────────────────────┘
//!             (none left: the call's own error, or the last alternative's)
//! ```
//!
//! ```
//! use salve_fallback::{Alternative, Config, FallbackLayer};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let replica = service_fn(|item: &'static str| async move { Ok::<_, BoxError>(item.len()) });
//! let layer = FallbackLayer::new(
//!     Config::new("stock"),
//!     [Alternative::service("replica", replica), Alternative::value("unknown", 0)],
//! )?;
//! let fallback = layer.handle();
//! let client = service_fn(|_: &'static str| async { Err::<usize, _>("no route to host".into()) });
//!
//! let client = ServiceBuilder::new().layer(layer).service(client);
//! assert_eq!(client.oneshot("screws").await?, 6);
//! assert_eq!(fallback.counts().failed, 1);
//! # Ok(())
//! # }
//! ```
//!
//! Three layers, each useful alone:
//!
//! | layer | what it answers with | |
//! |---|---|---|
//! | [`FallbackLayer`] | alternatives: values, functions, other services | here |
//! | `cache::CacheLayer` | what the source answered before, marked with its age | module `cache`, behind the feature `cache` |
//! | [`SingleFlightLayer`](single_flight::SingleFlightLayer) | what the source answers another caller right now | module [`single_flight`] |
//!
//! Stacked, the fallback is outermost and single flight innermost: a cache around a fallback would
//! keep what stands in for an answer as if it were one.
//!
//! | setting | default | |
//! |---|---|---|
//! | `cascade` | yes | the next alternative is tried when one has failed |
//! | `returned` | original | what the caller gets when none has answered, or the last one's failure |
//! | `catch_panics` | no | a panic, of an alternative too, is a failure like any other |
//! | `enforcement` | enforced | in shadow mode alternatives are only counted |
//! | priority | 100 | [`Alternative::with_priority`]; the lowest number first, then the order given |
//! | classifier | every error is a failure | [`FallbackLayer::with_classifier`] |
//! | mark | none | [`FallbackLayer::with_mark`]: what tells a response apart |
//! | copies of requests | [`Clone`] | [`Alternative::service_with`], [`Alternative::function_with`] |
//!
//! **What is worth an alternative**: a failure by the classifier, of the call or of an alternative,
//! and every [`Rejection`](salve_core::Rejection), whatever the classifier says. What it ignores,
//! such as a fault of the caller's own, passes. An error at readiness is an error of the call.
//!
//! **An alternative that asks** gets a copy of the request and what is left of the call's time, and
//! is passed over once the deadline of the [`CallContext`](salve_core::CallContext) is reached or
//! where there is no copy; a value is then still given. All of them see how the call itself
//! failed. The request is copied when the call is made, and only if an alternative may need it.
//!
//! **Nothing is hidden**: each failure of a call is counted and told of, whoever answers then, and
//! each alternative has its own counters, by name.
//!
//! **Clones** of a [`Handle`], of its chains, layers and their services share one policy and its
//! counters. **Dropping** a call's future drops whatever is under way and counts nothing.
//!
//! **A success** allocates nothing and writes nothing shared but a reference count. A call that
//! fails takes one piece of memory, and one more for each alternative that asks. A policy may know
//! 256 names of alternatives.

mod alternatives;
#[cfg(feature = "cache")]
pub mod cache;
mod chain;
mod config;
mod event;
pub mod future;
mod handle;
mod judge;
mod layer;
mod order;
mod service;
mod shared;
pub mod single_flight;
mod status;
mod work;

pub use alternatives::{Alternative, Failed};
pub use chain::Chain;
pub use config::{Config, Returned};
pub use event::Event;
pub use handle::Handle;
pub use layer::FallbackLayer;
pub use order::Why;
pub use salve_core::{ByClone, CloneRequest};
pub use service::Fallback;
pub use status::{AlternativeCounts, Counts};

#[cfg(all(test, not(salve_loom)))]
mod model_tests;
