//! Single flight: identical requests in flight are answered by one call.

mod board;
mod config;
mod event;
mod flights;
pub mod future;
mod handle;
mod layer;
#[cfg(all(test, not(salve_loom)))]
mod model_tests;
mod seat;
mod share;
mod shared;
mod status;

pub use config::Config;
pub use event::Event;
pub use flights::Flights;
pub use handle::Handle;
pub use layer::{SingleFlight, SingleFlightLayer};
pub use share::{ShareAll, ShareAnswers, ShareResult};
pub use status::{Counts, Status};
