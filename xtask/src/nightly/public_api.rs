//! Keeps the public API of each crate as text in `api/`, so that a change of it is seen in review.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::Cmd;
use crate::tools;
use crate::workspace::Workspace;

/// Compares the API of every public library with its text, or writes the text.
///
/// # Errors
/// When there is no nightly toolchain, which alone writes rustdoc's JSON, or when a text differs.
pub(crate) fn run(workspace: &Workspace, bless: bool) -> Result<()> {
    let public_api = tools::PUBLIC_API.path(workspace)?;
    let mut differing = Vec::new();
    for member in workspace.public().filter(|member| member.has_library) {
        let text = Cmd::new(public_api.clone(), &workspace.root)
            .args(["--package", &member.name, "--all-features", "--color", "never"])
            // Blanket and derived impls say nothing that the item does not.
            .args(["-sss"])
            .read()
            .context("the public API needs `rustup toolchain install nightly`")?;
        let file = workspace.root.join("api").join(format!("{}.txt", member.name));
        if bless {
            write(&file, &text)?;
        } else if let Some(line) = difference(&fs::read_to_string(&file).unwrap_or_default(), &text)
        {
            println!("api/{}.txt: {line}", member.name);
            differing.push(&*member.name);
        }
    }
    if !differing.is_empty() {
        bail!(
            "the public API differs from its text in {}; if that is meant: \
             cargo xtask nightly public-api --bless",
            differing.join(", ")
        );
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    fs::write(file, text).with_context(|| format!("could not write {}", file.display()))
}

/// The first line that is gone or new.
fn difference(old: &str, new: &str) -> Option<String> {
    let lacks = |text: &str, line: &&str| !text.lines().any(|other| other == *line);
    if let Some(gone) = old.lines().find(|line| lacks(new, line)) {
        return Some(format!("is gone: {gone}"));
    }
    if let Some(added) = new.lines().find(|line| lacks(old, line)) {
        return Some(format!("is new: {added}"));
    }
    (old != new).then(|| "the order of its lines differs".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_told() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n").unwrap(), "is gone: b");
        assert_eq!(difference("a\n", "a\nc\n").unwrap(), "is new: c");
        assert_eq!(difference("a\nb\n", "b\na\n").unwrap(), "the order of its lines differs");
    }
}
