//! Reads `cargo metadata` once into the few facts that the steps ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::process::Cmd;

/// The workspace this program was started in.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    /// Sorted by folder.
    pub(crate) members: Vec<Member>,
}

/// One package of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Relative to the root, with `/` between its parts.
    pub(crate) folder: String,
    /// Whether it may be published.
    pub(crate) public: bool,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Keys of its manifest that readers of a registry see and that are missing.
    pub(crate) unsaid: Vec<&'static str>,
    pub(crate) has_library: bool,
}

/// One line of a manifest's dependency tables.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The name it has in the manifest, which differs from `name` when it is renamed.
    pub(crate) key: String,
    pub(crate) dev: bool,
    pub(crate) optional: bool,
}

impl Workspace {
    /// Reads the workspace around the current directory.
    pub(crate) fn load() -> Result<Self> {
        Self::load_from(Path::new("."))
    }

    /// Reads the workspace around `folder`.
    pub(crate) fn load_from(folder: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .current_dir(folder)
            .no_deps()
            .exec()
            .context("could not read `cargo metadata`")?;
        Ok(Self::from_metadata(&metadata))
    }

    fn from_metadata(metadata: &Metadata) -> Self {
        let root = metadata.workspace_root.as_std_path();
        let mut members: Vec<_> =
            metadata.workspace_packages().iter().map(|package| member(root, package)).collect();
        members.sort_by(|a, b| a.folder.cmp(&b.folder));
        Self {
            root: root.to_owned(),
            target: metadata.target_directory.clone().into_std_path_buf(),
            members,
        }
    }

    /// The packages that may be published.
    pub(crate) fn public(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.public)
    }

    /// Every file that git knows or would add, relative to the root, sorted.
    pub(crate) fn files(&self) -> Result<BTreeSet<String>> {
        let list = Cmd::new("git", &self.root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .read()?;
        // A file that is deleted but not yet staged is still listed.
        let exists = |path: &&str| self.root.join(path).is_file();
        Ok(list.split_terminator('\0').filter(exists).map(str::to_owned).collect())
    }
}

fn member(root: &Path, package: &Package) -> Member {
    let manifest = package.manifest_path.as_std_path();
    let folder = manifest.parent().unwrap_or(root);
    let folder = folder.strip_prefix(root).unwrap_or(folder);
    let parts: Vec<_> = folder.iter().map(|part| part.to_string_lossy()).collect();
    let has_library = package.targets.iter().any(|target| target.is_lib());
    let said = [
        ("description", package.description.is_some()),
        ("license", package.license.is_some()),
        ("keywords", !package.keywords.is_empty()),
        ("repository", package.repository.is_some()),
        // A library has its crate doc, which tidy and rustc ask for.
        ("readme", package.readme.is_some() || package.documentation.is_some() || has_library),
    ];
    Member {
        name: package.name.to_string(),
        folder: parts.join("/"),
        // An empty list means `publish = false`.
        public: package.publish.as_ref().is_none_or(|registries| !registries.is_empty()),
        dependencies: package
            .dependencies
            .iter()
            .map(|dependency| Dependency {
                name: dependency.name.clone(),
                key: dependency.rename.clone().unwrap_or_else(|| dependency.name.clone()),
                dev: dependency.kind == DependencyKind::Development,
                optional: dependency.optional,
            })
            .collect(),
        features: package.features.clone(),
        unsaid: said.into_iter().filter(|(_, said)| !said).map(|(key, _)| key).collect(),
        has_library,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_read() {
        let workspace = Workspace::load().unwrap();
        let core = workspace.members.iter().find(|member| member.folder == "crates/core").unwrap();
        assert_eq!(core.name, "salve-core");
        assert!(core.public && core.has_library);
        let me = workspace.members.iter().find(|member| member.folder == "xtask").unwrap();
        assert!(!me.public && !me.has_library);
        assert!(workspace.files().unwrap().contains("xtask/src/workspace.rs"));
    }
}
