//! Lets everybody play every scenario, on all processors.

use std::sync::Mutex;
use std::thread;

use crate::curve::Curve;
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
    pub(crate) curves: Vec<Curve>,
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
    let played = Mutex::new(vec![vec![Played::default(); scenarios.len()]; entries.len()]);
    let next = Mutex::new(jobs.into_iter());
    let take = || next.lock().map(|mut jobs| jobs.next()).unwrap_or_default();
    let work = || {
        while let Some((entry, scenario)) = take() {
            let result = play_one(&entries[entry], &scenarios[scenario], seed);
            if let Ok(mut played) = played.lock() {
                played[entry][scenario] = result;
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let played = played.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let row = |(entry, played): (&Entry, Vec<Played>)| {
        let (scores, curves) = played.into_iter().unzip();
        Row { name: entry.name, source: entry.source, scores, curves }
    };
    entries.iter().zip(played).map(row).collect()
}

type Played = (Score, Curve);

fn play_one(entry: &Entry, scenario: &Scenario, seed: u64) -> Played {
    let fates = model::play(entry, scenario, seed);
    let bound = match scenario.beyond.users {
        Some(_) => Bound::of(scenario, &model::wishes(scenario, seed)),
        None => Bound::of(scenario, &fates.requests),
    };
    (Score::of(scenario, &fates, &bound), Curve::of(scenario, &fates))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::QUICK;
    use crate::player::Make;
    use crate::time::SECOND;
    use crate::{players, scenario};

    fn row(player: &str, scenarios: &[&str]) -> Row {
        let mut entries = players::named(player, false);
        entries.retain(|entry| entry.name == player);
        let mut chosen = scenario::all();
        chosen.extend(scenario::further());
        chosen.retain(|scenario| scenarios.contains(&scenario.id));
        let rows = play(&entries, &chosen, 1);
        rows.into_iter().next().unwrap_or_else(|| panic!("nobody is called {player}"))
    }

    const PAGE: &str = include_str!("../../../docs/outcomes.md");

    /// What the page says of a player in its first table that has this scenario.
    fn told<'a>(player: &str, scenario: &str) -> &'a str {
        let cells = |line: &'a str| -> Vec<&'a str> { line.split('|').map(str::trim).collect() };
        let mut lines = PAGE.lines().map(cells).skip_while(|cells| cells.get(1) != Some(&"player"));
        let place = lines.find_map(|cells| cells.iter().position(|cell| *cell == scenario));
        let place = place.unwrap_or_else(|| panic!("the page has no {scenario}"));
        let row = lines.find(|cells| cells.get(1) == Some(&player));
        row.unwrap_or_else(|| panic!("the page has no {player}"))[place]
    }

    fn is_as_told(row: &Row, scenarios: &[&str]) {
        for (score, id) in row.scores.iter().zip(scenarios) {
            assert_eq!(format!("{:.0}", score.score), told(row.name, id), "{}, {id}", row.name);
        }
    }

    /// Whatever is added to the model: where it is not asked for, nothing changes.
    #[test]
    fn the_plain_model_gives_what_the_page_says() {
        let all: Vec<_> = scenario::all().iter().map(|scenario| scenario.id).collect();
        is_as_told(&row("no retry", &all), &all);
    }

    /// The scoreboard's short run: what the documentation says of ours must stay true.
    #[test]
    fn ours_is_better_than_whatever_else_is_played() {
        let (quick, further): (Vec<&str>, _) = QUICK.split(',').partition(|id| id.starts_with('S'));
        let ours = row("salve adaptive", &quick);
        is_as_told(&ours, &quick);
        assert!(
            ours.mean() > 95.0 && ours.worst() > 92.0,
            "{:.1} {:.1}",
            ours.mean(),
            ours.worst()
        );
        // The second is the best there is where nobody can choose against the slow replica.
        let others = ["A + Vegas + partitions", "3 retries, full jitter", "AWS standard"];
        for other in others {
            let row = row(other, &quick);
            is_as_told(&row, &quick);
            assert!(ours.mean() > row.mean() + 3.0, "{other} reaches {:.1}", row.mean());
            ours_is_not_below(&ours, &row, &quick);
        }
        let ours = row("salve adaptive", &further);
        is_as_told(&ours, &further);
        ours_is_not_below(&ours, &row("A + salve Gradient2", &further), &further);
    }

    /// The engines of `salve-hedge` and `salve-degradation` are at work, and reach what is told.
    #[test]
    fn hedges_and_ladders_that_ship_do_what_the_page_says() {
        let scenarios = ["S07", "S15", "S16"];
        let [hedge, both, ladder, limit] = [
            "salve hedge",
            "salve retry, budget, hedge",
            "A + salve Gradient2 + ladder",
            "A + salve Gradient2",
        ]
        .map(|name| row(name, &scenarios));
        for row in [&hedge, &both, &ladder] {
            is_as_told(row, &scenarios);
        }
        let alone = row("salve retry, budget", &scenarios);
        let copies = |row: &Row| row.scores[1].amplification;
        assert!(copies(&both) > copies(&alone) + 0.01 && copies(&both) < copies(&alone) + 0.2);
        let (with, without) = (ladder.scores[2], limit.scores[2]);
        assert!(with.critical > without.critical + 0.1, "{with:?} {without:?}");
    }

    fn ours_is_not_below(ours: &Row, other: &Row, scenarios: &[&str]) {
        for ((ours, it), id) in ours.scores.iter().zip(&other.scores).zip(scenarios) {
            let (ours, it) = (ours.score, it.score);
            assert!(ours > it - 2.0, "{id}: {ours}, and {it} of {}", other.name);
        }
    }

    /// What may not be repeated is never carried out twice, but by those who do not ask.
    #[test]
    fn what_may_not_be_repeated_is_not() {
        for player in ["salve adaptive", "AWS standard", "hedging only"] {
            let row = row(player, &["X03", "X04"]);
            assert!(row.scores.iter().all(|score| score.doubled == 0.0), "{player}");
        }
        let blind = Entry { name: "blind", source: "", make: Make::Each(players::naive) };
        let mut chosen = scenario::further();
        chosen.retain(|scenario| ["X03", "X04"].contains(&scenario.id));
        let rows = play(&[blind], &chosen, 1);
        assert!(rows[0].scores.iter().all(|score| score.doubled > 5.0), "{:?}", rows[0].scores);
    }

    /// Three attempts before a front, three behind it: what overload makes of that, and what it is
    /// for a policy that sees to its work.
    #[test]
    fn retries_multiply_over_hops_unless_they_are_paid_for() {
        let amplified = |make| {
            let mut chosen = scenario::further();
            chosen.retain(|scenario| scenario.id == "X06");
            // Long enough for a storm.
            (chosen[0].clears, chosen[0].ends) = (12 * SECOND, 30 * SECOND);
            let entry = Entry { name: "", source: "", make };
            play(&[entry], &chosen, 1)[0].scores[0]
        };
        let naive = amplified(Make::Each(players::naive));
        let ours = amplified(players::OURS.make);
        assert!(naive.amplification > 3.0, "{naive:?}");
        // One for each hop, and less where calls are shed before.
        assert!(ours.amplification < 2.0, "{ours:?}");
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
        let scenarios = ["S03", "S04", "S05", "S09", "S18", "X01", "X03", "X05", "X09"];
        let row = row("clairvoyant", &scenarios);
        for (score, id) in row.scores.iter().zip(scenarios) {
            assert!((96.0..=100.0).contains(&score.score), "{id}: {score:?}");
        }
    }

    #[test]
    fn a_seed_decides_everything() {
        let one = row("3 retries, 20 % budget, Vegas", &["S05", "S21"]);
        let other = row("3 retries, 20 % budget, Vegas", &["S05", "S21"]);
        assert_eq!(one.scores, other.scores);
    }
}
