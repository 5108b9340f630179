//! What the past teaches: figures, what comes again and again, and what to change. Pure functions
//! over the state.

mod advice;
mod hints;
mod patterns;
mod statistics;

pub use advice::{Advice, Recurring, advice, recurring};
pub use hints::{Hint, time_to_limit};
pub use patterns::{Cluster, UnderLoad, clusters, under_load};
pub use statistics::{ActionFigures, Spread, Statistics, TimeSplit, statistics};
