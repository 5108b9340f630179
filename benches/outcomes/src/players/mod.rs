//! Everybody who plays.

mod breakers;
mod budgets;
mod known;
mod limits;
mod ours;
mod routing;
mod stack;
mod throttles;

pub(crate) use known::KNOWN;
pub(crate) use ours::OURS;
