//! What the engine knows after it has healed for a while: the same rules, other worlds.

use crate::player::{Engine, Luggage};
use crate::run::play_with;
use crate::scenario::{Class, Source};
use crate::{usual, wild};

/// Seeds of worlds to learn in; none is played for the table.
const SCHOOL: u64 = 1 << 40;

/// Heals so many worlds one after the other, and keeps what was learned.
#[must_use]
pub fn luggage(source: Source, worlds: u64) -> Luggage {
    let mut luggage = Luggage::default();
    for nth in 0..worlds {
        let class = Class::ALL[(nth % Class::ALL.len() as u64) as usize];
        let scenario = match source {
            Source::Usual => usual::scenario(SCHOOL + nth, class),
            Source::Wild => wild::scenario(SCHOOL + nth, class),
        };
        let mut engine = Engine::seasoned(&scenario, &luggage);
        let _ = play_with(&scenario, &mut engine, None, false);
        luggage = engine.luggage();
    }
    luggage
}
