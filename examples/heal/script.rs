//! The script: what strikes whom, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::house::{FEED, PARTNER, SCRATCH, SHOP, STORE, WORKER};

/// How long the run is.
pub(crate) const RUN: Duration = Duration::from_secs(72);

/// What strikes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Fault {
    /// The service is killed without a warning.
    Killed,
    /// The service answers 500 until it is restarted.
    Sick,
    /// The Redis that the service needs is killed.
    StoreKilled,
    /// The worker is stopped where it stands, and its queue grows.
    Stuck,
    /// The scratch folder is full of old files.
    Full,
    /// What somebody else runs is gone for a second, and comes back.
    Blip,
    /// What somebody else runs comes and goes, for ten seconds.
    Flapping,
}

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

impl Fault {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Killed => "service killed",
            Self::Sick => "service answers 500",
            Self::StoreKilled => "Redis killed",
            Self::Stuck => "worker stuck",
            Self::Full => "scratch folder full",
            Self::Blip => "feed gone for 1 s",
            Self::Flapping => "partner flaps",
        }
    }
}
