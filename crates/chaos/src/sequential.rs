//! The engine that says, as early as it may, that one group fares worse than another.

use std::collections::VecDeque;

use salve_core::{Check, ConfigError};

use crate::config::ROOM;
use crate::group::Group;

/// How sure an experiment must be that its calls fare worse before it is ended for it.
///
/// Calls of both groups are paired as they end. Of the pairs in which one went well and one badly, half
/// should have gone badly for either group if the faults did no harm. The test is Wald's
/// sequential one for two proportions (*Sequential Analysis*, 1947, ch. 6). Without harm the
/// likelihood ratio is a martingale, so the chance that it ever reaches `1 / false_aborts` is at most
/// `false_aborts`, however often one looks (Ville, 1939).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Harm {
    /// How often an experiment that does no harm may be ended for it. Default 0.01; above 0 to 0.5.
    pub false_aborts: f64,
    /// Which odds of a bad call against those of the control group are no harm. Default 1; 1 to 100.
    pub tolerated: f64,
    /// Which odds are harm for certain; nearer ones are found later. Default 3; more than
    /// `tolerated`, to 1,000.
    pub harmful: f64,
}

impl Default for Harm {
    fn default() -> Self {
        Self { false_aborts: 0.01, tolerated: 1.0, harmful: 3.0 }
    }
}

impl Harm {
    pub(crate) fn validate(self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        let share = self.false_aborts > 0.0 && self.false_aborts <= 0.5;
        check.that("harm.false_aborts", self.false_aborts, share, "above 0, to 0.5")?;
        check.range("harm.tolerated", self.tolerated, 1.0, 100.0)?;
        let more = self.harmful > self.tolerated && self.harmful <= 1_000.0;
        check.that("harm.harmful", self.harmful, more, "more than `tolerated`, to 1000")
    }
}

/// The test, fed with how calls of both groups went.
#[derive(Clone, Debug)]
pub(crate) struct PairTest {
    worse: f64,
    better: f64,
    limit: f64,
    log_ratio: f64,
    harmed: bool,
    /// Ends of calls that wait for one of the other group; all of one group.
    waiting: VecDeque<(Group, bool)>,
    unpaired: u64,
}

/// More ends than this do not wait: the oldest goes. Which goes has nothing to do with how it went.
pub(crate) const MOST_WAITING: usize = 256;

impl PairTest {
    pub(crate) fn new(harm: Harm) -> Self {
        let chance = |odds: f64| odds / (1.0 + odds);
        let (none, some) = (chance(harm.tolerated), chance(harm.harmful));
        Self {
            worse: (some / none).ln(),
            better: ((1.0 - some) / (1.0 - none)).ln(),
            limit: -harm.false_aborts.ln(),
            log_ratio: 0.0,
            harmed: false,
            waiting: VecDeque::new(),
            unpaired: 0,
        }
    }

    /// Takes in how a call went.
    pub(crate) fn note(&mut self, group: Group, bad: bool) {
        match self.waiting.front() {
            Some(&(other, other_bad)) if other != group => {
                self.waiting.pop_front();
                match (group, bad, other_bad) {
                    (_, true, true) | (_, false, false) => {}
                    (Group::Experiment, true, _) | (Group::Control, false, _) => {
                        self.log_ratio += self.worse;
                    }
                    _ => self.log_ratio += self.better,
                }
                self.harmed |= self.log_ratio >= self.limit;
            }
            _ => {
                self.waiting.push_back((group, bad));
                if self.waiting.len() > MOST_WAITING {
                    self.waiting.pop_front();
                    self.unpaired += 1;
                }
            }
        }
    }

    /// Whether the experiment's calls have fared worse.
    pub(crate) const fn harmed(&self) -> bool {
        self.harmed
    }

    /// The likelihood ratio of harm to none.
    pub(crate) fn ratio(&self) -> f64 {
        self.log_ratio.exp()
    }

    /// How many ends found no partner and were left out.
    pub(crate) const fn unpaired(&self) -> u64 {
        self.unpaired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    /// Runs many experiments whose groups go badly with these chances; how many were ended, and
    /// after how many pairs on the average.
    fn runs(harm: Harm, experiment: f64, control: f64, calls: u64) -> (u64, f64) {
        let (mut ended, mut pairs) = (0, 0);
        for run in 0..RUNS {
            let dice = Dice::new(run);
            let mut test = PairTest::new(harm);
            for call in 0..calls {
                let dice = dice.at(call);
                // Calls come in any order of groups, as they do.
                let group =
                    if dice.at(0).unit() < 0.5 { Group::Experiment } else { Group::Control };
                let chance = if group == Group::Experiment { experiment } else { control };
                test.note(group, dice.at(1).unit() < chance);
                if test.harmed() {
                    ended += 1;
                    pairs += call / 2;
                    break;
                }
            }
        }
        (ended, pairs as f64 / ended.max(1) as f64)
    }

    const RUNS: u64 = 2_000;

    #[test]
    fn without_harm_it_is_seldom_ended_however_often_one_looks() {
        for (false_aborts, chance) in [(0.05, 0.2), (0.05, 0.5), (0.01, 0.1)] {
            let harm = Harm { false_aborts, ..Harm::default() };
            let (ended, _) = runs(harm, chance, chance, 1_500);
            let expected = false_aborts * RUNS as f64;
            // Three deviations of the number that the bound allows.
            let most = expected + 3.0 * (expected * (1.0 - false_aborts)).sqrt();
            assert!((ended as f64) <= most, "{ended} of {RUNS} at {false_aborts}");
        }
    }

    #[test]
    fn better_than_the_control_group_is_no_harm() {
        assert_eq!(runs(Harm::default(), 0.05, 0.2, 1_500).0, 0);
    }

    #[test]
    fn harm_is_found_soon() {
        let (ended, pairs) = runs(Harm::default(), 1.0, 0.0, 200);
        assert_eq!((ended, pairs.ceil() as u64 <= 20), (RUNS, true), "{pairs} pairs");
        let (ended, pairs) = runs(Harm::default(), 0.3, 0.1, 3_000);
        assert!(ended > RUNS * 99 / 100, "{ended} of {RUNS}");
        assert!(pairs < 120.0, "{pairs} pairs");
    }

    #[test]
    fn what_is_tolerated_is_no_harm() {
        // Odds of 0.25 to 0.111 are 2.25.
        let harm = Harm { tolerated: 2.5, harmful: 6.0, ..Harm::default() };
        let (ended, _) = runs(harm, 0.2, 0.1, 1_500);
        assert!(ended <= RUNS / 100 + 14, "{ended} of {RUNS}");
    }

    #[test]
    fn ends_without_a_partner_are_bounded_and_counted() {
        let mut test = PairTest::new(Harm::default());
        for _ in 0..MOST_WAITING + 10 {
            test.note(Group::Experiment, true);
        }
        assert_eq!((test.unpaired(), test.harmed()), (10, false));
        for _ in 0..MOST_WAITING {
            test.note(Group::Control, false);
        }
        assert!(test.harmed());
    }
}
