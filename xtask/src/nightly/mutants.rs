//! Breaks the engines in small ways and asks that a test notices each.

use anyhow::{Result, bail};

use crate::process::Cmd;
use crate::tools;
use crate::workspace::Workspace;

/// Engine files by room; a file that is named here and missing is a fault, unless its room is not built.
const ENGINES: &[(&str, &[&str])] = &[
    ("crates/bulkhead", &["compartment.rs"]),
    ("crates/circuit-breaker", &["breaker.rs"]),
    ("crates/retry", &["attempts.rs"]),
    ("crates/timeout", &["deadline.rs"]),
];

/// # Errors
/// When a mutant survives, when a named file is missing, or when no room is built: then nothing was tried.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let rooms = built(workspace, ENGINES);
    if rooms.is_empty() {
        bail!("no room of the table of engines is built: nothing was tried");
    }
    let gone: Vec<_> = rooms
        .iter()
        .flat_map(|room| &room.files)
        .filter(|file| !workspace.root.join(file).is_file())
        .collect();
    if !gone.is_empty() {
        bail!("the table of engines names what does not exist: {gone:?}");
    }
    let mutants = tools::MUTANTS.path(workspace)?;
    for room in &rooms {
        let files = room.files.iter().flat_map(|file| ["--file", file]);
        Cmd::new(mutants.clone(), &workspace.root)
            .args(["mutants", "--package", &room.package, "--all-features", "--no-shuffle"])
            .args([
                "--output",
                &workspace.target.join("mutants").join(&room.package).to_string_lossy(),
            ])
            .args(files)
            .run()?;
    }
    Ok(())
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
        for file in built(&workspace, ENGINES).iter().flat_map(|room| &room.files) {
            assert!(workspace.root.join(file).is_file(), "{file} is named as an engine");
        }
    }
}
