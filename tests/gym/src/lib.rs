//! The gym: thousands of worlds in virtual time, in which the healer's engine is judged beside others.
#![allow(clippy::missing_panics_doc, reason = "what the engine must not do ends the play")]

pub mod catalogue;
pub mod dice;
pub mod player;
pub mod run;
pub mod scenario;
pub mod truth;
pub mod usual;
pub mod watch;
