//! A bulkhead: so many calls at once, so many more that wait, and the rest is told at once.
//!
//! ```text
//!              a place is free
//!  call ──────────────────────────────────▶ under way ──▶ place given back
//!    │                                          ▲                │
//!    │ none is free     the highest class first │                │
//!    ├─────────────────▶ waiting ───────────────┴────────────────┘
//!    │                     ├──▶ QueueTimeout · DeadlineExceeded
//!    │ nobody more waits   └──▶ Displaced, by a call that matters more
//!    └─────────────────▶ Full
//! ```
//!
//! ```
//! use salve_bulkhead::{BulkheadLayer, Config};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let layer = BulkheadLayer::new(Config::new("inventory").with_places(10))?;
//! let bulkhead = layer.handle();
//! let client = service_fn(|item: &'static str| async move { Ok::<_, BoxError>(item.len()) });
//!
//! let client = ServiceBuilder::new().layer(layer).service(client);
//! assert_eq!(client.oneshot("screws").await?, 6);
//! assert_eq!(bulkhead.status().in_use, 0);
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `places` | 25 | calls under way at once; can be changed while it runs |
//! | `adaptive` | none | moves the number of places with what the dependency can take |
//! | `queue` | 0 | calls that may wait; their memory is reserved at the start, for each key too |
//! | `max_wait` | 30 s | and never past the deadline of the surrounding call |
//! | `order` | first come, first served | or the last first, within a class; or by how long the line stands |
//! | `tenant_lanes` | 1 | lanes of a class that are served in turn, so that no tenant takes it all |
//! | `ramp` | none | refuses a growing share of those who would wait, the lower classes first |
//! | `enforcement` | enforce | in shadow mode calls beyond places and queue are only counted |
//!
//! A call's class is what a [`RequestRule`](salve_core::RequestRule) says, or that of the
//! surrounding [`CallContext`](salve_core::CallContext). A higher class is served first, and may
//! push a waiting lower one out of a full line. A tenant is what the rule says, or
//! [`Acquire::with_tenant`](future::Acquire::with_tenant); places are anybody's while nobody waits. In shadow mode nobody waits.
//!
//! **Adaptive**, the number of places moves between a floor and a ceiling, by the [`Algorithm`] of
//! one's choice. Latency is measured from when a call has its place until its answer begins: an
//! answer's length is the caller's wish, not the dependency's trouble. In shadow mode the number
//! moves too, and refuses nobody.
//!
//! ```
//! use salve_bulkhead::{Adaptive, Config, Handle};
//! use salve_core::Outcome;
//!
//! let adaptive = Adaptive::default().with_bounds(2, 100);
//! let bulkhead = Handle::new(Config::new("inventory").with_places(10).with_adaptive(adaptive))?;
//! let permit = bulkhead.try_acquire()?;
//! permit.finish(Outcome::Success);
//! assert!(bulkhead.status().usual_latency.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Clones** of a [`Handle`], of its layers and of their services share one bulkhead, whatever
//! they wrap. A [`KeyedHandle`] keeps one bulkhead per key, bounded in number, without timers.
//!
//! **Dropping** a call's future, or its [`Permit`], gives its place back at once, to whoever waits
//! for it; one that waits leaves the line without a trace. A panic of the inner service gives the
//! place back too. An answer that has only begun keeps its place until it ends.
//!
//! **While a place is free** it is taken with one exchange of one word, without a lock, and given
//! back with one more; where the number moves, there are two clock readings and a short lock besides.
//! Nothing is allocated, nor is it for a call that waits. A call that waits
//! holds nothing of the inner service, and needs tokio's runtime if time can end its wait.

mod compartment;
mod config;
pub mod engine;
mod event;
pub mod future;
mod handle;
mod idle;
mod keyed;
mod keyed_layer;
mod lane;
mod lanes;
mod layer;
mod limit;
mod permit;
mod policy;
mod ramp;
mod service;
mod shared;
mod status;
mod steering;
mod turn;
mod word;

pub use config::{Config, Order};
pub use event::Event;
pub use handle::Handle;
pub use idle::Idle;
pub use keyed::KeyedHandle;
pub use keyed_layer::{KeyedBulkhead, KeyedBulkheadLayer};
pub use lane::{Lane, Member, Single};
pub use layer::BulkheadLayer;
pub use limit::{Adaptive, Algorithm, Why};
pub use permit::Permit;
pub use ramp::Ramp;
pub use service::Bulkhead;
pub use status::{CallCounts, Status};
