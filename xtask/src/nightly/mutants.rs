//! Breaks the engines in small ways and asks that a test notices each.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process::Cmd;
use crate::tools;
use crate::workspace::Workspace;

/// Engine files by room, below its `src`; a name that ends in `/` is a folder of engine files.
///
/// Every built room of the floors 0 to 2 has its row, and what a row names exists: tests ask for both.
const ENGINES: &[(&str, &[&str])] = &[
    ("crates/actions", &["escalate/outbox.rs"]),
    (
        "crates/adaptive",
        &[
            "controller/",
            "gauge.rs",
            "limit.rs",
            "overtime.rs",
            "pulse.rs",
            "queue.rs",
            "quota.rs",
            "routes.rs",
            "scopes.rs",
            "suspicion.rs",
            "work.rs",
            "worth.rs",
        ],
    ),
    ("crates/bulkhead", &["compartment.rs", "limit/", "ramp.rs"]),
    (
        "crates/chaos",
        &["dice.rs", "injector.rs", "rule.rs", "schedule.rs", "sequential.rs", "skew.rs"],
    ),
    ("crates/circuit-breaker", &["breaker.rs", "episode.rs", "open_wait.rs", "word.rs", "tally/"]),
    (
        "crates/core",
        &[
            "buckets.rs",
            "budget/",
            "moment.rs",
            "outcome.rs",
            "ratio.rs",
            "registry.rs",
            "topology.rs",
        ],
    ),
    ("crates/degradation", &["ladder.rs", "plan.rs", "rule.rs"]),
    (
        "crates/fallback",
        &["order.rs", "cache/life.rs", "single_flight/board.rs", "single_flight/seat.rs"],
    ),
    (
        "crates/healer",
        &[
            "choice.rs",
            "decide.rs",
            "due/",
            "gates/",
            "intake.rs",
            "posterior.rs",
            "state/",
            "symptom.rs",
        ],
    ),
    (
        "crates/health",
        &["history.rs", "schedule.rs", "score.rs", "state.rs", "suppress.rs", "target.rs"],
    ),
    ("crates/hedge", &["copies.rs", "latency.rs", "meter.rs"]),
    ("crates/rate-limit", &["line.rs", "pace.rs", "quota.rs", "tiers.rs", "word.rs"]),
    ("crates/retry", &["attempts.rs", "backoff.rs"]),
    ("crates/timeout", &["limits.rs"]),
];

/// # Errors
/// When a mutant survives, when a named file is missing, or when no room is built: then nothing was tried.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let rooms = built(workspace, ENGINES);
    if rooms.is_empty() {
        bail!("no room of the table of engines is built: nothing was tried");
    }
    if let Some(file) = missing(workspace, &rooms).first() {
        bail!("the table of engines names {file}, which does not exist");
    }
    let mutants = tools::MUTANTS.path(workspace)?;
    for room in &rooms {
        // Most mutants fall to a few random walks; what is left has to withstand all of them.
        let quick = mutate(workspace, &mutants, room).env("PROPTEST_CASES", "256").run();
        if quick.is_err() {
            mutate(workspace, &mutants, room).args(["--iterate"]).run()?;
        }
    }
    Ok(())
}

fn mutate(workspace: &Workspace, mutants: &Path, room: &Engines) -> Cmd {
    let files: Vec<_> = room.files.iter().map(|file| glob(file)).collect();
    let output = workspace.target.join("mutants").join(&room.package);
    Cmd::new(mutants, &workspace.root)
        .args(["mutants", "--package", &room.package, "--all-features", "--no-shuffle"])
        .args(["--output", &output.to_string_lossy()])
        .args(files.iter().flat_map(|file| ["--file", file]))
}

fn missing(workspace: &Workspace, rooms: &[Engines]) -> Vec<String> {
    let files = rooms.iter().flat_map(|room| &room.files);
    files.filter(|file| !workspace.root.join(file).exists()).cloned().collect()
}

/// A path as cargo-mutants takes it.
fn glob(path: &str) -> String {
    if path.ends_with('/') { format!("{path}**/*.rs") } else { path.to_owned() }
}

#[derive(Debug)]
struct Engines {
    package: String,
    files: Vec<String>,
}

fn built(workspace: &Workspace, table: &[(&str, &[&str])]) -> Vec<Engines> {
    let find = |folder: &str| workspace.members.iter().find(|member| member.folder == folder);
    table
        .iter()
        .filter_map(|(folder, files)| {
            let package = find(folder)?.name.clone();
            let files = files.iter().map(|file| format!("{folder}/src/{file}")).collect();
            Some(Engines { package, files })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrows::HOUSE;

    #[test]
    fn each_engine_belongs_to_a_room() {
        for (folder, files) in ENGINES {
            assert!(HOUSE.iter().any(|room| room.folder == *folder), "{folder}");
            assert!(!files.is_empty(), "{folder}");
        }
    }

    #[test]
    fn only_built_rooms_are_tried() {
        let workspace = Workspace::load().unwrap();
        let table: &[(&str, &[&str])] =
            &[("crates/core", &["lib.rs"]), ("crates/attic", &["a.rs"])];
        let rooms = built(&workspace, table);
        assert_eq!(rooms.len(), 1);
        assert_eq!(rooms[0].package, "salve-core");
        assert_eq!(rooms[0].files, ["crates/core/src/lib.rs"]);
    }

    #[test]
    fn the_engines_of_built_rooms_exist() {
        let workspace = Workspace::load().unwrap();
        let none: [String; 0] = [];
        assert_eq!(missing(&workspace, &built(&workspace, ENGINES)), none);
        let table: &[(&str, &[&str])] = &[("crates/core", &["lib.rs", "attic.rs", "attic/"])];
        let gone = ["crates/core/src/attic.rs", "crates/core/src/attic/"];
        assert_eq!(missing(&workspace, &built(&workspace, table)), gone);
    }

    #[test]
    fn each_built_room_with_an_engine_has_its_row() {
        let workspace = Workspace::load().unwrap();
        for member in workspace.public() {
            let room = HOUSE.iter().find(|room| room.folder == member.folder);
            if room.is_some_and(|room| room.floor <= 2) {
                let row = ENGINES.iter().any(|(folder, _)| *folder == member.folder);
                assert!(row, "name the engine files of {} in the table ENGINES", member.folder);
            }
        }
    }

    #[test]
    fn a_folder_stands_for_its_files() {
        assert_eq!(glob("crates/core/src/budget/"), "crates/core/src/budget/**/*.rs");
        assert_eq!(glob("crates/core/src/ratio.rs"), "crates/core/src/ratio.rs");
    }
}
