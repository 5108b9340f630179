//! Who plays: the contract, and everybody who keeps it.

mod engine;
mod knowing;
mod naive;
mod oracle;

use salve_healer::{ActionResult, PlanId, Record};

pub use engine::Engine;
pub use knowing::Knowing;
pub use naive::Naive;
pub use oracle::Oracle;

use crate::scenario::Scenario;
use crate::truth::World;
use crate::watch::Told;

/// Something that a player wants to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Begin an action.
    Start {
        /// By what it is known again when it has ended.
        plan: PlanId,
        /// At which target.
        target: usize,
        /// Which.
        action: String,
        /// After how many seconds it is cut.
        timeout: u64,
    },
    /// Undo an action.
    RollBack(PlanId),
}

/// One who heals, or does not.
pub trait Player {
    /// It stands still until it is called again: nothing is told and asked meanwhile.
    fn see(&mut self, now: u64, told: &[Told]);
    /// An action has ended.
    fn finished(&mut self, now: u64, plan: PlanId, result: &ActionResult);
    /// A rollback has ended.
    fn rolled_back(&mut self, now: u64, plan: PlanId);
    /// What it wants to be done now.
    fn turn(&mut self, now: u64) -> Vec<Wish>;
    /// Shows the truth to those who may see it; others may take a reading of what they have been told of.
    fn look(&mut self, _world: &World<'_>) {}
    /// What it has written down.
    fn journal(&self) -> &[Record] {
        &[]
    }
    /// How many incidents it has known.
    fn incidents(&self) -> u64 {
        0
    }
    /// For how many it has called a person.
    fn escalated(&self) -> u64 {
        0
    }
}

/// The players of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// Nobody.
    Nobody,
    /// Restarts after three failures in a row, every time.
    Naive,
    /// The engine, with the steps as they stand.
    Fixed,
    /// The engine, on its first day: it knows what its chains say.
    Ours,
    /// The engine, after it has healed other worlds of the same kind.
    Seasoned,
    /// The engine's gates and readings, but it knows what is wrong and what helps.
    Oracle,
    /// It sees the truth and is lucky.
    Knowing,
}

impl Name {
    /// Every player.
    pub const ALL: [Self; 7] = [
        Self::Nobody,
        Self::Naive,
        Self::Fixed,
        Self::Ours,
        Self::Seasoned,
        Self::Oracle,
        Self::Knowing,
    ];

    /// The words for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "no healer",
            Self::Naive => "restart after 3",
            Self::Fixed => "fixed chain",
            Self::Ours => "ours, first day",
            Self::Seasoned => "ours, seasoned",
            Self::Oracle => "oracle",
            Self::Knowing => "all-knowing",
        }
    }

    /// Whether the healer's engine decides for it, so that its journal can be audited.
    #[must_use]
    pub const fn has_journal(self) -> bool {
        matches!(self, Self::Fixed | Self::Ours | Self::Seasoned | Self::Oracle)
    }
}

/// What players bring along: what was learned in other worlds.
#[derive(Clone, Debug, Default)]
pub struct Luggage {
    /// The state of an engine that knows nothing but what was learned.
    pub knowledge: Option<String>,
}

/// A player, ready to begin.
#[must_use]
pub fn ready(name: Name, scenario: &Scenario, luggage: &Luggage) -> Box<dyn Player> {
    match name {
        Name::Nobody => Box::new(Knowing::idle(scenario)),
        Name::Naive => Box::new(Naive::new(scenario)),
        Name::Fixed => Box::new(Engine::fixed(scenario)),
        Name::Ours => Box::new(Engine::new(scenario)),
        Name::Seasoned => Box::new(Engine::seasoned(scenario, luggage)),
        Name::Oracle => Box::new(Oracle::new(scenario)),
        Name::Knowing => Box::new(Knowing::new(scenario)),
    }
}
