//! The gym: thousands of worlds in virtual time, in which the healer's engine is judged beside others.
#![allow(clippy::missing_panics_doc, reason = "what the engine must not do ends the play")]

#[path = "../../../crates/healer/tests/world/audit.rs"]
mod audit;
pub mod catalogue;
pub mod command;
pub mod dice;
pub mod player;
pub mod regret;
pub mod run;
pub mod scenario;
pub mod score;
pub mod season;
pub mod table;
pub mod tournament;
pub mod truth;
pub mod usual;
pub mod watch;
pub mod wild;
