//! What was asked for on the command line.

use crate::player::Name;
use crate::scenario::Class;
use crate::tournament::Plan;

/// How to call it.
pub const USAGE: &str = "usage: gym [--quick] [--usual NUMBER] [--wild NUMBER] [--seed NUMBER] \
[--school NUMBER] [--class TEXT] [--json]
       gym --story CLASS SEED PLAYER
  --quick   a tenth of all
  --usual   worlds of the first generator, 8,000 unless told
  --wild    worlds of the second, to which nobody tunes, 2,000 unless told
  --seed    of the first world; 1 unless told
  --school  worlds in which the seasoned healer has learned; 1,000 unless told
  --class   only classes of faults whose name holds this
  --json    every figure as JSON instead of tables
  --story   the journal of one world of the first generator";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Play and print.
    Play {
        /// What.
        plan: Plan,
        /// As JSON.
        json: bool,
        /// How often the arms of the learner are drawn.
        runs: u64,
    },
    /// Tell what happened in one world.
    Story(Class, u64, Name),
}

impl Command {
    /// Reads the arguments.
    ///
    /// # Errors
    /// If one is unknown, or its value is.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut plan = Plan {
            usual: 8_000,
            wild: 2_000,
            seed: 1,
            school: 1_000,
            players: Name::ALL.to_vec(),
            classes: Class::ALL.to_vec(),
        };
        let (mut json, mut runs) = (false, 30);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--quick" => {
                    (plan.usual, plan.wild, plan.school) = (800, 200, 300);
                    runs = 5;
                }
                "--usual" => plan.usual = number(&value()?)?,
                "--wild" => plan.wild = number(&value()?)?,
                "--seed" => plan.seed = number(&value()?)?,
                "--school" => plan.school = number(&value()?)?,
                "--class" => {
                    let text = value()?;
                    plan.classes.retain(|class| class.as_str().contains(&text));
                    if plan.classes.is_empty() {
                        return Err(format!("no class of faults holds `{text}`\n{USAGE}"));
                    }
                }
                "--json" => json = true,
                "--story" => {
                    let class = value()?;
                    let class = Class::ALL.into_iter().find(|it| it.as_str() == class);
                    let class = class.ok_or_else(|| format!("no such class\n{USAGE}"))?;
                    let seed = number(&value()?)?;
                    let name = value()?;
                    let name = Name::ALL.into_iter().find(|it| it.as_str() == name);
                    let name = name.ok_or_else(|| format!("no such player\n{USAGE}"))?;
                    return Ok(Self::Story(class, seed, name));
                }
                other => return Err(format!("unknown argument `{other}`\n{USAGE}")),
            }
        }
        Ok(Self::Play { plan, json, runs })
    }
}

fn number(text: &str) -> Result<u64, String> {
    let plain: String = text.chars().filter(|it| !matches!(it, ',' | '_')).collect();
    plain.parse().map_err(|_| format!("`{text}` is no number\n{USAGE}"))
}
