//! What settings come to: how much of each feature is left at each level.

use salve_core::{Class, Name};

use crate::config::{Config, Feature};
use crate::ladder::{Kept, Ladder, Pace, Resolved};

/// Settings with every name resolved to a place. Made from valid settings only.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) rules: Vec<Resolved>,
    /// For each feature what is left of it at each level, in percent.
    shares: Vec<Box<[u8]>>,
}

impl Plan {
    pub(crate) fn new(config: Config) -> Self {
        let shares = config.features.iter().map(|feature| shares(&config, feature)).collect();
        let rules = config.rules.iter().map(|rule| Resolved {
            level: config.level(&rule.level).unwrap_or_default(),
            features: rule.features.iter().filter_map(|name| config.feature(name)).collect(),
            rule: rule.clone(),
        });
        Self { rules: rules.collect(), shares, config }
    }

    pub(crate) fn ladder(&self) -> Ladder {
        Ladder::new(self.config.features.len(), self.rules.len())
    }

    pub(crate) const fn pace(&self) -> Pace {
        Pace { calm: self.config.calm, interval: self.config.interval }
    }

    /// How much of a feature is left at a level, in percent.
    pub(crate) fn share(&self, feature: usize, level: usize) -> u8 {
        let shares = self.shares.get(feature);
        shares.and_then(|shares| shares.get(level)).copied().unwrap_or(100)
    }

    pub(crate) fn level_name(&self, level: usize) -> Name {
        self.config.levels.get(level).map_or_else(|| Name::literal("none"), |it| it.name.clone())
    }

    /// The worst level.
    pub(crate) fn lowest(&self) -> usize {
        self.config.levels.len() - 1
    }

    pub(crate) fn sheds(&self, level: usize) -> Option<Class> {
        self.config.levels.get(level).and_then(|level| level.sheds)
    }

    pub(crate) fn is_read_only(&self, level: usize) -> bool {
        self.config.levels.get(level).is_some_and(|level| level.read_only)
    }

    /// What a ladder under these settings keeps when it goes over to `newer` ones: a level by its
    /// name, or the nearest place if the name is gone; a feature and a rule if it is still there.
    pub(crate) fn kept(&self, ladder: &Ladder, newer: &Self) -> Kept {
        let level = |old: usize| {
            let same = self.config.levels.get(old).and_then(|it| newer.config.level(&it.name));
            same.unwrap_or_else(|| old.min(newer.lowest()))
        };
        let features = newer.config.features.iter().map(|feature| {
            self.config.feature(&feature.name).map_or(0, |old| level(ladder.own_level(old)))
        });
        let rules = newer.config.rules.iter();
        Kept {
            whole: level(ladder.automatic_level()),
            features: features.collect(),
            manual: level(ladder.held()),
            rules: rules.map(|rule| self.config.rules.iter().position(|old| old == rule)).collect(),
        }
    }
}

/// What its own words say of a feature, or else its priority.
fn shares(config: &Config, feature: &Feature) -> Box<[u8]> {
    let mut left = 100;
    let levels = config.levels.iter().map(|level| {
        match feature.capability.iter().find(|step| step.level == level.name) {
            Some(step) => left = step.percent,
            None if !feature.capability.is_empty() => {}
            None if feature.priority < level.min_priority => left = 0,
            None => {}
        }
        left
    });
    levels.collect()
}
