//! What was asked for on the command line.

use std::path::PathBuf;

use crate::model::{RandomPurpose, random_stream};
use crate::scenario::{self, Scenario};

pub(crate) const USAGE: &str =
    "usage: outcomes [--players TEXT] [--scenarios S01,X05] [--seed NUMBER] \
[--perturb SEED] [--ablations] [--quick] [--details] [--plots FOLDER]
  --players    only those whose name contains the text
  --scenarios  only these
  --seed       of arrivals, service times and everything else that is drawn; 1 unless told
  --perturb    with other service times, load, clients, deadlines and lengths, drawn from the seed
  --ablations  ours with one part taken out at a time, instead of everybody
  --quick      only the scenarios in which policies differ most
  --plots      goodput over time, ours beside the best other, as an SVG file for each scenario
  --details    every figure of every player, scenario by scenario";

/// Where policies differ most: one scenario for each part of a good one.
pub(crate) const QUICK: &str = "S03,S04,S05,S08,S11,S13,S18,S21,X02,X04,X07";

/// What to play.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Command {
    pub(crate) players: String,
    pub(crate) scenarios: Vec<Scenario>,
    /// Those beyond the plain model, whose scores stand apart.
    pub(crate) further: Vec<Scenario>,
    pub(crate) seed: u64,
    pub(crate) details: bool,
    pub(crate) ablations: bool,
    pub(crate) plots: Option<PathBuf>,
}

impl Command {
    /// # Errors
    /// If an argument is unknown or has no valid value.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut command = Self { seed: 1, ..Self::default() };
        let (mut perturb, mut chosen) = (None, None);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--players" => command.players = value()?,
                "--scenarios" => chosen = Some(ids(&value()?)?),
                "--seed" => command.seed = number(&value()?)?,
                "--perturb" => perturb = Some(number(&value()?)?),
                "--details" => command.details = true,
                "--ablations" => command.ablations = true,
                "--quick" => chosen = Some(ids(QUICK)?),
                "--plots" => command.plots = Some(PathBuf::from(value()?)),
                other => return Err(format!("unknown argument `{other}`\n{USAGE}")),
            }
        }
        let mut scenarios = everything();
        if let Some(seed) = perturb {
            let mut rng = random_stream(seed, RandomPurpose::Perturbation);
            scenarios = scenarios.iter().map(|one| scenario::perturbed(one, &mut rng)).collect();
        }
        // After all have been drawn: a scenario is the same beside others and alone.
        if let Some(chosen) = chosen {
            scenarios = chosen.into_iter().map(|place: usize| scenarios[place].clone()).collect();
        }
        (command.scenarios, command.further) =
            scenarios.into_iter().partition(|scenario| !scenario.is_further());
        Ok(command)
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

/// Every scenario: first those of the plain model, so that the others change nothing about them.
fn everything() -> Vec<Scenario> {
    let mut scenarios = scenario::all();
    scenarios.extend(scenario::further());
    scenarios
}

/// The places of scenarios in the list of all.
fn ids(text: &str) -> Result<Vec<usize>, String> {
    let all = everything();
    let find = |id: &str| {
        let found = all.iter().position(|scenario| scenario.id == id);
        found.ok_or_else(|| format!("there is no scenario `{id}`"))
    };
    text.split(',').map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Result<Command, String> {
        Command::parse(arguments.split_whitespace().map(String::from))
    }

    #[test]
    fn everything_is_played_unless_less_is_asked_for() {
        let command = parse("").unwrap();
        assert_eq!((command.scenarios, command.further), (scenario::all(), scenario::further()));
        let command = parse("--scenarios S05,X02,S01 --seed 7").unwrap();
        let ids = |scenarios: &[Scenario]| scenarios.iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!((ids(&command.scenarios), command.seed), (vec!["S05", "S01"], 7));
        assert_eq!(ids(&command.further), ["X02"]);
    }

    #[test]
    fn a_perturbation_is_the_same_each_time_and_changes_something() {
        let perturbed = || parse("--perturb 3").unwrap().scenarios;
        assert_eq!(perturbed(), perturbed());
        assert_ne!(perturbed(), scenario::all());
        assert_eq!(parse("--perturb 3 --scenarios S18").unwrap().scenarios[0], perturbed()[17]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(parse("--scenarios S99").unwrap_err().contains("S99"));
        assert!(parse("--seed many").unwrap_err().contains("many"));
        assert!(parse("--seed").unwrap_err().contains("needs a value"));
        assert!(parse("--fast").unwrap_err().contains("--fast"));
    }
}
