//! Lets everybody play every scenario, on all processors.

use std::sync::Mutex;
use std::thread;

use crate::model;
use crate::oracle::Bound;
use crate::player::Entry;
use crate::scenario::Scenario;
use crate::score::Score;

/// What one player reached, scenario by scenario.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
    pub(crate) scores: Vec<Score>,
}

impl Row {
    pub(crate) fn mean_of(&self, figure: impl Fn(&Score) -> f64) -> f64 {
        self.scores.iter().map(figure).sum::<f64>() / self.scores.len().max(1) as f64
    }

    pub(crate) fn mean(&self) -> f64 {
        self.mean_of(|score| score.score)
    }

    /// The least score: what pages people.
    pub(crate) fn worst(&self) -> f64 {
        self.scores.iter().map(|score| score.score).fold(f64::MAX, f64::min)
    }
}

/// Plays all of it. The result depends on `seed` alone, and not on who is done first.
pub(crate) fn play(entries: &[Entry], scenarios: &[Scenario], seed: u64) -> Vec<Row> {
    let jobs: Vec<(usize, usize)> = (0..scenarios.len())
        .flat_map(|scenario| (0..entries.len()).map(move |entry| (entry, scenario)))
        .collect();
    let scores = Mutex::new(vec![vec![Score::default(); scenarios.len()]; entries.len()]);
    let next = Mutex::new(jobs.into_iter());
    let take = || next.lock().map(|mut jobs| jobs.next()).unwrap_or_default();
    let work = || {
        while let Some((entry, scenario)) = take() {
            let score = score(&entries[entry], &scenarios[scenario], seed);
            if let Ok(mut scores) = scores.lock() {
                scores[entry][scenario] = score;
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let scores = scores.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let row = |(entry, scores): (&Entry, _)| Row { name: entry.name, source: entry.source, scores };
    entries.iter().zip(scores).map(row).collect()
}

fn score(entry: &Entry, scenario: &Scenario, seed: u64) -> Score {
    let fates = model::play(entry, scenario, seed);
    let bound = Bound::of(scenario, &fates.requests);
    Score::of(scenario, &fates, &bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::CLAIRVOYANT;
    use crate::players::KNOWN;
    use crate::scenario;

    fn row(player: &str, scenarios: &[&str]) -> Row {
        let everybody = KNOWN.iter().chain([&CLAIRVOYANT]);
        let entries: Vec<Entry> = everybody.filter(|entry| entry.name == player).copied().collect();
        let mut chosen = scenario::all();
        chosen.retain(|scenario| scenarios.contains(&scenario.id));
        let rows = play(&entries, &chosen, 1);
        rows.into_iter().next().unwrap_or_else(|| panic!("nobody is called {player}"))
    }

    /// What an independent simulation of the same model had found, with other random numbers.
    #[test]
    fn known_policies_fare_as_others_have_found() {
        for (player, expected) in [
            ("no retry", [("S03", 77.0), ("S05", 43.0), ("S08", 1.0), ("S13", 80.0)]),
            ("AWS standard", [("S03", 91.0), ("S05", 43.0), ("S11", 95.0), ("S18", 79.0)]),
            ("3 retries, full jitter", [("S04", 73.0), ("S05", 1.0), ("S09", 61.0), ("S17", 0.0)]),
            ("A + Vegas", [("S05", 87.0), ("S08", 62.0), ("S16", 75.0), ("S21", 50.0)]),
        ] {
            let row = row(player, &expected.map(|(id, _)| id));
            for ((id, expected), score) in expected.iter().zip(&row.scores) {
                let reached = score.score;
                assert!((reached - expected).abs() < 4.0, "{player} in {id}: {reached}");
            }
        }
    }

    #[test]
    fn the_bound_is_tight_and_nobody_is_above_it() {
        let row = row("clairvoyant", &["S03", "S04", "S05", "S09", "S18"]);
        for score in &row.scores {
            assert!((96.0..=100.0).contains(&score.score), "{score:?}");
        }
    }

    #[test]
    fn a_seed_decides_everything() {
        let one = row("3 retries, 20 % budget, Vegas", &["S05", "S21"]);
        let other = row("3 retries, 20 % budget, Vegas", &["S05", "S21"]);
        assert_eq!(one.scores, other.scores);
    }
}
