//! The script: what strikes whom, and when.

use std::time::Duration;

use crate::house::{FEED, PARTNER, SCRATCH, SHOP, STORE, WORKER};
use crate::summary::Fault;

/// How long the run is.
pub(crate) const RUN: Duration = Duration::from_secs(72);

/// One line of the script.
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
    pub(crate) target: &'static str,
}

const fn at(secs: u64, fault: Fault, target: &'static str) -> Step {
    Step { at: Duration::from_secs(secs), fault, target }
}

/// In the order in which it strikes. Nothing ever strikes the clock.
pub(crate) const SCRIPT: &[Step] = &[
    at(3, Fault::Killed, SHOP),
    at(13, Fault::Sick, SHOP),
    at(23, Fault::StoreKilled, STORE),
    at(32, Fault::Stuck, WORKER),
    at(43, Fault::Full, SCRATCH),
    at(48, Fault::Blip, FEED),
    at(51, Fault::Flapping, PARTNER),
];
