//! Figures over many worlds, and the bounds that they have to keep.

use crate::player::Name;
use crate::run::Played;
use crate::scenario::{Class, Source};
use crate::tournament::Row;

/// Figures of one player over some worlds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// How many worlds.
    pub worlds: u64,
    /// Unhealthy seconds since the first failing reading, added up.
    pub unhealthy: u64,
    /// Their median over the worlds.
    pub median: u64,
    /// What 95 % of the worlds stay below.
    pub p95: u64,
    /// Seconds above the oracle's, added up; less than nothing where it had more luck.
    pub regret: i64,
    /// Actions.
    pub actions: u64,
    /// Those at a target that was well.
    pub false_actions: u64,
    /// Those after which more was unhealthy than without.
    pub harm: u64,
    /// Of these, those with more unhealthy time up to the end as well.
    pub lasting_harm: u64,
    /// Incidents.
    pub incidents: u64,
    /// Incidents for which a person was called.
    pub escalated: u64,
}

impl Figures {
    /// Unhealthy seconds in a world, on average.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.unhealthy as f64 / self.worlds.max(1) as f64
    }

    /// The share of actions at targets that were well.
    #[must_use]
    pub fn false_share(&self) -> f64 {
        self.false_actions as f64 / self.actions.max(1) as f64
    }

    /// Actions for each incident.
    #[must_use]
    pub fn actions_per_incident(&self) -> f64 {
        self.actions as f64 / self.incidents.max(1) as f64
    }
}

/// Whether the bounds on actions at healthy targets and on harm hold for a class. What ends by
/// itself may end in any second, and who has one check that is wrong for minutes has no other.
fn is_judged(class: Class) -> bool {
    !class.ends_by_itself() && class != Class::WrongCheck
}

/// All rows, with the players in their order.
#[derive(Debug)]
pub struct Board {
    /// What came of the worlds.
    pub rows: Vec<Row>,
    /// Who has played.
    pub players: Vec<Name>,
}

impl Board {
    /// The figures of a player over the worlds that are asked for.
    #[must_use]
    pub fn figures(&self, name: Name, of: impl Fn(&Row) -> bool) -> Figures {
        let place = |name| self.players.iter().position(|it| *it == name);
        let (Some(own), oracle) = (place(name), place(Name::Oracle)) else {
            return Figures::default();
        };
        let mut figures = Figures::default();
        let mut seconds = Vec::new();
        for row in self.rows.iter().filter(|row| of(row)) {
            let played: &Played = &row.played[own];
            figures.worlds += 1;
            figures.unhealthy += played.unhealthy;
            if let Some(oracle) = oracle {
                figures.regret += played.unhealthy as i64 - row.played[oracle].unhealthy as i64;
            }
            figures.actions += played.actions;
            figures.false_actions += played.false_actions;
            figures.harm += played.harm;
            figures.lasting_harm += played.lasting_harm;
            figures.incidents += played.incidents;
            figures.escalated += played.escalated;
            seconds.push(played.unhealthy);
        }
        seconds.sort_unstable();
        figures.median = seconds.get(seconds.len() / 2).copied().unwrap_or(0);
        figures.p95 = seconds.get(seconds.len() * 95 / 100).copied().unwrap_or(0);
        figures
    }

    /// Every violation: which player, what, in which world.
    pub fn violations(&self) -> impl Iterator<Item = (Name, &str, &Row)> {
        self.rows.iter().flat_map(|row| {
            row.violations.iter().map(move |(name, what)| (*name, what.as_str(), row))
        })
    }

    /// What a player did with harm where faults do not end by themselves, and in which world.
    pub fn harm(&self, name: Name) -> impl Iterator<Item = (&Row, &str)> {
        let own = self.players.iter().position(|it| *it == name);
        self.rows.iter().filter(|row| is_judged(row.class)).flat_map(move |row| {
            let played = own.map(|own| &row.played[own]);
            let harmful = played.into_iter().flat_map(|played| &played.harmful);
            harmful.map(move |what| (row, what.as_str()))
        })
    }

    /// Every bound that a player has to keep, and whether it does.
    #[must_use]
    pub fn verdicts(&self, name: Name, source: Source) -> Vec<Verdict> {
        let from = |row: &Row| row.source == source;
        let fixable = |row: &Row| from(row) && row.class.is_fixable();
        let judged =
            |row: &Row| from(row) && !row.class.ends_by_itself() && row.class != Class::WrongCheck;
        let (ours, oracle) = (self.figures(name, fixable), self.figures(Name::Oracle, fixable));
        let ratio = ours.unhealthy as f64 / oracle.unhealthy.max(1) as f64;
        let curable = |row: &Row| fixable(row) && row.curable;
        let (quick, of) = (self.figures(name, curable), self.figures(Name::Oracle, curable));
        let curable = quick.unhealthy as f64 / of.unhealthy.max(1) as f64;
        let (all, by_itself) = (
            self.figures(name, judged),
            self.figures(name, |row| from(row) && row.class.ends_by_itself()),
        );
        let found = self.violations().filter(|(who, _, row)| *who == name && from(row)).count();
        let verdict = |what, value, bound| Verdict { what, value, bound };
        vec![
            verdict("violations of invariants", found as f64, Some(0.0)),
            verdict("unhealthy time over the oracle's, fixable faults", ratio, Some(1.25)),
            verdict("the same in worlds that can be healed", curable, Some(1.25)),
            verdict("actions at healthy targets, %", 100.0 * all.false_share(), Some(1.0)),
            verdict("actions with harm", all.harm as f64, Some(0.0)),
            verdict(
                "of these, with more unhealthy time up to the end",
                all.lasting_harm as f64,
                None,
            ),
            verdict(
                "actions at healthy targets where faults end by themselves, %",
                100.0 * by_itself.false_share(),
                None,
            ),
            verdict("actions with harm there", by_itself.harm as f64, None),
            verdict(
                "the same, % of all actions there",
                by_itself.harm as f64 * 100.0 / by_itself.actions.max(1) as f64,
                None,
            ),
        ]
    }
}

/// A figure and its bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// What is measured.
    pub what: &'static str,
    /// How much it is.
    pub value: f64,
    /// How much it may be, if anything is demanded.
    pub bound: Option<f64>,
}

impl Verdict {
    /// Whether the bound is kept.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.bound.is_none_or(|bound| self.value <= bound)
    }
}
