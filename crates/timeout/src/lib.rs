//! Time limits: no call waits longer than it was given, whoever gave it.
//!
//! ```text
//!  total    ├──────────────────────────────────────────────────────┤ DeadlineExceeded
//!  attempt  ├────────────────────┤ AttemptTimeout
//!           ├── readiness ──┼── call ──▶ answer
//!  handed down: the sooner of the caller's deadline and this layer's own
//! ```
//!
//! ```
//! use salve_timeout::{Config, TimeoutLayer, preset};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let layer = TimeoutLayer::new(Config::of_attempt("inventory", preset::HTTP))?;
//! let timeouts = layer.handle();
//! let client = service_fn(|item: &'static str| async move { Ok::<_, BoxError>(item.len()) });
//!
//! let client = ServiceBuilder::new().layer(layer).service(client);
//! assert_eq!(client.oneshot("screws").await?, 6);
//! assert_eq!(timeouts.counts().attempt_timeouts, 0);
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `attempt` | none | what passes this layer once may take so long, readiness included |
//! | `total` | 30 s | the whole call, from when an outer layer says that it began |
//! | `enforcement` | enforce | in shadow mode calls go on and are only counted |
//!
//! At least one of the two limits is set. [`TimeoutLayer::with_limit_for`] gives single requests
//! an attempt limit of their own. A deadline of the surrounding [`CallContext`] is kept as well,
//! and inner layers see the sooner of it and this layer's own, never a later one.
//!
//! A call whose time is over before it starts is refused without calling the service, and one
//! whose time runs out while the service is not ready was never sent: [`Sent::No`]. After that it
//! may have been: [`Sent::Unknown`]. A result that is there when the time runs out is returned.
//!
//! Time begins when the response is first polled; in the form of [`TimeoutLayer::call_only`],
//! which needs no `Clone` and does not limit readiness, when the service is called. An answer
//! that has only begun keeps its deadline in its [`Settlement`].
//!
//! **Clones** of a [`Handle`], of its layers and of their services share settings and counts.
//!
//! **Dropping** a call's future drops the inner one; nothing is counted.
//!
//! **While all is well** the clock is read once, nothing shared is written, and no timer is made
//! unless the inner service has to be waited for. A timer needs tokio's runtime.
//!
//! [`CallContext`]: salve_core::CallContext
//! [`Sent::No`]: salve_core::Sent::No
//! [`Sent::Unknown`]: salve_core::Sent::Unknown
//! [`Settlement`]: salve_core::Settlement

mod call_only;
mod config;
mod event;
pub mod future;
mod handle;
mod layer;
mod limits;
pub mod preset;
mod service;
mod shared;

pub use call_only::{CallOnlyTimeout, CallOnlyTimeoutLayer};
pub use config::Config;
pub use event::Event;
pub use handle::{Handle, timeout};
pub use layer::{ConfiguredLimit, LimitFor, TimeoutLayer};
pub use service::Timeout;
pub use shared::TimeoutCounts;
