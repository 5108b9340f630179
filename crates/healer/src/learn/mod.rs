//! What the past teaches: figures, what comes again and again, and what to change. Pure functions
//! over the state.

mod advice;
mod hints;
mod statistics;

pub use advice::{Advice, Recurring, advice, recurring};
pub use hints::{Hint, time_to_limit};
pub use statistics::{ActionFigures, Spread, Statistics, TimeSplit, statistics};
