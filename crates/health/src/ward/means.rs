//! The scores of all targets together, now and once a minute.

use std::collections::HashMap;

use salve_core::{Moment, Name};

use super::Ward;
use crate::score::{Line, Mean, points};

/// How many minutes of scores are kept: a day.
const SCORES: usize = 24 * 60;

impl Ward {
    /// Adds this minute's scores to the lines, once.
    pub(super) fn score_minute(&mut self, now: Moment) {
        let minute = now.as_nanos() / 60_000_000_000;
        if minute <= self.scored_minute {
            return;
        }
        // A minute in which nobody looked has no score, but it has passed.
        for _ in 1..(minute - self.scored_minute).min(SCORES as u64) {
            self.lines.values_mut().for_each(|line| line.push(None));
        }
        self.scored_minute = minute;
        let means = self.means(now);
        self.lines.retain(|component, _| means.contains_key(component));
        for (component, mean) in means {
            let line = self.lines.entry(component).or_insert_with(|| Line::new(SCORES));
            line.push(mean.score());
        }
    }

    /// The mean of all, and of each component.
    pub(crate) fn means(&self, now: Moment) -> HashMap<Option<Name>, Mean> {
        let mut means = HashMap::from([(None, Mean::default())]);
        for (slot, entry) in self.entries.iter().enumerate() {
            let Some(entry) = entry else { continue };
            let (state, _) = self.shown(slot as u32, now);
            let component = &entry.config.component;
            let mut add = |of: &Option<Name>| {
                if !means.contains_key(of) {
                    means.insert(of.clone(), Mean::default());
                }
                if let (Some(points), Some(mean)) = (points(state), means.get_mut(of)) {
                    mean.add(points, entry.config.weight);
                }
            };
            add(&None);
            if component.is_some() {
                add(component);
            }
        }
        means
    }
}
