//! Contract tests and probe services for the rooms of the salve family.
//!
//! A room states its contract in `tests/contract.rs`:
//!
//! ```text
//! salve_testkit::contract!(transparent, CircuitBreakerLayer::new(Config::default()).unwrap());
//! ```
//!
//! With the feature `servers` it starts real servers: `salve_testkit::servers`; with `kubernetes` one that
//! speaks a part of that API: `salve_testkit::kubernetes`.

pub mod contract;
mod error;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod probe;
#[cfg(feature = "servers")]
pub mod servers;

pub use allocation_counter;
pub use error::TestError;
pub use probe::{Answer, Mode, Probe, ProbeControl};
pub use tokio;
