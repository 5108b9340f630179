//! One controller per dependency, which decides by outcome.

mod controller;
mod limit;
mod overtime;
mod pace;
mod pulse;
mod routes;
mod suspicion;
mod work;
mod worth;

pub use controller::{Act, Ask, AttemptId, CallId, Controller, Ended, Settings};
