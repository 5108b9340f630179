//! Rules for manifests: one lint table for all, and what a reader of the registry wants to know.

use super::File;
use crate::workspace::Member;

pub(super) fn faults(member: &Member, manifest: Option<&File>) -> Vec<String> {
    let name = &member.name;
    let Some(manifest) = manifest else {
        return vec![format!("{name}: its manifest is not in the repository")];
    };
    let mut faults = Vec::new();
    if !inherits_lints(&manifest.text) {
        faults.push(format!("{}: has no `[lints] workspace = true`", manifest.path));
    }
    if member.public {
        let unsaid = member.unsaid.iter();
        faults.extend(unsaid.map(|key| format!("{}: has no `{key}`", manifest.path)));
    }
    faults
}

fn inherits_lints(manifest: &str) -> bool {
    let mut section = "";
    manifest.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        let line: String = line.split_whitespace().collect();
        match section {
            "[lints]" => line == "workspace=true",
            "" => line == "lints.workspace=true",
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> File {
        File { path: "crates/a/Cargo.toml".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn inherited_lints_are_seen() {
        for good in
            ["[package]\n[lints]\nworkspace = true\n", "lints.workspace = true\n[package]\n"]
        {
            assert_eq!(faults(&Member::default(), Some(&manifest(good))), [""; 0]);
        }
    }

    #[test]
    fn other_lints_are_reported() {
        for bad in ["[package]\n", "[lints.clippy]\n", "[lints]\n[dev]\nworkspace = true\n"] {
            let expected = ["crates/a/Cargo.toml: has no `[lints] workspace = true`"];
            assert_eq!(faults(&Member::default(), Some(&manifest(bad))), expected);
        }
    }

    #[test]
    fn a_public_crate_says_what_it_is() {
        let good = manifest("[lints]\nworkspace = true\n");
        let unsaid = vec!["license", "keywords"];
        let private = Member { unsaid: unsaid.clone(), ..Member::default() };
        assert_eq!(faults(&private, Some(&good)), [""; 0]);
        let public = Member { public: true, unsaid, ..Member::default() };
        let expected =
            ["crates/a/Cargo.toml: has no `license`", "crates/a/Cargo.toml: has no `keywords`"];
        assert_eq!(faults(&public, Some(&good)), expected);
    }

    #[test]
    fn a_manifest_outside_the_repository_is_reported() {
        let member = Member { name: "salve-a".to_owned(), ..Member::default() };
        let expected = ["salve-a: its manifest is not in the repository"];
        assert_eq!(faults(&member, None), expected);
    }
}
