//! Contract tests and probe services for the rooms of the salve family.
//!
//! A room states its contract in `tests/contract.rs`:
//!
//! ```text
//! salve_testkit::contract!(transparent, CircuitBreakerLayer::new(Config::default()).unwrap());
//! ```

pub mod contract;
mod error;
mod probe;

pub use allocation_counter;
pub use error::TestError;
pub use probe::{Answer, Mode, Probe, ProbeControl};
pub use tokio;
