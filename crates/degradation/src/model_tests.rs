//! Random walks of the ladder beside a slow twin that remembers every look it ever took.

use std::time::Duration;

use proptest::prelude::*;
use salve_core::Moment;

use crate::config::{Config, Feature};
use crate::plan::Plan;
use crate::rule::{Condition, Rule};

const CALM: Duration = Duration::from_millis(1_000);
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
enum Step {
    /// After so many milliseconds, a value for each rule.
    Look(u64, [Option<f64>; 4]),
    Hold(usize),
    Recover,
    Pause(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop_oneof![
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        8 => (0..=10_u32).prop_map(|tens| Some(f64::from(tens) * 10.0)),
    ];
    let values = [value.clone(), value.clone(), value.clone(), value];
    let gap = prop_oneof![8 => 0..=200_u64, 1 => 200..=5_000_u64];
    let step = prop_oneof![
        40 => (gap, values).prop_map(|(gap, values)| Step::Look(gap, values)),
        2 => (0..4_usize).prop_map(Step::Hold),
        1 => Just(Step::Recover),
        1 => any::<bool>().prop_map(Step::Pause),
    ];
    prop::collection::vec(step, 1..60)
}

/// Rules for the whole with hysteresis and with a delay, and one each for two features.
fn config() -> Config {
    Config::new("walk")
        .with_feature(Feature::new("one"))
        .with_feature(Feature::new("two"))
        .with_calm(CALM)
        .with_interval(INTERVAL)
        .with_rule(Rule::below("a", 50.0, "emergency").releases_at(70.0))
        .with_rule(Rule::at_least("b", 60.0, "reduced").after(Duration::from_millis(300)))
        .with_rule(
            Rule::new("c", Condition::Above, 40.0, "minimal").releases_at(20.0).affects("one"),
        )
        .with_rule(
            Rule::new("d", Condition::AtMost, 30.0, "emergency")
                .releases_at(50.0)
                .after(Duration::from_millis(200))
                .affects("one")
                .affects("two"),
        )
}

/// What happened, in order; everything else is found out by going through it again.
#[derive(Default)]
struct Twin {
    looks: Vec<(Moment, [Option<f64>; 4])>,
    /// Before which look an operator recovered by force.
    recovered_at: Vec<usize>,
    /// Before which look it was paused or resumed.
    paused_at: Vec<(usize, bool)>,
    held: usize,
}

impl Twin {
    fn known(&self, rule: usize) -> impl Iterator<Item = (usize, Moment, f64)> {
        let looks = self.looks.iter().enumerate();
        looks.filter_map(move |(look, (at, values))| {
            values[rule].filter(|value| !value.is_nan()).map(|value| (look, *at, value))
        })
    }

    fn is_bad(rule: &Rule, value: f64) -> bool {
        match rule.condition {
            Condition::Below => value < rule.threshold,
            Condition::AtMost => value <= rule.threshold,
            Condition::Above => value > rule.threshold,
            Condition::AtLeast => value >= rule.threshold,
        }
    }

    fn has_let_go(rule: &Rule, value: f64) -> bool {
        let release = rule.release.unwrap_or(rule.threshold);
        let good = match rule.condition {
            Condition::Below | Condition::AtMost => value >= release,
            Condition::Above | Condition::AtLeast => value <= release,
        };
        !Self::is_bad(rule, value) && (rule.release.is_none() || good)
    }

    /// Whether the rule asks after this look.
    fn asks(&self, rules: &[Rule], rule: usize, look: usize) -> bool {
        let it = &rules[rule];
        let known: Vec<_> = self.known(rule).take_while(|known| known.0 <= look).collect();
        let mut asks = false;
        for (nth, (_, at, value)) in known.iter().enumerate() {
            if Self::is_bad(it, *value) {
                let run = known[..=nth].iter().rev().take_while(|known| Self::is_bad(it, known.2));
                let began = run.last().unwrap().1;
                asks |= at.since(began) >= it.after;
            } else if Self::has_let_go(it, *value) {
                asks = false;
            }
        }
        asks && !self.is_waived(it, rule, look, &known)
    }

    /// Whether a recovery by force has silenced it, and it has not let go since.
    fn is_waived(
        &self,
        rule: &Rule,
        place: usize,
        look: usize,
        known: &[(usize, Moment, f64)],
    ) -> bool {
        self.recovered_at.iter().filter(|at| **at <= look).any(|&at| {
            let before = known.iter().filter(|known| known.0 < at);
            let bad_then =
                before.clone().next_back().is_some_and(|last| Self::is_bad(rule, last.2));
            let asked_then = at > 0 && self.asked_unwaived(rule, place, at - 1);
            let good_since =
                known.iter().any(|known| known.0 >= at && Self::has_let_go(rule, known.2));
            (bad_then || asked_then) && !good_since
        })
    }

    fn asked_unwaived(&self, rule: &Rule, place: usize, look: usize) -> bool {
        let alone = Self { looks: self.looks.clone(), ..Self::default() };
        let mut rules: Vec<Rule> = (0..4).map(|_| rule.clone()).collect();
        rules[place] = rule.clone();
        alone.asks(&rules, place, look)
    }

    fn is_paused(&self, look: usize) -> bool {
        let said = self.paused_at.iter().rfind(|(at, _)| *at <= look);
        said.is_some_and(|(_, paused)| *paused)
    }

    /// The level that a scope's rules have led to; scope 0 is the whole.
    fn level(&self, config: &Config, scope: usize) -> usize {
        let (mut level, mut calm) = (0, Duration::ZERO);
        for (look, (at, _)) in self.looks.iter().enumerate() {
            if self.recovered_at.contains(&look) {
                (level, calm) = (0, Duration::ZERO);
            }
            if self.paused_at.iter().any(|(before, _)| *before == look) || self.is_paused(look) {
                calm = Duration::ZERO;
            }
            if self.is_paused(look) {
                continue;
            }
            let asked = (0..4)
                .filter(|rule| match scope {
                    0 => config.rules[*rule].features.is_empty(),
                    1 => *rule >= 2,
                    _ => *rule == 3,
                })
                .filter(|rule| self.asks(&config.rules, *rule, look))
                .map(|rule| config.level(&config.rules[rule].level).unwrap());
            let asked = asked.max().unwrap_or(0);
            let before = look.checked_sub(1).map_or(*at, |before| self.looks[before].0);
            if asked >= level {
                (level, calm) = (asked, Duration::ZERO);
            } else {
                calm += at.since(before).min(3 * INTERVAL);
                if calm >= CALM {
                    (level, calm) = (level - 1, Duration::ZERO);
                }
            }
        }
        if self.recovered_at.contains(&self.looks.len()) { 0 } else { level }
    }
}

proptest! {
    #[test]
    fn the_ladder_walks_like_its_twin(steps in steps()) {
        let config = config();
        let plan = Plan::new(config.clone());
        let (mut ladder, mut twin) = (plan.ladder(), Twin::default());
        let mut now = Moment::ZERO;
        for step in steps {
            let before = ladder.automatic_level();
            match step {
                Step::Look(gap, values) => {
                    now = now.after(Duration::from_millis(gap));
                    ladder.look(&plan.rules, plan.pace(), now, &values);
                    twin.looks.push((now, values));
                    prop_assert!(ladder.automatic_level() + 1 >= before, "one rung at a time");
                }
                Step::Hold(level) => {
                    ladder.hold(level);
                    twin.held = level;
                }
                Step::Recover => {
                    ladder.recover();
                    twin.recovered_at.push(twin.looks.len());
                    twin.held = 0;
                }
                Step::Pause(paused) => {
                    ladder.pause(paused);
                    twin.paused_at.push((twin.looks.len(), paused));
                }
            }
        }
        // Walks have every length, so that comparing at the end compares everywhere.
        let whole = twin.level(&config, 0).max(twin.held);
        prop_assert_eq!(ladder.level(), whole);
        for feature in 0..2 {
            let own = twin.level(&config, feature + 1);
            prop_assert_eq!(ladder.own_level(feature), own);
            prop_assert_eq!(ladder.feature_level(feature), own.max(whole));
        }
    }

    #[test]
    fn a_worse_level_never_leaves_more(
        priorities in prop::collection::vec(0..=100_u8, 1..8),
        minimums in prop::collection::vec(0..=100_u8, 3),
    ) {
        let mut config = Config::default();
        let mut minimums = minimums;
        minimums.sort_unstable();
        for (level, minimum) in config.levels.iter_mut().skip(1).zip(&minimums) {
            level.min_priority = *minimum;
        }
        for (nth, priority) in priorities.iter().enumerate() {
            config.features.push(Feature::new(format!("f{nth}")).with_priority(*priority));
        }
        prop_assert!(config.validate().is_ok());
        let plan = Plan::new(config);
        for (feature, priority) in priorities.iter().enumerate() {
            for level in 0..4 {
                let falls = level > 0 && *priority < minimums[level - 1];
                prop_assert_eq!(plan.share(feature, level), if falls { 0 } else { 100 });
            }
        }
    }
}
