//! What failures have in common: who fails together, and who fails under load.

use std::time::Duration;

use indexmap::{IndexMap, IndexSet};
use salve_core::Name;

use super::advice::ENOUGH;
use crate::kind::Kind;
use crate::state::State;
use crate::time::Time;

/// Targets that have failed together again and again: something that they share is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Which, by name.
    pub targets: Vec<Name>,
    /// How often the two of them that did so least have failed together.
    pub times: usize,
}

/// A target that fails when there is much to do.
#[derive(Clone, Debug, PartialEq)]
pub struct UnderLoad {
    /// Which.
    pub target: Name,
    /// What is wrong then.
    pub kind: Kind,
    /// How many of its incidents began while the load was in its highest quarter.
    pub high: usize,
    /// Of how many.
    pub of: usize,
    /// How likely it would be that as many or more do, if load had nothing to do with it.
    pub chance: f64,
}

/// A chance that is no longer taken for one.
const CHANCE: f64 = 0.01;

/// Who has failed together with whom: each time within `together` of each other, at least three times, and in more
/// than half of the incidents of either. Whoever fails together with one of a cluster belongs to it.
#[must_use]
pub fn clusters(state: &State, now: Time, within: Duration, together: Duration) -> Vec<Cluster> {
    let begun: Vec<(Name, Vec<Time>)> = beginnings(state, now, within, |target, _| target.clone());
    let mut found: Vec<(IndexSet<Name>, usize)> = Vec::new();
    for (nth, (one, times)) in begun.iter().enumerate() {
        for (other, others) in &begun[nth + 1..] {
            let near = |a: &[Time], b: &[Time]| {
                let close =
                    |at: &&Time| b.iter().any(|it| it.since(**at).max(at.since(*it)) <= together);
                a.iter().filter(close).count()
            };
            let (here, there) = (near(times, others), near(others, times));
            if here.min(there) < ENOUGH || here * 2 <= times.len() || there * 2 <= others.len() {
                continue;
            }
            let joins = |it: &(IndexSet<Name>, usize)| it.0.contains(one) || it.0.contains(other);
            let (near, rest) = found.into_iter().partition::<Vec<_>, _>(joins);
            let pair = (IndexSet::from([one.clone(), other.clone()]), here.min(there));
            let joined = near.into_iter().fold(pair, |(mut all, times), (more, least)| {
                all.extend(more);
                (all, times.min(least))
            });
            found = rest;
            found.push(joined);
        }
    }
    let by_name = |targets: IndexSet<Name>| {
        let mut targets: Vec<Name> = targets.into_iter().collect();
        targets.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        targets
    };
    let cluster = |(targets, times)| Cluster { targets: by_name(targets), times };
    found.into_iter().map(cluster).collect()
}

/// Who fails under load, as readings of it show, the oldest first: more of its incidents began in the highest quarter
/// of the load than chance explains, by an exact binomial test at 1 %.
#[must_use]
pub fn under_load(
    state: &State,
    now: Time,
    within: Duration,
    load: &[(Time, f64)],
) -> Vec<UnderLoad> {
    let mut sorted: Vec<f64> = load.iter().map(|(_, value)| *value).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(limit) = sorted.get(sorted.len() * 3 / 4).copied() else { return Vec::new() };
    let share = sorted.iter().filter(|value| **value >= limit).count() as f64 / sorted.len() as f64;
    let begun = beginnings(state, now, within, |target, kind| (target.clone(), kind.clone()));
    let judged = begun.into_iter().map(|((target, kind), times)| {
        let reading = |at: &Time| {
            let before = load.partition_point(|(then, _)| then <= at).checked_sub(1)?;
            Some(load[before].1 >= limit)
        };
        let known: Vec<bool> = times.iter().filter_map(reading).collect();
        let (high, of) = (known.iter().filter(|high| **high).count(), known.len());
        UnderLoad { target, kind, high, of, chance: at_least(high, of, share) }
    });
    judged.filter(|it| it.of >= ENOUGH && it.chance < CHANCE).collect()
}

/// When incidents began, by what they have in common.
fn beginnings<K: std::hash::Hash + Eq>(
    state: &State,
    now: Time,
    within: Duration,
    key: impl Fn(&Name, &Kind) -> K,
) -> Vec<(K, Vec<Time>)> {
    let mut found: IndexMap<K, Vec<Time>> = IndexMap::new();
    for past in state.past().filter(|it| now.since(it.opened) <= within) {
        if let Some(target) = past.subject.target() {
            found.entry(key(target, &past.kind)).or_default().push(past.since);
        }
    }
    found.into_iter().filter(|(_, times)| times.len() >= ENOUGH).collect()
}

/// The chance of at least `high` of `of`, each with `share`.
fn at_least(high: usize, of: usize, share: f64) -> f64 {
    if share >= 1.0 {
        return 1.0;
    }
    // The chance of exactly `count`, each from the one before; in logarithms, since they may be tiny.
    let mut exactly = of as f64 * (1.0 - share).ln();
    let mut sum = 0.0;
    for count in 0..=of {
        if count >= high {
            sum += exactly.exp();
        }
        exactly += ((of - count) as f64 / (count + 1) as f64).ln() + (share / (1.0 - share)).ln();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binomial_tail_is_exact() {
        for (high, of, share, chance) in [
            (0, 5, 0.25, 1.0),
            (5, 5, 0.25, 0.25_f64.powi(5)),
            (1, 2, 0.5, 0.75),
            (3, 4, 0.5, 5.0 / 16.0),
        ] {
            assert!((at_least(high, of, share) - chance).abs() < 1e-12, "{high} of {of}");
        }
        assert!(at_least(4_000, 4_096, 0.25) < 1e-300);
        assert!((at_least(3, 3, 1.0) - 1.0).abs() < 1e-12);
    }
}
