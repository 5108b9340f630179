//! A rate limit: so many calls in so much time, and the rest waits for its turn or is told when
//! to come again.
//!
//! ```text
//!              the turn has come
//!  call ──────────────────────────────────▶ made
//!    │                                        ▲
//!    │ it comes in time, and the line is      │
//!    │ not full          first come, first    │
//!    ├─────────────────▶ waiting ─────────────┘
//!    │ it comes too late
//!    └─────────────────▶ RateLimited, with the time until the turn would come
//! ```
//!
//! ```
//! use salve_rate_limit::{Config, Quota, RateLimitLayer};
//! use std::time::Duration;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! // Twenty at once, ten a second from then on, and up to 100 calls that wait 2 s at most:
//! let quota = Quota::per_second(10).with_burst(20);
//! let config = Config::new("geocoder", quota).with_queue(100).with_max_wait(Duration::from_secs(2));
//! let layer = RateLimitLayer::new(config)?;
//! let limit = layer.handle();
//! let client = service_fn(|place: &'static str| async move { Ok::<_, BoxError>(place.len()) });
//!
//! let client = ServiceBuilder::new().layer(layer).service(client);
//! assert_eq!(client.oneshot("Graz").await?, 4);
//! assert_eq!(limit.status().available, 19);
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `tiers` | 100 calls a minute | a [`Quota`], or one per [`Tier`] of a keyed limit |
//! | `queue` | 0 | calls that may wait; their memory is reserved at the start, for each key too |
//! | `max_wait` | 5 s | and never past the deadline of the surrounding call |
//! | `enforcement` | enforce | in shadow mode calls over the rate are only counted |
//!
//! **What is not used** is saved up to one burst, never more, however long nothing was called. The
//! rate is exact: an interval is rounded up to whole nanoseconds, and nothing is granted early.
//! [`Quota::smooth`] spaces calls evenly. tokio's timers count milliseconds, so that more than a
//! thousand waiting calls a second are only served if a burst covers what a millisecond allows.
//!
//! **New settings keep what has been spent**, in calls: of 100 a minute all spent, 500 a minute
//! leave 400, and 50 a minute leave a debt of 50. That holds for [`scale`](Handle::scale) and for a
//! key that changes its tier too.
//!
//! **A call may cost more than one** ([`Handle::check_n`], [`RateLimitLayer::with_cost_of`]). One
//! that costs more than a burst is refused as
//! [`TooCostly`](salve_core::Reason::TooCostly), without a time to come again.
//!
//! **Clones** of a [`Handle`], of its layers and of their services share one limit, whatever they
//! wrap. A [`KeyedHandle`] keeps one limit per key, bounded in number, without timers.
//!
//! **Dropping** a call that waits takes it out of the line without a trace: nothing was booked for
//! it. A call whose turn has come has spent it, whatever becomes of it.
//!
//! **While calls are within the rate** each costs one exchange of one word, without a lock, and
//! nothing is allocated, nor is it for a call that waits. A call that waits holds nothing of the
//! inner service, and needs tokio's runtime.

mod config;
mod cost;
mod event;
pub mod future;
mod handle;
mod keyed;
mod keyed_layer;
mod lane;
mod layer;
mod line;
mod pace;
mod policy;
mod quota;
mod service;
mod shared;
mod status;
mod steering;
mod tiers;
mod word;

pub use config::Config;
pub use cost::{AsBefore, CostOf, One, TierOf};
pub use event::Event;
pub use handle::Handle;
pub use keyed::KeyedHandle;
pub use keyed_layer::{KeyedRateLimit, KeyedRateLimitLayer};
pub use lane::{Lane, Member, Single};
pub use layer::RateLimitLayer;
pub use quota::Quota;
pub use service::RateLimit;
pub use status::{CallCounts, Status};
pub use tiers::{Tier, Tiers};
