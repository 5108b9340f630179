//! Single flight: identical requests in flight are answered by one call.
//!
//! ```text
//!  first caller of a key ─▶ call ──────────────────▶ result ─┬─▶ first caller
//!  others of that key ────▶ wait ◀─── a copy, one wake each ─┘
//!                            │ the first is dropped, panics, or its result is its own
//!                            └─▶ the next in line makes the call
//! ```
//!
//! ```
//! use salve_core::{Rejection, Repeatable};
//! use salve_fallback::single_flight::{Config, Flights, SingleFlightLayer};
//! use std::borrow::Cow;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! fn by_item(item: &String) -> Cow<'_, str> {
//!     Cow::Borrowed(item)
//! }
//! let flights = Flights::new(Config::new("stock"))?;
//! let layer = SingleFlightLayer::<str, _, _, _>::new(flights, by_item).with_request_rule(Repeatable);
//! let handle = layer.handle();
//! let client = service_fn(|item: String| async move {
//!     tokio::task::yield_now().await;
//!     Ok::<_, Rejection>(item.len())
//! });
//! let client = ServiceBuilder::new().layer(layer).service(client);
//! let item = || "screws".to_owned();
//! let (one, other) = tokio::join!(client.clone().oneshot(item()), client.oneshot(item()));
//! assert_eq!((one, other), (Ok(6), Ok(6)));
//! assert_eq!(handle.counts().shared, 1);
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `max_keys` | 10,000 | keys in flight; calls of further keys are made as if the layer were not there |
//! | `enforcement` | enforced | in shadow mode every call is made, and those that would wait are counted |
//! | request rule | none waits | [`SingleFlightLayer::with_request_rule`] says which requests only read |
//! | sharing | [`ShareAll`] | [`Flights::with_sharing`]: [`ShareAnswers`] where errors are no [`Clone`] |
//!
//! **What is shared**: a response, and an error, but not a refusal that is about the one caller (its
//! deadline, its class). With [`ShareAnswers`] no error is. Those that wait then make their own
//! calls, one after the other, until one comes to something that is shared.
//!
//! **No waiting caller is lost.** One that leads and is dropped, or panics, is followed by the one
//! that has waited longest, which makes its own call. Each caller is woken once, when its result
//! is there or it is to lead; each is bounded by its own deadline, as whoever set that drops it.
//! A leader must be polled to get on, and must not wait for its own key within its call.
//!
//! **The call** is the leader's: it runs under the leader's context, deadline and class. If nobody
//! waits, nothing is copied. A key is copied into the table, and a waiting caller takes a seat on
//! the heap; otherwise nothing is allocated in steady state.

mod board;
mod config;
mod event;
mod flights;
pub mod future;
mod handle;
mod layer;
#[cfg(all(test, not(salve_loom)))]
mod model_tests;
mod seat;
mod share;
mod shared;
mod status;

pub use config::Config;
pub use event::Event;
pub use flights::Flights;
pub use handle::Handle;
pub use layer::{SingleFlight, SingleFlightLayer};
pub use share::{ShareAll, ShareAnswers, ShareResult};
pub use status::{Counts, Status};
