//! The results as text, or as Markdown for the documentation.

use std::fmt::Write;

use crate::scenario::Scenario;
use crate::score::Score;
use crate::tournament::Row;

/// The scores of everybody in each scenario, the best first.
pub(crate) fn scores(rows: &[Row], scenarios: &[Scenario]) -> String {
    let mut text = String::from("| player | mean | worst |");
    for scenario in scenarios {
        let _ = write!(text, " {} |", scenario.id);
    }
    text.push_str("\n|---|---|---|");
    text.push_str(&"---|".repeat(scenarios.len()));
    text.push('\n');
    for row in sorted(rows) {
        let _ = write!(text, "| {} | {:.1} | {:.1} |", row.name, row.mean(), row.worst());
        for score in &row.scores {
            let _ = write!(text, " {:.0} |", score.score);
        }
        text.push('\n');
    }
    text
}

/// A figure beside the score: its title, where it is in a score, and its decimal places.
pub(crate) type Figure = (&'static str, fn(&Score) -> f64, usize);

/// What else there is to say about how somebody fared in the plain model.
pub(crate) const PLAIN: &[Figure] = FURTHER.split_last().expect("some").1;

/// What else there is to say where the model goes further.
pub(crate) const FURTHER: &[Figure] = &[
    ("goodput", |score| score.goodput, 3),
    ("critical", |score| score.critical, 3),
    ("attempts / request", |score| score.amplification, 2),
    ("to the dead / request", |score| score.dead, 3),
    ("work wasted", |score| score.waste, 3),
    ("p99 ms", |score| score.p99, 0),
    ("failing ms", |score| score.failing, 0),
    ("false refusals", |score| score.false_refusals, 4),
    ("detect s", |score| score.detect, 1),
    ("recover s", |score| score.recover, 1),
    ("worst tenant", |score| score.worst_tenant, 3),
    ("twice / 1000", |score| score.doubled, 2),
];

/// The other figures, as means over the scenarios.
pub(crate) fn figures(rows: &[Row], figures: &[Figure]) -> String {
    let mut text = String::from("| player |");
    for (title, ..) in figures {
        let _ = write!(text, " {title} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(figures.len()));
    text.push('\n');
    for row in sorted(rows) {
        let _ = write!(text, "| {} |", row.name);
        for (_, figure, digits) in figures {
            let _ = write!(text, " {:.*} |", *digits, row.mean_of(figure));
        }
        text.push('\n');
    }
    text
}

/// All figures of one player, scenario by scenario.
pub(crate) fn details(row: &Row, scenarios: &[Scenario], figures: &[Figure]) -> String {
    let mut text = format!("{} ({})\n| scenario | score |", row.name, row.source);
    for (title, ..) in figures {
        let _ = write!(text, " {title} |");
    }
    text.push('\n');
    for (scenario, score) in scenarios.iter().zip(&row.scores) {
        let _ = write!(text, "| {} {} | {:.1} |", scenario.id, scenario.name, score.score);
        for (_, figure, digits) in figures {
            let _ = write!(text, " {:.*} |", *digits, figure(score));
        }
        text.push('\n');
    }
    text
}

fn sorted(rows: &[Row]) -> Vec<&Row> {
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by(|one, other| other.mean().total_cmp(&one.mean()));
    rows
}
