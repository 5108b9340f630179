//! Everybody who plays.

mod breakers;
mod budgets;
mod known;
mod limits;
mod routing;
mod stack;
mod throttles;

pub(crate) use known::KNOWN;
