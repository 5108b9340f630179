//! Hedging: sends a late call a second time, and takes the first answer.
//!
//! ```text
//!  call ─▶ first ──────────────────────────────▶ success ─┐
//!            │ late: a fixed time, or longer              │ first answer wins,
//!            │ than 95 % of calls take                    ├─▶ the others are dropped
//!            ▼                                            │
//!          safe to repeat, time and budget left? ─▶ copy ─┘
//!            │ no
//!            ▼
//!          goes on alone                          failure ─▶ kept while another copy is under way
//! ```
//!
//! ```
//! use salve_core::Repeatable;
//! use salve_hedge::{Config, HedgeLayer};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let layer = HedgeLayer::new(Config::new("inventory"))?.with_request_rule(Repeatable);
//! let hedges = layer.handle();
//! let client = service_fn(|item: &'static str| async move { Ok::<_, BoxError>(item.len()) });
//!
//! let client = ServiceBuilder::new().layer(layer).service(client);
//! assert_eq!(client.oneshot("screws").await?, 6);
//! assert_eq!(hedges.counts().copies, 0);
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `delay` | the 95 % quantile | or a fixed time; counted from when the service was called |
//! | `share` | 95 % | of the calls are answered before a copy would be sent |
//! | `min_samples` | 100 | answers to measure before the first copy is sent |
//! | `floor`, `ceiling` | 1 ms, 10 s | no measured delay lies outside |
//! | `window` | 30 s | how long a latency counts: half of this at least, all of it at most |
//! | `max_copies` | 1 | copies of one call beside itself, each after the delay anew |
//! | `enforcement` | enforced | in shadow mode copies are only counted |
//! | budget | its own: 20 % and 10/s over 10 s | [`HedgeLayer::with_budget`] shares one, [`HedgeLayer::without_budget`] has none |
//! | request rule | no request is repeatable | [`HedgeLayer::with_request_rule`] |
//! | classifier | every error is a failure | [`HedgeLayer::with_classifier`] |
//! | copies of requests | [`Clone`] | [`HedgeLayer::with_cloner`] |
//!
//! **What wins** is the first result that the classifier does not call a failure. A failure waits
//! while another copy is under way; when every copy has failed, the caller gets the first failure,
//! or the first refusal if nothing was sent. A failure of a call that has no copy is returned at
//! once: to repeat what failed is for retries. What lost is dropped before the answer is returned,
//! which a circuit breaker further in takes for a cancellation and not for a failure. An answer
//! that has only begun, such as a body that streams, is one.
//!
//! **A copy is sent** of a request that may be repeated, before the deadline of the
//! [`CallContext`](salve_core::CallContext), if the budget pays for it and the retries around it
//! have an attempt left. A copy is an attempt of theirs, and is itself one attempt: retries and
//! hedges further in do not repeat it. So copies add to attempts and never multiply them. Inside
//! retries, share one budget with them: a call counts only in the outermost.
//!
//! **A request is copied** only when the call is made and a copy may follow it, as far as rule,
//! measurements, attempts, deadline and budget can tell. A call that waits for the service to
//! become ready gets no copy, which would wait in the same line.
//!
//! **The measured delay** is that of each call's first copy, in 137 steps of 12.5 % (of 131 µs
//! below 1 ms), rounded up, so a delay is never shorter than what was measured and at most that
//! much longer. What failed, was dropped by its caller or lost to a copy is known to have taken
//! longer than it was watched for, and counts as just that (Kaplan and Meier's estimate): hedging
//! and impatient callers do not make the service look faster than it is. Where the quantile lies
//! beyond what was seen, the delay is the ceiling. It is worked out anew every 32nd of the window;
//! timers go by milliseconds.
//!
//! **Clones** of a [`Handle`], of its layers and of their services share one policy, its budget,
//! its measurements and its counters. A call clones the service once, and once for each copy.
//!
//! **Dropping** a call's future drops the call and its copies; what the budget was paid stays
//! paid. A panic of the inner service reaches the caller.
//!
//! **While no copy is sent** nothing is allocated or locked. The future holds the call itself; a
//! copy is put into memory of its own when it is sent. A policy takes 360 bytes, 248 more for a
//! budget of its own, and 2304 more if it measures. Waiting needs tokio's time driver.

mod config;
mod copies;
pub mod engine;
mod event;
pub mod future;
mod handle;
mod keyed;
mod keyed_layer;
mod latency;
mod layer;
mod meter;
mod rules;
mod service;
mod shared;
mod status;
mod steering;
mod work;

pub use config::{Config, Delay, Quantile};
pub use event::Event;
pub use handle::{Handle, hedge, hedge_with};
pub use keyed::KeyedHandle;
pub use keyed_layer::{KeyedHedge, KeyedHedgeLayer};
pub use layer::HedgeLayer;
pub use rules::Rules;
pub use salve_core::{ByClone, CloneRequest};
pub use service::Hedge;
pub use status::{CallCounts, Status};

#[cfg(salve_loom)]
pub use meter::model;
#[cfg(all(test, not(salve_loom)))]
mod model_tests;
