//! At which level everything stands and what that sheds, without a clock or a lock: for
//! simulations.
//!
//! ```
//! use salve_core::{Class, Moment};
//! use salve_degradation::engine::Engine;
//! use salve_degradation::{Config, Rule};
//!
//! let rule = Rule::at_least("refused", 0.1, "reduced");
//! let mut engine = Engine::new(&Config::new("shop").with_rule(rule))?;
//! let now = Moment::from_nanos(1_000_000_000);
//! engine.look(now, |_, reading| (reading == "refused").then_some(0.3));
//! assert_eq!(engine.level().as_str(), "reduced");
//! assert!(engine.sheds(Class::Sheddable) && !engine.sheds(Class::Normal));
//! # Ok::<(), salve_core::ConfigError>(())
//! ```

use std::time::Duration;

use salve_core::{Class, ConfigError, Moment, Name};

use crate::config::Config;
use crate::ladder::Ladder;
use crate::plan::Plan;

/// One ladder, always enforced. Time and readings are arguments of every step.
#[derive(Clone, Debug)]
pub struct Engine {
    plan: Plan,
    ladder: Ladder,
}

impl Engine {
    /// A ladder at its best level.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let plan = Plan::new(config.clone());
        let ladder = plan.ladder();
        Ok(Self { plan, ladder })
    }

    /// Looks at the readings that rules are about, and moves. `value` is asked for a sensor, where
    /// a rule names one, and a reading; `None` stands for what is not known.
    pub fn look(&mut self, now: Moment, value: impl Fn(Option<&Name>, &str) -> Option<f64>) {
        let rules = self.plan.config.rules.iter();
        let values: Vec<_> =
            rules.map(|rule| value(rule.sensor.as_ref(), rule.reading.as_str())).collect();
        self.ladder.look(&self.plan.rules, self.plan.pace(), now, &values);
    }

    /// How often to look.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.plan.config.interval
    }

    /// The level of the whole.
    #[must_use]
    pub fn level(&self) -> Name {
        self.plan.level_name(self.ladder.level())
    }

    /// Whether calls of this class are shed.
    #[must_use]
    pub fn sheds(&self, class: Class) -> bool {
        self.plan.sheds(self.ladder.level()).is_some_and(|shed| class <= shed)
    }

    /// How much is left of a feature, in percent; `None` if there is none of that name.
    #[must_use]
    pub fn share(&self, feature: &Name) -> Option<u8> {
        let place = self.plan.config.feature(feature)?;
        Some(self.plan.share(place, self.ladder.feature_level(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Feature;
    use crate::handle::Handle;
    use crate::rule::Rule;

    const SECOND: Duration = Duration::from_secs(1);

    fn config() -> Config {
        Config::new("shop")
            .with_feature(Feature::new("search").with_priority(40))
            .with_rule(Rule::at_least("refused", 0.1, "reduced").releases_at(0.02))
            .with_rule(Rule::at_least("refused", 0.5, "emergency"))
            .with_calm(3 * SECOND)
            .with_interval(SECOND)
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        assert_eq!(Engine::new(&config().with_calm(Duration::ZERO)).unwrap_err().field(), "calm");
    }

    /// The shell and the engine are the same ladder.
    #[tokio::test(start_paused = true)]
    async fn it_moves_as_the_handle_does() {
        let mut engine = Engine::new(&config()).unwrap();
        let handle = Handle::new(config()).unwrap();
        let mut levels = Vec::new();
        for refused in [0.0, 0.1, 0.05, 0.6, 0.3, 0.1, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0] {
            let value = |_: Option<&Name>, reading: &str| (reading == "refused").then_some(refused);
            engine.look(salve_core::clock::now(), value);
            handle.look(value);
            let status = handle.status();
            assert_eq!(engine.level(), status.level);
            let left = engine.share(&Name::literal("search"));
            assert_eq!(left, handle.feature("search").map(|flag| flag.capability()));
            levels.push(engine.level().as_str().to_owned());
            tokio::time::sleep(SECOND).await;
        }
        let seen = |level: &str| levels.iter().filter(|it| *it == level).count();
        assert_eq!((seen("full"), seen("emergency")), (3, 3), "{levels:?}");
        assert_eq!(engine.share(&Name::literal("unheard")), None);
    }

    #[test]
    fn a_level_sheds_its_class_and_lower_ones() {
        let mut engine = Engine::new(&config()).unwrap();
        let mut sheds = |refused: f64, at: u64| {
            engine.look(Moment::from_nanos(at), |_, _| Some(refused));
            Class::ALL.map(|class| engine.sheds(class))
        };
        assert!(sheds(0.0, 1).iter().all(|shed| !shed));
        assert_eq!(sheds(0.2, 2).iter().filter(|shed| **shed).count(), 1);
        assert_eq!(sheds(0.7, 3).iter().filter(|shed| **shed).count(), 2);
        assert!(!engine.sheds(Class::Critical));
    }
}
