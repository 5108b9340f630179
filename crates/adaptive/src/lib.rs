//! One controller per dependency, which decides by what calls come to: no threshold is set.
//!
//! ```text
//!             is it alive?        is there room?        is there a right?
//!  call ──▶ suspicion, pulse ──▶ limit by delay ──▶ quota, where there is one ──▶ attempt
//!   │            │ no                 │ no                                          │
//!   │            ▼                    ▼                                  success ◀──┤
//!   │      waits for life       waits for room,                                     ▼
//!   │      until its deadline   higher classes first          paid from a budget of work: again
//!   └▶ shed, if calls of higher classes find no room          else the failure is handed over
//! ```
//!
//! ```
//! use salve_adaptive::{AdaptiveLayer, Config};
//! use salve_core::Repeatable;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let layer = AdaptiveLayer::new(&Config::new("inventory"))?.with_request_rule(Repeatable);
//! let controller = layer.handle();
//! let client = service_fn(|item: &'static str| async move { Ok::<_, BoxError>(item.len()) });
//!
//! let client = ServiceBuilder::new().layer(layer).service(client);
//! assert_eq!(client.oneshot("screws").await?, 6);
//! assert_eq!(controller.counts().attempts, 1);
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `patience` | 1 s | the deadline of calls that have none, and the measure of what is slow |
//! | `max_attempts` | 8 | of one call; a budget of work ends them much sooner |
//! | `ceiling` | 1,000 | attempts under way, however well they are answered |
//! | `queue` | 1,000 | calls that may wait |
//! | `scopes` | 64 | failing scopes that are told apart |
//! | `replicas` | 1 | addresses to choose among; a layer leads to one |
//! | `off` | none | parts that do not take part |
//! | `enforcement` | enforce | in shadow mode every call passes, once, and what would have been refused or would have waited is counted |
//!
//! **What it asks.** Is the dependency, or the scope of it that the call needs, dead (Page's CUSUM
//! over results)? Is it overloaded: are even the quick answers slow against the callers' patience?
//! Does it turn calls away, and do fewer calls help? What is the call worth, where not all can be
//! served? A failure that came at once cost the other side nothing, so the next attempt is nearly
//! free; one that took its time is paid in full. `docs/outcomes.md` says what each part is worth.
//!
//! **Instead of** breaker, retry, hedge, bulkhead and timeout, not beside them: layers within it get
//! no attempts of their own. Requests are cloned for each attempt; what is not repeatable is sent
//! again only where nothing can have been carried out. An answer that asks not to be called again
//! so soon (`Retry-After`) is handed over.
//!
//! **Clones** of a [`Handle`], its layers and their services share one controller. It is behind a
//! lock, which is taken twice by a call that succeeds at once. Nothing is allocated for a call. A
//! call that waits needs tokio's runtime: one small task ticks the controller while any does.
//!
//! **Dropping** a call's future cancels its attempts or leaves the line. A panic of the inner
//! service counts as a failure.
//!
//! The [`Controller`] itself is plain Rust without clock, lock or runtime.

#[cfg(feature = "balance")]
pub mod balance;
mod call;
mod config;
mod controller;
mod event;
pub mod future;
mod gauge;
mod handle;
mod layer;
mod limit;
mod overtime;
mod pulse;
mod queue;
mod quota;
mod routes;
mod scopes;
mod seats;
mod service;
mod shared;
mod status;
mod suspicion;
mod ticker;
mod work;
mod worth;

pub use call::{Act, Ask, AttemptId, CallId, Ended};
pub use config::{Config, Part};
pub use controller::Controller;
pub use event::Event;
pub use handle::Handle;
pub use layer::AdaptiveLayer;
pub use service::Adaptive;
pub use status::{Counts, Status};
