//! One controller per dependency, which decides by outcome.

mod call;
mod config;
mod controller;
pub mod future;
mod handle;
mod layer;
mod limit;
mod overtime;
mod pulse;
mod queue;
mod quota;
mod routes;
mod scopes;
mod service;
mod shared;
mod status;
mod suspicion;
mod work;
mod worth;

pub use call::{Act, Ask, AttemptId, CallId, Ended};
pub use config::{Config, Part};
pub use controller::Controller;
pub use handle::Handle;
pub use layer::AdaptiveLayer;
pub use service::Adaptive;
pub use status::{Counts, Status};
