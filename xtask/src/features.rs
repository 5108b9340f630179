//! Builds public crates with sets of their features, since features only ever tested together hide each other's gaps.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::process::Cmd;
use crate::workspace::{Member, Workspace};

/// No feature, each alone, and all, for every public crate.
pub(crate) fn each(workspace: &Workspace) -> Result<()> {
    check(workspace, 1)
}

/// No feature, each alone, each pair, and all, for every public crate.
pub(crate) fn pairs(workspace: &Workspace) -> Result<()> {
    check(workspace, 2)
}

fn check(workspace: &Workspace, depth: usize) -> Result<()> {
    for member in workspace.public() {
        for set in sets(member, depth) {
            // Clippy sees all that `cargo check` sees, and can turn the warnings of the workspace, and
            // only these, into errors without building the dependencies once more.
            Cmd::cargo(workspace)
                .args(["clippy", "--quiet", "--locked", "-p", &member.name])
                .args(["--no-default-features", "--features", &set.join(",")])
                .args(["--", "-D", "warnings"])
                .run()?;
        }
    }
    Ok(())
}

/// The sets of at most `depth` features, smallest first, then the set of all.
fn sets(member: &Member, depth: usize) -> Vec<Vec<&str>> {
    // An empty default is the same as none.
    let names = member.features.iter().filter(|(name, of)| *name != "default" || !of.is_empty());
    let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
    let mut sets = BTreeSet::from([Vec::new()]);
    for _ in 0..depth {
        let longer: Vec<_> = sets.iter().flat_map(|set| extended(set, &names)).collect();
        sets.extend(longer);
    }
    sets.insert(names);
    let mut sets: Vec<_> = sets.into_iter().collect();
    sets.sort_by_key(Vec::len);
    sets
}

/// `set` with each name that comes after its last one, so that every set is made once.
fn extended<'a>(set: &[&'a str], names: &[&'a str]) -> Vec<Vec<&'a str>> {
    let later = |name: &&&str| set.last().is_none_or(|last| *last < **name);
    names.iter().filter(later).map(|name| [set, &[*name]].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(features: &[&str]) -> Member {
        let features = features.iter().map(|&name| (name.to_owned(), Vec::new())).collect();
        Member { features, ..Member::default() }
    }

    #[test]
    fn a_crate_without_features_is_built_once() {
        assert_eq!(sets(&member(&[]), 1), [[""; 0]]);
    }

    #[test]
    fn one_feature_makes_two_sets() {
        assert_eq!(sets(&member(&["serde"]), 2), [vec![], vec!["serde"]]);
    }

    #[test]
    fn each_alone_none_and_all() {
        let all = vec!["a", "b", "c"];
        let expected = [vec![], vec!["a"], vec!["b"], vec!["c"], all];
        assert_eq!(sets(&member(&["c", "a", "b"]), 1), expected);
    }

    #[test]
    fn an_empty_default_is_no_set_of_its_own() {
        assert_eq!(sets(&member(&["default"]), 1), [[""; 0]]);
        let mut member = member(&["default", "serde"]);
        member.features.insert("default".to_owned(), vec!["serde".to_owned()]);
        assert_eq!(sets(&member, 1).len(), 4);
    }

    #[test]
    fn pairs_come_once() {
        let member = member(&["a", "b", "c", "d"]);
        let pairs = sets(&member, 2);
        assert_eq!(pairs.len(), 1 + 4 + 6 + 1);
        assert_eq!(pairs[5], ["a", "b"]);
        assert_eq!(pairs[10], ["c", "d"]);
    }
}
