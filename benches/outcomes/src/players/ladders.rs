//! A degradation ladder around a limit: while the limit refuses much, whole classes are shed.

use std::time::Duration;

use rand_pcg::Pcg64Mcg;
use salve_degradation::engine::Engine;
use salve_degradation::{Config, Level, Rule};

use super::ours::moment;
use super::shipped::salve_class;
use super::stack::Gate;
use crate::model::Class;
use crate::player::Ended;
use crate::time::Micros;

/// Sheds by level, and lets the limit decide on the rest, whose refusals move the ladder.
pub(crate) struct Ladder<G> {
    limit: G,
    engine: Engine,
    looks_at: Micros,
    /// Since the last look.
    asked: u32,
    refused: u32,
}

impl<G> Ladder<G> {
    /// What is sheddable goes when one in twenty is refused, and what is normal as well when it is
    /// still one in five a third of a second later; each comes back after a second without refusals.
    pub(crate) fn around(limit: G) -> Self {
        let config = Config::new("ladder")
            .with_levels([
                Level::new("full"),
                Level::new("reduced").with_sheds(salve_core::Class::Sheddable),
                Level::new("minimal").with_sheds(salve_core::Class::Normal),
            ])
            .with_rule(Rule::at_least("refused", 0.05, "reduced").releases_at(0.0))
            .with_rule(
                Rule::at_least("refused", 0.2, "minimal")
                    .releases_at(0.05)
                    .after(Duration::from_millis(300)),
            )
            .with_interval(Duration::from_millis(100))
            .with_calm(Duration::from_secs(1));
        let engine = Engine::new(&config).expect("settings within bounds");
        Self { limit, engine, looks_at: 0, asked: 0, refused: 0 }
    }

    fn look(&mut self, now: Micros) {
        if now < self.looks_at {
            return;
        }
        self.looks_at = now + self.engine.interval().as_micros() as Micros;
        let share = f64::from(self.refused) / f64::from(self.asked.max(1));
        // Where nobody asks, nobody is refused.
        self.engine.look(moment(now), |_, reading| (reading == "refused").then_some(share));
        (self.asked, self.refused) = (0, 0);
    }
}

impl<G: Gate> Gate for Ladder<G> {
    fn admits(&mut self, class: Class, now: Micros, rng: &mut Pcg64Mcg) -> bool {
        self.look(now);
        if self.engine.sheds(salve_class(class)) {
            return false;
        }
        let admits = self.limit.admits(class, now, rng);
        self.asked += 1;
        self.refused += u32::from(!admits);
        admits
    }

    fn sent(&mut self, class: Class, now: Micros) {
        self.limit.sent(class, now);
    }

    fn ended(&mut self, end: &Ended, now: Micros) {
        self.limit.ended(end, now);
    }
}
