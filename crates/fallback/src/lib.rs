//! Fallback: what to answer when a call failed.

mod alternatives;
#[cfg(feature = "cache")]
pub mod cache;
mod chain;
mod config;
mod event;
pub mod future;
mod handle;
mod judge;
mod layer;
mod order;
mod service;
mod shared;
mod status;
#[cfg(feature = "cache")]
mod work;

pub use alternatives::{Alternative, Failed};
pub use chain::Chain;
pub use config::{Config, Returned};
pub use event::Event;
pub use handle::Handle;
pub use layer::FallbackLayer;
pub use order::Why;
pub use salve_core::{ByClone, CloneRequest};
pub use service::Fallback;
pub use status::{AlternativeCounts, Counts};

#[cfg(all(test, not(salve_loom)))]
mod model_tests;
