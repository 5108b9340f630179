//! Readings, and what is concluded from them: three failures in a row convict, two passes acquit.
//!
//! This stands for the health checks, with their thresholds and their silence over a pause. The
//! healer is told conclusions, as it is by those.

use salve_healer::{Condition, Kind};

use crate::dice::{About, luck, word};
use crate::scenario::{Scenario, Signal};
use crate::truth::World;

/// What a player is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// How a target is now.
    Condition(usize, Condition),
    /// How the witness is now.
    Witness(Condition),
    /// A gauge of a target is past its limit, or no longer.
    Gauge(usize, Kind, bool),
    /// A detector suspects something, or no longer.
    Suspicion(usize, bool),
    /// There was a release.
    Change(usize),
    /// The player itself stood still for so many seconds.
    StoodStill(u64),
    /// The reading of a target's signal has failed so many times in a row.
    Failures(usize, u32),
}

/// Watches every signal of every target.
#[derive(Clone, Debug)]
pub struct Watch {
    rows: Vec<Row>,
    witness: Row,
    /// When the first reading failed that was no noise.
    pub first_failure: Option<u64>,
}

#[derive(Clone, Debug)]
struct Row {
    target: usize,
    signal: Signal,
    failures: u32,
    passes: u32,
    lost: u32,
    down: bool,
    condition: Condition,
}

const CONVICTS: u32 = 3;
const ACQUITS: u32 = 2;

impl Watch {
    /// One row for the probe of each target, and for each gauge that matters.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let row = Row::new;
        let probes = (0..scenario.targets.len()).map(|target| row(target, Signal::Probe));
        let mut rows: Vec<Row> = probes.collect();
        for fault in &scenario.faults {
            let known = |it: &Row| it.target == fault.target && it.signal == fault.signal;
            if !rows.iter().any(known) {
                rows.push(row(fault.target, fault.signal.clone()));
            }
        }
        let witness = row(scenario.targets.len(), Signal::Probe);
        Self { rows, witness, first_failure: None }
    }

    /// Reads all signals at this second, and says what is new.
    pub fn read(&mut self, world: &World<'_>) -> Vec<Told> {
        let (scenario, now) = (world.scenario, world.now());
        let mut told = Vec::new();
        for row in &mut self.rows {
            let of = [row.target as u64, row.number(), now];
            if luck(scenario.seed, About::Lost, of) < scenario.lost {
                row.lose(&mut told);
                continue;
            }
            let fails = world.shows(row.target, &row.signal);
            if fails && world.is_unhealthy(row.target) {
                self.first_failure.get_or_insert(now);
            }
            let wrong = luck(scenario.seed, About::Wrong, of) < scenario.wrong;
            row.take(fails != wrong, &mut told);
        }
        told.extend(self.witness.read_witness(world));
        told
    }
}

/// Whether a reading of the witness passes at this second, if it is not lost: whoever sees anybody sees it. It knows
/// nothing of the targets, and its readings are wrong and lost as often as theirs.
#[must_use]
pub fn sees_witness(world: &World<'_>, lost: About, wrong: About, nth: u64) -> Option<bool> {
    let (scenario, now) = (world.scenario, world.now());
    let of = [scenario.targets.len() as u64, nth, now];
    if luck(scenario.seed, lost, of) < scenario.lost {
        return None;
    }
    let sees = !scenario.blind.iter().any(|(from, until)| (*from..*until).contains(&now));
    Some(sees != (luck(scenario.seed, wrong, of) < scenario.wrong))
}

impl Row {
    const fn new(target: usize, signal: Signal) -> Self {
        let condition = Condition::Unknown;
        Self { target, signal, failures: 0, passes: 0, lost: 0, down: false, condition }
    }

    fn read_witness(&mut self, world: &World<'_>) -> Option<Told> {
        let mut told = Vec::new();
        match sees_witness(world, About::Lost, About::Wrong, 0) {
            Some(sees) => self.take(!sees, &mut told),
            None => self.lose(&mut told),
        }
        told.into_iter().find_map(|told| match told {
            Told::Condition(_, condition) => Some(Told::Witness(condition)),
            _ => None,
        })
    }

    fn number(&self) -> u64 {
        match &self.signal {
            Signal::Probe => 0,
            Signal::Gauge(kind) => word(kind.as_str()),
        }
    }

    fn lose(&mut self, told: &mut Vec<Told>) {
        self.lost += 1;
        if self.lost >= CONVICTS && self.signal == Signal::Probe {
            self.say(Condition::Unknown, told);
        }
    }

    fn take(&mut self, fails: bool, told: &mut Vec<Told>) {
        self.lost = 0;
        if fails {
            (self.passes, self.failures) = (0, self.failures + 1);
            told.push(Told::Failures(self.target, self.failures));
        } else {
            (self.passes, self.failures) = (self.passes + 1, 0);
        }
        let was = self.down;
        self.down = match self.down {
            true => self.passes < ACQUITS,
            false => self.failures >= CONVICTS,
        };
        match &self.signal {
            Signal::Probe if self.down => self.say(Condition::Failed, told),
            Signal::Probe if fails => self.say(Condition::Unhealthy, told),
            Signal::Probe if was || self.passes >= ACQUITS => self.say(Condition::Healthy, told),
            Signal::Probe => {}
            Signal::Gauge(kind) => {
                if was != self.down {
                    told.push(Told::Gauge(self.target, kind.clone(), self.down));
                }
            }
        }
    }

    fn say(&mut self, condition: Condition, told: &mut Vec<Told>) {
        if self.condition != condition {
            self.condition = condition;
            told.push(Told::Condition(self.target, condition));
        }
    }
}
