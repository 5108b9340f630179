//! The table, as text for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::player::Name;
use crate::scenario::{Class, Source};
use crate::score::{Board, Figures};

/// A figure of the table.
type Figure = (&'static str, fn(&Figures) -> String);

const FIGURES: [Figure; 7] = [
    ("Unhealthy seconds since the first failing reading, mean", |it| format!("{:.0}", it.mean())),
    ("The same, median / P95", |it| format!("{} / {}", it.median, it.p95)),
    ("Regret: seconds above the oracle, mean", |it| {
        format!("{:.0}", it.regret as f64 / it.worlds.max(1) as f64)
    }),
    ("Actions", |it| format!("{:.2}", it.actions as f64 / it.worlds.max(1) as f64)),
    ("Actions for each incident", |it| format!("{:.2}", it.actions_per_incident())),
    ("False remediations: actions at healthy targets, % of all", |it| {
        format!("{:.2}", 100.0 * it.false_share())
    }),
    ("Harm: actions after which more was unhealthy than without", |it| format!("{}", it.harm)),
];

/// All tables for the worlds of one generator.
#[must_use]
pub fn text(board: &Board, source: Source) -> String {
    let mut text = String::new();
    for (title, figure) in FIGURES {
        let _ = writeln!(text, "\n{title}\n");
        let names: Vec<_> = board.players.iter().map(|name| name.as_str()).collect();
        let _ = writeln!(text, "| fault | worlds | {} |", names.join(" | "));
        let _ = writeln!(text, "|---|---:|{}", "---:|".repeat(names.len()));
        for class in Class::ALL {
            let of = |name| board.figures(name, |row| row.source == source && row.class == class);
            let worlds = of(board.players[0]).worlds;
            if worlds == 0 {
                continue;
            }
            let cells: Vec<_> = board.players.iter().map(|name| figure(&of(*name))).collect();
            let _ = writeln!(text, "| {} | {worlds} | {} |", class.as_str(), cells.join(" | "));
        }
    }
    text
}

/// What has to be kept, and what is.
#[must_use]
pub fn verdicts(board: &Board, source: Source) -> String {
    let mut text = String::from("| figure | bound |");
    let judged = [Name::Ours, Name::Seasoned, Name::Fixed, Name::Naive, Name::Oracle];
    let judged: Vec<_> = judged.into_iter().filter(|it| board.players.contains(it)).collect();
    for name in &judged {
        let _ = write!(text, " {} |", name.as_str());
    }
    let _ = writeln!(text, "\n|---|---:|{}", "---:|".repeat(judged.len()));
    let all: Vec<_> = judged.iter().map(|name| board.verdicts(*name, source)).collect();
    for nth in 0..all.first().map_or(0, Vec::len) {
        let first = &all[0][nth];
        let bound = first.bound.map_or("-".to_owned(), |bound| format!("{bound}"));
        let _ = write!(text, "| {} | {bound} |", first.what);
        for verdicts in &all {
            let _ = write!(text, " {:.2} |", verdicts[nth].value);
        }
        let _ = writeln!(text);
    }
    text
}

/// Every figure by generator, class and player.
#[must_use]
pub fn json(board: &Board) -> Value {
    let mut rows = Vec::new();
    for source in [Source::Usual, Source::Wild] {
        for class in Class::ALL {
            for name in &board.players {
                let it = board.figures(*name, |row| row.source == source && row.class == class);
                rows.push(json!({
                    "generator": format!("{source:?}").to_lowercase(),
                    "fault": class.as_str(),
                    "player": name.as_str(),
                    "worlds": it.worlds,
                    "unhealthy_seconds": it.unhealthy,
                    "median": it.median,
                    "p95": it.p95,
                    "regret_seconds": it.regret,
                    "actions": it.actions,
                    "false_actions": it.false_actions,
                    "harm": it.harm,
                    "incidents": it.incidents,
                    "escalated": it.escalated,
                }));
            }
        }
    }
    Value::Array(rows)
}
