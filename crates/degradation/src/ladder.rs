//! The engine: at which level everything stands, and when it moves.

use std::time::Duration;

use salve_core::Moment;

use crate::rule::{Rule, Watch};

/// Goes down at once and up one rung at a time.
///
/// # Invariants
/// 1. A scope is never better than what any of its rules asks for, nor than what the operator
///    does.
/// 2. By itself it climbs at most one rung per calm period, and only when no rule of it has asked
///    for its level or a worse one during all of that period.
/// 3. Time during which nobody looked is calm for three intervals at most.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    /// The whole first, then the features in their order.
    scopes: Box<[Scope]>,
    watches: Box<[Watch]>,
    manual: usize,
    paused: bool,
    last_look: Option<Moment>,
}

/// What moves on its own: the whole, or one feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Scope {
    level: usize,
    /// How long nothing has asked for the level.
    calm: Duration,
}

/// A rule with names resolved to places.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) rule: Rule,
    pub(crate) level: usize,
    /// Empty for the whole.
    pub(crate) features: Vec<usize>,
}

impl Resolved {
    fn moves(&self, scope: usize) -> bool {
        if self.features.is_empty() {
            scope == 0
        } else {
            scope.checked_sub(1).is_some_and(|feature| self.features.contains(&feature))
        }
    }
}

/// How fast it climbs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) calm: Duration,
    pub(crate) interval: Duration,
}

/// What is left of a ladder when its settings change: levels by place in the new settings.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) whole: usize,
    pub(crate) features: Vec<usize>,
    pub(crate) manual: usize,
    /// For each new rule the old one that it equals.
    pub(crate) rules: Vec<Option<usize>>,
}

impl Ladder {
    /// At the best level.
    pub(crate) fn new(features: usize, rules: usize) -> Self {
        Self {
            scopes: vec![Scope::default(); features + 1].into(),
            watches: vec![Watch::default(); rules].into(),
            manual: 0,
            paused: false,
            last_look: None,
        }
    }

    /// Looks at a value for each rule, and moves.
    pub(crate) fn look(
        &mut self,
        rules: &[Resolved],
        pace: Pace,
        now: Moment,
        values: &[Option<f64>],
    ) {
        for ((watch, resolved), value) in self.watches.iter_mut().zip(rules).zip(values) {
            watch.look(&resolved.rule, now, *value);
        }
        let passed = self.last_look.map_or(Duration::ZERO, |last| now.since(last));
        self.last_look = Some(now);
        if self.paused {
            self.forget_calm();
            return;
        }
        let counted = passed.min(pace.interval.saturating_mul(3));
        for (place, scope) in self.scopes.iter_mut().enumerate() {
            let asking = rules.iter().zip(&self.watches);
            let asked = asking.filter(|(rule, watch)| watch.asks() && rule.moves(place));
            let asked = asked.map(|(rule, _)| rule.level).max().unwrap_or(0);
            scope.step(asked, counted, pace.calm);
        }
    }

    /// The level of the whole.
    pub(crate) fn level(&self) -> usize {
        self.scopes[0].level.max(self.manual)
    }

    /// The level of a feature, which is never better than that of the whole.
    pub(crate) fn feature_level(&self, feature: usize) -> usize {
        let own = self.scopes.get(feature + 1).map_or(0, |scope| scope.level);
        own.max(self.level())
    }

    /// Holds the whole at `level` or worse until it is released.
    pub(crate) const fn hold(&mut self, level: usize) {
        self.manual = level;
    }

    /// The level that the operator holds it at; 0 if none.
    pub(crate) const fn held(&self) -> usize {
        self.manual
    }

    /// Goes to the best level at once; rules that ask now ask for nothing until they have let go.
    pub(crate) fn recover(&mut self) {
        self.manual = 0;
        self.scopes.fill(Scope::default());
        self.watches.iter_mut().for_each(Watch::waive);
    }

    /// Moves by itself no more, or again.
    pub(crate) fn pause(&mut self, paused: bool) {
        self.paused = paused;
        self.forget_calm();
    }

    pub(crate) const fn is_paused(&self) -> bool {
        self.paused
    }

    /// The rules that ask for their level, by place.
    pub(crate) fn asking(&self) -> impl Iterator<Item = usize> {
        self.places(Watch::asks)
    }

    /// The rules whose reading was not there at the last look, by place.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = usize> {
        self.places(Watch::is_unknown)
    }

    fn places(&self, which: fn(&Watch) -> bool) -> impl Iterator<Item = usize> {
        let watches = self.watches.iter().enumerate();
        watches.filter(move |(_, watch)| which(watch)).map(|(place, _)| place)
    }

    /// The same ladder under new settings; calm starts anew where a level is another.
    pub(crate) fn carry_over(&self, kept: &Kept) -> Self {
        let whole = [(self.scopes[0], kept.whole)];
        let features = kept.features.iter().map(|level| (Scope::default(), *level));
        let scopes = whole.into_iter().chain(features);
        let watches = kept
            .rules
            .iter()
            .map(|old| old.and_then(|old| self.watches.get(old)).copied().unwrap_or_default());
        Self {
            scopes: scopes
                .map(
                    |(old, level)| {
                        if old.level == level { old } else { Scope { level, ..Scope::default() } }
                    },
                )
                .collect(),
            watches: watches.collect(),
            manual: kept.manual,
            paused: self.paused,
            last_look: self.last_look,
        }
    }

    /// The level of a feature's own rules alone.
    pub(crate) fn own_level(&self, feature: usize) -> usize {
        self.scopes.get(feature + 1).map_or(0, |scope| scope.level)
    }

    /// The level of the whole that rules alone have led to.
    pub(crate) fn automatic_level(&self) -> usize {
        self.scopes[0].level
    }

    fn forget_calm(&mut self) {
        self.scopes.iter_mut().for_each(|scope| scope.calm = Duration::ZERO);
    }
}

impl Scope {
    fn step(&mut self, asked: usize, passed: Duration, calm: Duration) {
        if asked >= self.level {
            *self = Self { level: asked, calm: Duration::ZERO };
            return;
        }
        self.calm = self.calm.saturating_add(passed);
        if self.calm >= calm {
            *self = Self { level: self.level - 1, calm: Duration::ZERO };
        }
    }
}
