//! The scoring of the Numenta Anomaly Benchmark (Lavin and Ahmad 2015), in its version 1.1.
//!
//! In every window the earliest alarm counts, and counts the more the earlier it comes. Every alarm
//! outside costs, and costs less shortly after a window. Whoever says nothing scores 0, whoever
//! finds every window at its first row 100. One threshold serves all series: the best for the profile.

/// What an alarm in time, a missed window and a false alarm weigh.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    found: f64,
    missed: f64,
    false_alarm: f64,
}

pub(crate) const PROFILES: [Profile; 3] = [
    Profile { name: "standard", found: 1.0, missed: 1.0, false_alarm: 0.11 },
    Profile { name: "reward_low_FP_rate", found: 1.0, missed: 1.0, false_alarm: 0.22 },
    Profile { name: "reward_low_FN_rate", found: 1.0, missed: 2.0, false_alarm: 0.11 },
];

/// A row that is scored: what it may gain or cost before weighing.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    score: f64,
    /// 0 to 1 within a window, -1 to 0 outside.
    worth: f64,
    /// The window that it lies in, counted through all series.
    window: Option<usize>,
}

/// A set of series with the scores that one detector gave them.
#[derive(Debug, Default)]
pub(crate) struct Field {
    /// All that are scored, the highest score first.
    rows: Vec<Row>,
    /// How many windows there are, and how many of them can be found.
    windows: usize,
    reachable: Vec<usize>,
}

/// The best that a threshold does: it, and the final score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Best {
    pub(crate) threshold: f64,
    pub(crate) score: f64,
}

/// How much of a series is there to learn from only.
const PROBATION: f64 = 0.15;
/// Of longer series as much as of one with so many rows.
const LONGEST: f64 = 5_000.0;

/// From nearly 1 at the left end of a window, at -1, by way of 0 at its right end, to nearly -1 at 1.
fn worth(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

impl Field {
    /// Adds a series: the score of each row, and first and last row of each window.
    pub(crate) fn add(&mut self, scores: &[f64], windows: &[(usize, usize)]) {
        let probation = (PROBATION * scores.len() as f64).floor().min(PROBATION * LONGEST);
        let mut next = 0;
        let mut behind: Option<(usize, usize)> = None;
        for (nth, &score) in scores.iter().enumerate() {
            while let Some(&(first, last)) = windows.get(next)
                && nth > last
            {
                behind = Some((first, last));
                next += 1;
            }
            let inside = windows.get(next).filter(|(first, _)| nth >= *first);
            let worth = match (inside, behind) {
                (Some((first, last)), _) => {
                    let width = (last - first + 1) as f64;
                    worth(-((last - nth + 1) as f64) / width) / worth(-1.0)
                }
                (None, Some((first, last))) => worth((nth - last) as f64 / (last - first) as f64),
                (None, None) => -1.0,
            };
            if nth as f64 >= probation {
                let window = inside.map(|_| self.windows + next);
                self.rows.push(Row { score, worth, window });
                if let Some(window) = window
                    && self.reachable.last() != Some(&window)
                {
                    self.reachable.push(window);
                }
            }
        }
        self.windows += windows.len();
    }

    /// Puts the rows in order; comes after the last series.
    pub(crate) fn sorted(mut self) -> Self {
        self.rows.sort_by(|one, other| other.score.total_cmp(&one.score));
        self
    }

    /// The threshold with the highest score; of several the highest.
    pub(crate) fn best(&self, profile: Profile) -> Best {
        let mut best = Best { threshold: f64::INFINITY, score: f64::NEG_INFINITY };
        self.sweep(profile, |threshold, score| {
            if score > best.score {
                best = Best { threshold, score };
            }
        });
        best
    }

    /// The score at a given threshold: rows at or above it are alarms.
    pub(crate) fn score(&self, profile: Profile, threshold: f64) -> f64 {
        let mut found = 0.0;
        self.sweep(profile, |at, score| {
            if at >= threshold {
                found = score;
            }
        });
        found
    }

    /// Tells the final score at every threshold that makes a difference, from none on downward.
    fn sweep(&self, profile: Profile, mut tell: impl FnMut(f64, f64)) {
        let mut won = vec![-profile.missed; self.windows];
        let mut total = -profile.missed * self.reachable.len() as f64;
        let nothing = total;
        let perfect = profile.found * self.windows as f64;
        let normal = |total: f64| 100.0 * (total - nothing) / (perfect - nothing);
        tell(f64::INFINITY, normal(total));
        for (nth, row) in self.rows.iter().enumerate() {
            match row.window {
                Some(window) => {
                    let gain = (profile.found * row.worth - won[window]).max(0.0);
                    won[window] += gain;
                    total += gain;
                }
                None => total += profile.false_alarm * row.worth,
            }
            if self.rows.get(nth + 1).is_none_or(|next| next.score != row.score) {
                tell(row.score, normal(total));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: Profile = PROFILES[0];

    fn field(scores: &[f64], windows: &[(usize, usize)]) -> Field {
        let mut field = Field::default();
        field.add(scores, windows);
        field.sorted()
    }

    fn one(rows: usize, alarms: &[usize]) -> Vec<f64> {
        (0..rows).map(|nth| f64::from(alarms.contains(&nth))).collect()
    }

    #[test]
    fn nothing_is_zero_and_the_first_row_of_every_window_is_a_hundred() {
        let windows = [(40, 49), (70, 79)];
        assert_eq!(field(&one(100, &[]), &windows).score(STANDARD, 0.5), 0.0);
        let all = field(&one(100, &[40, 70]), &windows).best(STANDARD);
        assert!((all.score - 100.0).abs() < 1e-9, "{all:?}");
    }

    #[test]
    fn later_alarms_are_worth_less_and_only_the_first_of_a_window_counts() {
        let score = |alarms: &[usize]| field(&one(100, alarms), &[(40, 49)]).score(STANDARD, 0.5);
        assert!(score(&[40]) > score(&[45]) && score(&[45]) > score(&[49]));
        assert_eq!(score(&[45, 46, 49]), score(&[45]));
        assert!(score(&[49]) > 50.0, "found late is better than missed");
    }

    #[test]
    fn a_false_alarm_costs_its_weight_and_less_right_after_a_window() {
        let score = |alarms: &[usize]| field(&one(100, alarms), &[(40, 49)]).score(STANDARD, 0.5);
        let cost = |alarm: usize| score(&[40]) - score(&[40, alarm]);
        assert!((cost(30) - 100.0 * 0.11 / 2.0).abs() < 1e-9, "{}", cost(30));
        assert!((cost(99) - cost(30)).abs() < 1e-9);
        assert!(cost(50) < cost(52) && cost(52) < cost(30));
        assert_eq!(cost(14), 0.0, "on probation");
    }

    #[test]
    fn the_best_threshold_is_the_one_that_a_search_finds() {
        let scores: Vec<f64> = (0..200).map(|nth| f64::from((nth * 37 % 101) as u8)).collect();
        let field = field(&scores, &[(50, 69), (120, 139)]);
        for profile in PROFILES {
            let best = field.best(profile);
            let all = (0..=101).map(|threshold| field.score(profile, f64::from(threshold)));
            let search = all.fold(f64::NEG_INFINITY, f64::max).max(0.0);
            assert!((best.score - search).abs() < 1e-9, "{best:?} {search}");
        }
    }
}
