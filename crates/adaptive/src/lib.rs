//! One controller per dependency, which decides by outcome.

mod controller;
mod limit;
mod pace;
mod pulse;
mod routes;
mod suspicion;
mod work;
mod worth;

pub use controller::{Act, Ask, CallId, Controller, Ended, Settings};
