//! Retries: attempts again what failed for a moment, and knows when to stop.
//!
//! ```text
//!            ┌──────────────── wait: backoff, or what the dependency asked for ◀──┐
//!            ▼                                                                    │ attempts, time and
//!  call ─▶ attempt ─▶ success ─▶ answer                                           │ budget are left
//!            │                                                                    │
//!            └──────▶ failure ─▶ worth a retry, and safe to repeat or never sent? ┤
//!                                   │ no                                          │ not left
//!                                   ▼                                             ▼
//!                                 error                            error, and a dead letter
//! ```
//!
//! ```
//! use salve_core::Repeatable;
//! use salve_retry::{Config, RetryLayer};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let layer = RetryLayer::new(Config::new("inventory"))?.with_request_rule(Repeatable);
//! let retries = layer.handle();
//! let client = service_fn(|item: &'static str| async move { Ok::<_, BoxError>(item.len()) });
//!
//! let client = ServiceBuilder::new().layer(layer).service(client);
//! assert_eq!(client.oneshot("screws").await?, 6);
//! assert_eq!(retries.counts().attempts, 1);
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `max_attempts` | 3 | attempts in all, those of nested retries among them |
//! | `backoff` | 100 ms, doubling to 30 s, full jitter | the cap holds after jitter |
//! | `total_deadline` | none | counts waiting, readiness and every attempt |
//! | `attempt_timeout` | none | counts readiness; the inner result wins at the edge |
//! | `max_retry_after` | 300 s | a call is given up if the dependency asks for a longer wait |
//! | `retry_unsent` | yes | what was never sent is attempted again, repeatable or not |
//! | `enforcement` | enforced | in shadow mode retries are only counted |
//! | budget | its own: 20 % and 10/s over 10 s | [`RetryLayer::with_budget`] shares one, [`RetryLayer::without_budget`] has none |
//! | request rule | no request is repeatable | [`RetryLayer::with_request_rule`] |
//! | classifier | every error is a failure | [`RetryLayer::with_classifier`] |
//! | copies of requests | [`Clone`] | [`RetryLayer::with_cloner`] |
//! | dead letters | none | [`RetryLayer::with_dead_letters`] |
//!
//! **What is attempted again**: a failure that is not permanent, of a request that may be repeated
//! or was never sent. A wait that the dependency asked for takes the place of the backoff, however
//! short or long, and is never cut short. Permanent and ignored results are left as they are, and
//! make no dead letters.
//!
//! **A request is copied** only before an attempt that another may follow, as far as attempts,
//! rule, budget and deadline can tell, or if there is a sink for dead letters. To retry what was
//! never sent, also requests that may not be repeated are copied; without `retry_unsent` they are
//! not.
//!
//! **Nested retries do not multiply**: the outermost decides how many attempts there are, and
//! those within take from it; three in three make three. Only the outermost counts the call in its
//! budget; each pays for the retries that it makes itself.
//!
//! **The deadline** of the [`CallContext`](salve_core::CallContext) holds too: no attempt begins
//! at or after it, and the last result is returned at once if the next could not begin before it.
//! That result is kept while another attempt waits and seeks readiness, and dropped when that is
//! made. An attempt that is cut off by `total_deadline` is reported as such, since it may have
//! been carried out.
//!
//! **Clones** of a [`Handle`], of its layers and of their services share one policy, its budget and
//! its counters. A call clones the service once, however many attempts it makes, and once more
//! after a failure at readiness.
//!
//! **Keys**: [`KeyedRetryLayer`] and [`KeyedHandle`] keep a budget for each host or tenant, so that
//! one that fails does not use up what the others could retry with.
//!
//! **Dropping** a call's future ends the attempt that runs and makes no other; what the budget was
//! paid stays paid. A panic of the inner service reaches the caller and is not retried.
//!
//! **While all is well** nothing is allocated or locked, and the timer is not touched: it is armed
//! when an attempt with a limit has to wait. Waiting needs tokio's time driver.

mod attempts;
mod backoff;
mod config;
mod dead_letters;
pub mod engine;
mod event;
pub mod future;
mod handle;
mod keyed;
mod keyed_layer;
mod layer;
mod presets;
mod rules;
mod service;
mod shared;
mod status;
mod steering;
mod work;

pub use attempts::{Cause, GaveUp};
pub use backoff::{Backoff, Curve, Jitter};
pub use config::Config;
pub use dead_letters::{DeadLetter, DeadLetterBox, DeadLetters, KeptLetter, NoDeadLetters};
pub use event::Event;
pub use handle::{Handle, retry, retry_with};
pub use keyed::KeyedHandle;
pub use keyed_layer::{KeyedRetry, KeyedRetryLayer};
pub use layer::RetryLayer;
pub use rules::{ByClone, CloneRequest, Rules};
pub use service::Retry;
pub use status::CallCounts;
#[cfg(test)]
mod model_tests;
