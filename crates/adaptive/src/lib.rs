//! One controller per dependency, which decides by outcome.

mod call;
mod config;
mod controller;
mod limit;
mod overtime;
mod pulse;
mod queue;
mod quota;
mod routes;
mod scopes;
mod status;
mod suspicion;
mod work;
mod worth;

pub use call::{Act, Ask, AttemptId, CallId, Ended};
pub use config::{Config, Part};
pub use controller::Controller;
pub use status::{Counts, Status};
