//! Refusing a growing share of those who would wait, before the line is full.

use salve_core::{Check, Class, ConfigError};

/// Refuses calls that would wait, the more the longer the line is, and the lower classes first.
///
/// Between `from` and `to`, counted in times the number of places, the first half of the way takes
/// all sheddable calls and the second half all normal ones, each growing linearly from none of them
/// to all; critical ones are refused by a full line only. failsafe-go refuses from twice to three
/// times its limit in this way.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Ramp {
    /// Up to this length of the line nobody is refused by it. Default 2; 0 to 1,000.
    pub from: f64,
    /// From this length on, only critical calls line up. Default 3; more than `from`, at most
    /// 1,000.
    pub to: f64,
}

impl Default for Ramp {
    fn default() -> Self {
        Self { from: 2.0, to: 3.0 }
    }
}

impl Ramp {
    pub(crate) fn validate(&self, check: Check) -> Result<(), ConfigError> {
        check.range("ramp.from", self.from, 0.0, 1_000.0)?;
        check.range("ramp.to", self.to, self.from, 1_000.0)?;
        check.that("ramp.to", self.to, self.from < self.to, "more than `ramp.from`")
    }

    /// Whether a call is refused where so many wait; `draw` is a random number below 1.
    pub(crate) fn refuses(&self, class: Class, waiting: usize, places: u32, draw: f64) -> bool {
        let length = waiting as f64 / f64::from(places.max(1));
        let level = 2.0 * (length - self.from) / (self.to - self.from);
        match class {
            Class::Sheddable => draw < level,
            Class::Normal => draw < level - 1.0,
            Class::Critical => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of a class that is refused where so many wait for ten places.
    fn refused(class: Class, waiting: usize) -> f64 {
        let draws = (0..1_000).map(|draw| f64::from(draw) / 1_000.0);
        let refused = draws.filter(|draw| Ramp::default().refuses(class, waiting, 10, *draw));
        refused.count() as f64 / 1_000.0
    }

    #[test]
    fn lower_classes_are_refused_first_and_linearly() {
        use Class::{Critical, Normal, Sheddable};
        let shares = [20, 22, 25, 28, 30, 90].map(|waiting| {
            [Sheddable, Normal, Critical].map(|class| (refused(class, waiting) * 100.0).round())
        });
        let half = [100.0, 0.0, 0.0];
        let all = [100.0, 100.0, 0.0];
        assert_eq!(shares, [[0.0; 3], [40.0, 0.0, 0.0], half, [100.0, 60.0, 0.0], all, all]);
    }

    #[test]
    fn where_a_class_begins_to_be_refused_nobody_is_yet() {
        for (class, waiting) in [(Class::Sheddable, 20), (Class::Normal, 25)] {
            assert!(!Ramp::default().refuses(class, waiting, 10, 0.0), "{class:?}");
            assert!(Ramp::default().refuses(class, waiting + 1, 10, 0.0), "{class:?}");
        }
    }
}
