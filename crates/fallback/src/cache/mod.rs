//! Kept answers: stands in with what the source answered before, marked with its age.

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
