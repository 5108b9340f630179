//! Clean-up of allowed folders, as an action: old files are deleted or compressed.

mod compress;
mod in_use;
mod walk;

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};
use salve_core::{Check, ConfigError, Name, clock};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Failure, Order};

use walk::Walk;

const ROOM: &str = "actions/disk";

/// What becomes of an old file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Fate {
    /// It is deleted.
    #[default]
    Deleted,
    /// It is compressed with gzip beside itself, and then deleted. What ends in `.gz` is left alone.
    Compressed,
}

/// Which files of a folder are cleaned up, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Rule {
    /// The folder, with all that is in it. An absolute path without links, at least two deep. Default
    /// none; needed.
    pub root: PathBuf,
    /// Names of files, such as `*.log`; at least one. Default none; needed.
    pub names: Vec<String>,
    /// Only files that were not changed for so long. Default 7 days; at least 1 min.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub older_than: Duration,
    /// What becomes of them.
    pub fate: Fate,
}

impl Default for Rule {
    fn default() -> Self {
        let older_than = Duration::from_secs(7 * 24 * 60 * 60);
        Self { root: PathBuf::new(), names: Vec::new(), older_than, fate: Fate::default() }
    }
}

impl Rule {
    /// Files in `root` whose names fit, and that were not changed for 7 days.
    #[must_use]
    pub fn new<N: Into<String>>(
        root: impl Into<PathBuf>,
        names: impl IntoIterator<Item = N>,
    ) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self { root: root.into(), names, ..Self::default() }
    }

    /// Sets how long a file must not have been changed.
    #[must_use]
    pub const fn older_than(mut self, age: Duration) -> Self {
        self.older_than = age;
        self
    }

    /// Compresses instead of deleting.
    #[must_use]
    pub const fn compressed(mut self) -> Self {
        self.fate = Fate::Compressed;
        self
    }

    fn checked(self) -> Result<Checked, ConfigError> {
        let deep = self.root.components().filter(|it| matches!(it, Component::Normal(_))).count();
        let plain = self.root.components().all(|it| !matches!(it, Component::ParentDir));
        if !self.root.is_absolute() || !plain || deep < 2 {
            let bound = "an absolute path without `..`, at least two deep";
            return Err(ConfigError::new(ROOM, "root", self.root.display(), bound));
        }
        let least = Duration::from_secs(60);
        Check::room(ROOM).duration("older_than", self.older_than, least, Duration::MAX)?;
        Check::room(ROOM).range("names", self.names.len(), 1, 256)?;
        let mut names = GlobSetBuilder::new();
        for name in &self.names {
            let bound = "a pattern of file names without `/`";
            let glob = Glob::new(name).ok().filter(|_| !name.contains('/'));
            names.add(glob.ok_or_else(|| ConfigError::new(ROOM, "names", name, bound))?);
        }
        let names = names.build();
        let names = names.map_err(|error| ConfigError::new(ROOM, "names", error, "patterns"))?;
        Ok(Checked { root: self.root, names, older_than: self.older_than, fate: self.fate })
    }
}

/// A rule that was checked.
#[derive(Clone, Debug)]
struct Checked {
    root: PathBuf,
    names: GlobSet,
    older_than: Duration,
    fate: Fate,
}

/// Deletes or compresses old files of allowed folders.
///
/// # Invariants
/// 1. Nothing outside of the roots is touched: no link is followed, neither on the way to a root nor
///    below it, and no other file system is entered. Folders are held open while their files are
///    worked on, so that nobody can put a link in their place.
/// 2. Only plain files are touched, and none that a process has open, as far as this one may know:
///    what belongs to other users can be seen by root alone.
/// 3. A dry run lists exactly what a run at that moment would work on: both take the same walk.
pub struct Clean {
    name: Name,
    rules: Vec<Checked>,
}

impl Clean {
    /// An action by these rules.
    ///
    /// # Errors
    /// If there is no rule, or one is out of bounds.
    pub fn new(
        name: impl Into<Name>,
        rules: impl IntoIterator<Item = Rule>,
    ) -> Result<Self, ConfigError> {
        let rules: Vec<Checked> = rules.into_iter().map(Rule::checked).collect::<Result<_, _>>()?;
        Check::room(ROOM).range("rules", rules.len(), 1, 256)?;
        Ok(Self { name: name.into(), rules })
    }

    /// Walks where the walk may take long: on a thread that may block.
    async fn walk(&self, dry: bool, order: &Order) -> Result<Vec<String>, Failure> {
        let (rules, cancel) = (self.rules.clone(), order.cancel.clone());
        let now = clock::since_unix_epoch();
        let walking = tokio::task::spawn_blocking(move || {
            let mut walk = Walk::new(dry, now, in_use::files(), cancel);
            for rule in &rules {
                walk.root(rule)?;
            }
            Ok(walk.done())
        });
        walking.await.unwrap_or_else(|error| Err(Failure::transient(error.to_string())))
    }
}

impl Action for Clean {
    fn name(&self) -> &Name {
        &self.name
    }

    /// What is deleted by a rule was given up when the rule was made: it does not count as
    /// destructive, which would ask for an approval each time.
    fn meta(&self) -> ActionMeta {
        ActionMeta::default().idempotent()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(self.walk(true, order))
    }

    /// # Cancellation
    /// Dropped, it goes on until [`Order::cancel`] says to end, which it looks at before each file.
    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move { Ok(Report { done: self.walk(false, order).await? }) })
    }
}

impl fmt::Debug for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roots: Vec<&Path> = self.rules.iter().map(|rule| &*rule.root).collect();
        f.debug_struct("Clean").field("name", &self.name).field("roots", &roots).finish()
    }
}
