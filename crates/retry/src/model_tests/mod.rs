//! The engines beside slow obvious twins.

mod decisions;
mod schedules;
