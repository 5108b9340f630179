//! Kept answers: what the source answered before stands in where it fails, marked with its age.
//!
//! ```text
//!  age   0 ──────────── fresh ──────────── servable ─────▶
//!        │ fresh         │ stale            │ gone
//!        └───────────────┴──────────────────┘
//!          served where the source fails, is held to be unreachable, or is being asked
//! ```
//!
//! ```
//! use salve_core::Repeatable;
//! use salve_fallback::cache::{Answers, CacheLayer, Config};
//! use std::borrow::Cow;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! fn by_item(item: &String) -> Cow<'_, str> {
//!     Cow::Borrowed(item)
//! }
//! let answers = Answers::new(Config::queries("stock"))?
//!     .with_mark(|answer: &mut String, kept| *answer += &format!(" ({:?} ago)", kept.age));
//! let layer = CacheLayer::<str, _, _>::new(answers, by_item).with_request_rule(Repeatable);
//!
//! let up = service_fn(|_: String| async { Ok::<_, BoxError>("7 screws".to_owned()) });
//! ServiceBuilder::new().layer(layer.clone()).service(up).oneshot("screws".into()).await?;
//! tokio::time::advance(std::time::Duration::from_secs(400)).await;
//! let down = service_fn(|_: String| async { Err::<String, BoxError>("no route".into()) });
//! let kept = ServiceBuilder::new().layer(layer).service(down).oneshot("screws".into()).await?;
//! assert_eq!(kept, "7 screws (400s ago)");
//! # Ok(())
//! # }
//! ```
//!
//! | setting | default | |
//! |---|---|---|
//! | `fresh` | 5 min ([`Config::lists`]: 1 h) | the age at which an answer is stale |
//! | `servable` | 1 h ([`Config::lists`]: 24 h) | the age at which it is served no more |
//! | `serve_fresh` | no | fresh answers are served without asking |
//! | `revalidate` | no | one caller at a time asks for a key that has an answer; others get that |
//! | `verdict` | 30 s | how long a source that was unreachable is not asked, where there is an answer |
//! | `scope` | source | whom the verdict is about: the source, or the key alone |
//! | `max_entries` | 10,000 | the least recently used go first; [`Answers::weighed`] bounds weight too |
//! | `catch_panics` | no | a panic is a failure like any other |
//! | `enforcement` | enforced | in shadow mode answers are kept, and only counted as served |
//! | request rule | nothing is kept | [`CacheLayer::with_request_rule`] says which requests only read |
//! | classifier | every error is a failure | [`Answers::with_classifier`] |
//! | copies of answers | [`Clone`] | [`Answers::with_cloner`] |
//!
//! **Kept is** a success, and nothing else: no failure, nothing that is ignored, no answer that has
//! only begun. An answer of an earlier call replaces none of a later one. It is copied when it is
//! kept and when it is served.
//!
//! **Unreachable** is a failure of that kind, or the refusal of an open breaker; if that says when
//! to come again and it is sooner, the source is asked then. Whatever answers, be it with an error,
//! lifts the verdict; a timeout says nothing. A key that has no answer is asked for all the same.
//!
//! **The caller that revalidates** waits for the source. If it is dropped, the next caller does so.
//! For keys that have no answer yet, put [`single_flight`](crate::single_flight) within.
//!
//! **Time** is tokio's, and stands in the entries; moka only bounds how many there are.

mod answers;
mod config;
mod event;
pub mod future;
mod handle;
mod layer;
mod life;
#[cfg(all(test, not(salve_loom)))]
mod model_tests;
mod shared;
mod status;
mod store;

pub use answers::{Answers, CloneResponse};
pub use config::{Config, Scope};
pub use event::Event;
pub use handle::Handle;
pub use layer::{Cache, CacheLayer};
pub use life::{Cause, Kept};
pub use status::{Counts, Status};
