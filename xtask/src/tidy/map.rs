//! Keeps the map true: ARCHITECTURE.md and README.md name the rooms that exist, and say which do not yet.

use crate::arrows::HOUSE;

/// A row of the table of rooms in ARCHITECTURE.md.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    line: usize,
    folder: &'a str,
    package: &'a str,
    state: &'a str,
}

/// Compares the table of rooms with the members of the workspace and with the table of arrows.
pub(super) fn architecture(text: Option<&str>, folders: &[&str]) -> Vec<String> {
    let Some(text) = text else {
        return vec!["ARCHITECTURE.md is missing: write the map of the house".to_owned()];
    };
    let rows = rows(text);
    let mut faults = Vec::new();
    for folder in folders {
        let in_table = rows.iter().any(|row| row.folder == *folder);
        if folder.starts_with("crates/") && !in_table {
            faults.push(format!("ARCHITECTURE.md: its table of rooms lacks {folder}"));
        }
    }
    for row in &rows {
        let here = format!("ARCHITECTURE.md:{}: {}", row.line, row.folder);
        match (row.state, folders.contains(&row.folder)) {
            ("built", true) | ("planned", false) => {}
            ("built", false) => faults.push(format!("{here} is said to be built and is not")),
            ("planned", true) => faults.push(format!("{here} is built, and said to be planned")),
            (state, _) => faults.push(format!("{here} is `{state}`, neither built nor planned")),
        }
        match HOUSE.iter().find(|room| room.folder == row.folder) {
            None => faults.push(format!("{here} is not in the table of arrows")),
            Some(room) if room.package != row.package => {
                faults.push(format!("{here} holds {}, not {}", room.package, row.package));
            }
            Some(_) => {}
        }
    }
    for room in HOUSE.iter().filter(|room| !rows.iter().any(|row| row.folder == room.folder)) {
        // A member that is missing has been told above.
        if !folders.contains(&room.folder) {
            faults.push(format!("ARCHITECTURE.md: its table of rooms lacks {}", room.folder));
        }
    }
    faults
}

/// Asks README.md to name the package of each public room that exists.
pub(super) fn readme(text: Option<&str>, folders: &[&str]) -> Vec<String> {
    let Some(text) = text else {
        return vec!["README.md is missing: say what salve is and how to test it".to_owned()];
    };
    let in_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let words: Vec<_> = text.split(|c| !in_word(c)).collect();
    let built = HOUSE.iter().filter(|room| room.public && folders.contains(&room.folder));
    built
        .filter(|room| !words.contains(&room.package))
        .map(|room| format!("README.md: does not name {}, which is built", room.package))
        .collect()
}

/// Rows look like `| crates/core | salve-core | built | ... |`, with or without back ticks.
fn rows(text: &str) -> Vec<Row<'_>> {
    (1..)
        .zip(text.lines())
        .filter_map(|(line, text)| {
            let mut cells =
                text.strip_prefix('|')?.split('|').map(|cell| cell.trim().trim_matches('`'));
            let folder = cells.next().filter(|folder| folder.starts_with("crates/"))?;
            Some(Row { line, folder, package: cells.next()?, state: cells.next()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map that is right when only core is built.
    fn map() -> String {
        let mut text =
            "# Map\n\n| folder | package | state | what |\n|---|---|---|---|\n".to_owned();
        for room in HOUSE {
            let state = if room.folder == "crates/core" { "built" } else { "planned" };
            text += &format!("| `{}` | `{}` | {state} | ... |\n", room.folder, room.package);
        }
        text
    }

    fn faults(text: &str) -> Vec<String> {
        architecture(Some(text), &["crates/core", "xtask"])
    }

    #[test]
    fn a_true_map_passes() {
        assert_eq!(faults(&map()), [""; 0]);
    }

    #[test]
    fn a_missing_map_is_reported() {
        assert_eq!(architecture(None, &[]).len(), 1);
        assert_eq!(readme(None, &[]).len(), 1);
    }

    #[test]
    fn a_missing_row_is_reported_once() {
        for folder in ["crates/core", "crates/retry"] {
            let text: Vec<_> =
                map().lines().filter(|line| !line.contains(folder)).map(str::to_owned).collect();
            let expected = [format!("ARCHITECTURE.md: its table of rooms lacks {folder}")];
            assert_eq!(faults(&text.join("\n")), expected);
        }
    }

    #[test]
    fn a_wrong_state_is_reported() {
        let core = map().replace("`salve-core` | built", "`salve-core` | planned");
        let expected = ["ARCHITECTURE.md:5: crates/core is built, and said to be planned"];
        assert_eq!(faults(&core), expected);
        let kit = map().replace("`salve-testkit` | planned", "`salve-testkit` | built");
        let expected = ["ARCHITECTURE.md:6: crates/testkit is said to be built and is not"];
        assert_eq!(faults(&kit), expected);
        let odd = map().replace("`salve-testkit` | planned", "`salve-testkit` | soon");
        let expected = ["ARCHITECTURE.md:6: crates/testkit is `soon`, neither built nor planned"];
        assert_eq!(faults(&odd), expected);
    }

    #[test]
    fn a_room_that_the_arrows_do_not_know_is_reported() {
        let text = map() + "| crates/attic | salve-attic | planned | ... |\n";
        let faults = faults(&text);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].ends_with("crates/attic is not in the table of arrows"), "{}", faults[0]);
        let text = map().replace("`salve-core`", "`salve-kernel`");
        let expected = ["ARCHITECTURE.md:5: crates/core holds salve-core, not salve-kernel"];
        assert_eq!(self::faults(&text), expected);
    }

    #[test]
    fn the_readme_names_each_built_room() {
        let folders = ["crates/core", "crates/testkit", "crates/salve", "xtask"];
        assert_eq!(readme(Some("`salve`, and salve-core."), &folders), [""; 0]);
        let expected = ["README.md: does not name salve, which is built"];
        assert_eq!(readme(Some("Only salve-core."), &folders), expected);
    }
}
