//! Everybody who plays.

mod breakers;
mod budgets;
mod copies;
mod known;
mod ladders;
mod limits;
mod ours;
mod routing;
mod shipped;
mod stack;
mod throttles;

use crate::oracle::CLAIRVOYANT;
use crate::player::Entry;

pub(crate) use known::{KNOWN, naive};
pub(crate) use ours::{ABLATIONS, OURS};
pub(crate) use shipped::SHIPPED;

/// Everybody whose name contains `text`; what is left of ours without its parts only where that is
/// asked for.
pub(crate) fn named(text: &str, ablations: bool) -> Vec<Entry> {
    let ours = std::slice::from_ref(&OURS);
    let clairvoyant = std::slice::from_ref(&CLAIRVOYANT);
    let groups =
        if ablations { [ours, ABLATIONS, &[], &[]] } else { [ours, KNOWN, SHIPPED, clairvoyant] };
    let everybody = groups.into_iter().flatten();
    everybody.filter(|entry| entry.name.contains(text)).copied().collect()
}
