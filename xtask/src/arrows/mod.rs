//! Says which crate of the house may depend on which, and finds the dependencies that go against it.

use std::collections::BTreeSet;

use crate::workspace::{Dependency, Member, Workspace};

/// One crate of the house and what it may know of the others.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) package: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) floor: u8,
    knows: Knows,
    /// Family crates that its tests may depend on besides.
    tests_know: &'static [&'static str],
    pub(crate) public: bool,
}

/// Family crates that a room may depend on, also to build.
#[derive(Debug)]
enum Knows {
    Only(&'static [&'static str]),
    /// Each published crate of a lower floor.
    Below,
}

const CORE: &str = "salve-core";
const TESTKIT: &str = "salve-testkit";
const CHAOS: &str = "salve-chaos";

/// A crate that only knows the shared words.
const fn room(package: &'static str, folder: &'static str, floor: u8) -> Room {
    Room {
        package,
        folder,
        floor,
        knows: Knows::Only(&[CORE]),
        tests_know: &[TESTKIT],
        public: true,
    }
}

impl Room {
    const fn knows(self, knows: &'static [&'static str]) -> Self {
        Self { knows: Knows::Only(knows), ..self }
    }

    fn may_know(&self, other: &Self) -> bool {
        match self.knows {
            Knows::Only(names) => names.contains(&other.package),
            Knows::Below => other.public && other.floor < self.floor,
        }
    }
}

/// The whole house, the rooms that are not yet built included, from the ground up.
pub(crate) const HOUSE: &[Room] = &[
    Room { tests_know: &[], ..room(CORE, "crates/core", 0).knows(&[]) },
    Room { tests_know: &[], public: false, ..room(TESTKIT, "crates/testkit", 0) },
    room("salve-bulkhead", "crates/bulkhead", 1),
    room(CHAOS, "crates/chaos", 1),
    room("salve-circuit-breaker", "crates/circuit-breaker", 1),
    room("salve-degradation", "crates/degradation", 1),
    room("salve-fallback", "crates/fallback", 1),
    room("salve-health", "crates/health", 1),
    room("salve-hedge", "crates/hedge", 1),
    room("salve-rate-limit", "crates/rate-limit", 1),
    room("salve-retry", "crates/retry", 1),
    room("salve-timeout", "crates/timeout", 1),
    room("salve-adaptive", "crates/adaptive", 2),
    room("salve-healer", "crates/healer", 2),
    room("salve-actions", "crates/actions", 3).knows(&[CORE, "salve-healer"]),
    room("salve-checks", "crates/checks", 3).knows(&[CORE, "salve-health"]),
    room("salve-cluster", "crates/cluster", 3).knows(&[CORE, "salve-healer"]),
    room("salve-journal", "crates/journal", 3).knows(&[CORE, "salve-healer"]),
    Room { knows: Knows::Below, ..room("salve", "crates/salve", 4) },
    room("salve-console", "crates/console", 5).knows(&[
        CORE,
        "salve",
        "salve-degradation",
        "salve-health",
        "salve-healer",
        "salve-journal",
    ]),
    Room { knows: Knows::Below, ..room("salve-agent", "crates/agent", 6) },
];

/// Members around the house: they may know every crate, and no crate knows them.
const AROUND: &[&str] = &["examples", "benches", "tests"];

/// The chores know no crate, so that they still build when a crate does not.
const CHORES: &str = "xtask";

/// Crates from outside that would bring a database, an exporter or a web client below floor 3.
const OUTSIDE: &[&str] = &[
    "axum",
    "diesel",
    "hyper",
    "metrics-exporter-prometheus",
    "opentelemetry",
    "opentelemetry_sdk",
    "opentelemetry-otlp",
    "prometheus",
    "redis",
    "reqwest",
    "rusqlite",
    "sqlx",
    "tokio-postgres",
    "tracing-subscriber",
];

/// Crates from outside that stand behind a feature below floor 3.
const OPTIONAL: &[&str] = &["http", "http-body", "http-body-util"];

/// Every arrow of the workspace that the table does not allow, as sentences.
pub(crate) fn faults(workspace: &Workspace) -> Vec<String> {
    let members = &workspace.members;
    members.iter().flat_map(|member| faults_of(member, members)).collect()
}

fn faults_of(member: &Member, members: &[Member]) -> Vec<String> {
    let name = &member.name;
    let mut faults: Vec<String> = member
        .dependencies
        .iter()
        .filter(|to| is_around(&to.name, members))
        .map(|to| format!("{name} depends on {}, which no package may know", to.name))
        .collect();
    if is_outhouse(&member.folder) {
        if member.public {
            faults.push(format!("{name} stands around the house and needs `publish = false`"));
        }
        if member.folder == CHORES {
            let family = member.dependencies.iter().filter(|to| find(&to.name).is_some());
            faults.extend(family.map(|to| format!("{name} depends on {}", to.name)));
        }
        return faults;
    }
    let Some(room) = find(name) else {
        faults.push(format!(
            "{name} (folder {}) is not in the table HOUSE of xtask/src/arrows.rs",
            member.folder
        ));
        return faults;
    };
    if room.folder != member.folder {
        faults.push(format!("{name} lives in {}, the table says {}", member.folder, room.folder));
    }
    if room.public != member.public {
        let wanted = if room.public { "public" } else { "unpublished" };
        faults.push(format!("{name} should be {wanted}, see `publish` in its manifest"));
    }
    faults.extend(member.dependencies.iter().filter_map(|to| wrong_arrow(room, to)));
    faults.extend(chaos_by_default(member));
    faults
}

fn wrong_arrow(room: &Room, to: &Dependency) -> Option<String> {
    let from = room.package;
    let kind = if to.dev { "dev-depends" } else { "depends" };
    let name = to.name.as_str();
    if let Some(other) = find(name) {
        let allowed = room.may_know(other) || to.dev && room.tests_know.contains(&name);
        return (!allowed)
            .then(|| format!("{from} {kind} on {name}, which its row does not allow"));
    }
    if to.dev || room.floor > 2 || !room.public {
        return None;
    }
    if OUTSIDE.contains(&name) {
        return Some(format!("{from} depends on {name}, which has no place below floor 3"));
    }
    (OPTIONAL.contains(&name) && !to.optional)
        .then(|| format!("{from} depends on {name} always, and should only behind a feature"))
}

/// Fault injection must be asked for: no crate switches it on by default.
fn chaos_by_default(member: &Member) -> Option<String> {
    let chaos = member.dependencies.iter().find(|to| !to.dev && to.name == CHAOS)?;
    if !chaos.optional {
        return Some(format!("{} depends on {CHAOS} always, and should not", member.name));
    }
    let mut open = vec!["default"];
    let mut seen = BTreeSet::new();
    while let Some(feature) = open.pop() {
        if !seen.insert(feature) {
            continue;
        }
        // `chaos?/x` alone does not switch it on; `chaos/x`, `dep:chaos` and the feature `chaos` do.
        let bare = feature.strip_prefix("dep:").unwrap_or(feature);
        if bare.split('/').next() == Some(chaos.key.as_str()) {
            return Some(format!("{} switches {CHAOS} on by default", member.name));
        }
        open.extend(member.features.get(feature).into_iter().flatten().map(String::as_str));
    }
    None
}

fn find(package: &str) -> Option<&'static Room> {
    HOUSE.iter().find(|room| room.package == package)
}

fn is_outhouse(folder: &str) -> bool {
    let top = folder.split('/').next().unwrap_or(folder);
    AROUND.contains(&top) || folder == CHORES
}

fn is_around(package: &str, members: &[Member]) -> bool {
    members.iter().any(|member| member.name == package && is_outhouse(&member.folder))
}

#[cfg(test)]
mod tests;
