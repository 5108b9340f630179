//! Lets everybody play everything, on all processors, with the same outcome on any of them.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::audit::audit;
use crate::catalogue;
use crate::player::{Luggage, Name};
use crate::run::{Played, first_failure, play};
use crate::scenario::{Class, Scenario, Source};
use crate::{season, usual, wild};

/// What to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Worlds of the first generator.
    pub usual: u64,
    /// Worlds of the second.
    pub wild: u64,
    /// The first seed.
    pub seed: u64,
    /// Worlds in which the seasoned healer has learned.
    pub school: u64,
    /// Who plays.
    pub players: Vec<Name>,
    /// Only these classes.
    pub classes: Vec<Class>,
}

/// What came of one world, for each player in their order.
#[derive(Clone, Debug)]
pub struct Row {
    /// Who made it.
    pub source: Source,
    /// What was wrong.
    pub class: Class,
    /// Its seed.
    pub seed: u64,
    /// Whether it can be healed, as its luck stands.
    pub curable: bool,
    /// What came of it.
    pub played: Vec<Played>,
    /// What an auditor found in the journals: player and invariant.
    pub violations: Vec<(Name, String)>,
}

impl Plan {
    /// The nth world.
    #[must_use]
    pub fn scenario(&self, nth: u64) -> Scenario {
        let class = self.classes[(nth % self.classes.len() as u64) as usize];
        let seed = self.seed.wrapping_add(nth);
        if nth < self.usual { usual::scenario(seed, class) } else { wild::scenario(seed, class) }
    }

    /// Plays all of it.
    #[must_use]
    pub fn play(&self) -> Vec<Row> {
        let learns = self.players.contains(&Name::Seasoned);
        let luggage = match learns {
            true => season::luggage(Source::Usual, self.school),
            false => Luggage::default(),
        };
        let count = (self.usual + self.wild) as usize;
        let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count)));
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let nth = next.fetch_add(1, Ordering::Relaxed);
                        if nth >= count {
                            return;
                        }
                        let row = self.one(nth as u64, &luggage);
                        rows.lock().unwrap_or_else(PoisonError::into_inner).push((nth, row));
                    }
                });
            }
        });
        let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.sort_by_key(|(nth, _)| *nth);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn one(&self, nth: u64, luggage: &Luggage) -> Row {
        let scenario = self.scenario(nth);
        let from = first_failure(&scenario);
        let (mut all, mut violations) = (Vec::new(), Vec::new());
        for name in &self.players {
            let compares = !matches!(name, Name::Nobody | Name::Knowing);
            let (played, player) = play(*name, &scenario, luggage, from, compares);
            if name.has_journal() {
                let found = audit(player.journal(), &catalogue::policy());
                violations.extend(found.into_iter().map(|fault| (*name, fault)));
            }
            all.push(played);
        }
        let curable = catalogue::is_curable(&scenario);
        let Scenario { source, class, seed, .. } = scenario;
        Row { source, class, seed, curable, played: all, violations }
    }
}
