//! Keeps a program's calls to other systems alive.
//!
//! `salve` joins a family of small crates, each of them a tower layer that also works without
//! tower: [circuit breaker](circuit_breaker).

mod error;
mod gate;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
mod lift;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "sqlx")]
pub mod sql;

pub use salve_circuit_breaker as circuit_breaker;
pub use salve_core::*;

pub use error::{Error, Lifted};
pub use gate::{GateLayer, Gated, GatedFuture};
pub use lift::{Lift, LiftFuture, LiftLayer, lift};
