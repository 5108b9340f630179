//! Containers that do the same, told by their labels: how many of them run.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use salve_core::text::line;
use salve_core::{Check, ConfigError};
use salve_healer::{BoxFuture, Failure};
use serde_json::{Value, json};

use super::engine::Engine;
use super::{ROOM, SOCKET, patience};
use crate::scale::Scalable;

/// The settings of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct GroupConfig {
    /// The labels that its containers have, each with its value. Default none; 1 to 16.
    pub labels: Vec<(String, String)>,
    /// Where the engine listens. Default `/var/run/docker.sock`; absolute.
    pub socket: PathBuf,
    /// How long a container may take to end by itself before it is killed. Default 10 s; whole
    /// seconds, at most 10 min.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub patience: Duration,
}

impl Default for GroupConfig {
    fn default() -> Self {
        let (socket, patience) = (PathBuf::from(SOCKET), Duration::from_secs(10));
        Self { labels: Vec::new(), socket, patience }
    }
}

impl GroupConfig {
    /// The containers with this label.
    #[must_use]
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { labels: vec![(label.into(), value.into())], ..Self::default() }
    }

    /// The containers of a service that Compose has made.
    #[must_use]
    pub fn compose(project: impl Into<String>, service: impl Into<String>) -> Self {
        Self::new("com.docker.compose.project", project)
            .with_label("com.docker.compose.service", service)
    }

    /// Of these, only the containers with this label, too.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((label.into(), value.into()));
        self
    }

    /// Sets where the engine listens.
    #[must_use]
    pub fn with_socket(mut self, socket: impl Into<PathBuf>) -> Self {
        self.socket = socket.into();
        self
    }

    /// Sets how long a container may take to end by itself.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// A group whose containers are there already: scaled up, the first that stand still are started;
/// scaled down, the last that run are stopped. None is made, and none is removed.
pub struct Group {
    config: GroupConfig,
    engine: Engine,
}

/// One container of a group.
struct Member {
    /// By which the group is ordered, and people know it.
    name: String,
    id: String,
    runs: bool,
}

impl Group {
    /// The group that `config` means.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: GroupConfig) -> Result<Self, ConfigError> {
        let check = Check::room(ROOM);
        check.range("labels", config.labels.len(), 1, 16)?;
        let unnamed = config.labels.iter().any(|(name, _)| name.is_empty() || name.contains('='));
        check.that("labels", "a name", !unnamed, "not empty and without `=`")?;
        patience(config.patience)?;
        let engine = Engine::new(&config.socket)?;
        Ok(Self { config, engine })
    }

    async fn members(&self) -> Result<Vec<Member>, Failure> {
        let labels = self.config.labels.iter().map(|(name, value)| format!("{name}={value}"));
        let filters = json!({ "label": labels.collect::<Vec<_>>() }).to_string();
        let found =
            self.engine.get("containers/json", &[("all", "1"), ("filters", &filters)]).await?;
        let read = |it: &Value| {
            let name = it.pointer("/Names/0")?.as_str()?.trim_start_matches('/').to_owned();
            let id = it["Id"].as_str()?.to_owned();
            // What is paused or waits for its restart holds its place.
            let runs = matches!(it["State"].as_str()?, "running" | "paused" | "restarting");
            Some(Member { name, id, runs })
        };
        let found = found.as_ref().and_then(Value::as_array);
        let unread = || Failure::transient("the engine tells of no containers");
        let members = found.ok_or_else(unread)?.iter().map(read).collect::<Option<Vec<_>>>();
        let mut members = members.ok_or_else(unread)?;
        // A number at its end counts as one: the tenth comes after the ninth.
        members.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
        Ok(members)
    }

    async fn set(&self, to: u32) -> Result<(), Failure> {
        let members = self.members().await?;
        let wanted = to as usize;
        if wanted > members.len() {
            let why = format!("there are only {} containers, not {to}", members.len());
            return Err(Failure::permanent(why));
        }
        let running = members.iter().filter(|it| it.runs).count();
        for member in members.iter().filter(|it| !it.runs).take(wanted.saturating_sub(running)) {
            self.act(member, "start", &[]).await?;
        }
        let patience = self.config.patience.as_secs().to_string();
        let last = members.iter().rev().filter(|it| it.runs);
        for member in last.take(running.saturating_sub(wanted)) {
            self.act(member, "stop", &[("t", &patience)]).await?;
        }
        Ok(())
    }

    async fn act(
        &self,
        member: &Member,
        what: &str,
        query: &[(&str, &str)],
    ) -> Result<(), Failure> {
        let acted = self.engine.post(&format!("containers/{}/{what}", member.id), query).await;
        acted.map_err(|Failure { why, again }| Failure {
            why: line(&format!("{what} {}: {why}", member.name)),
            again,
        })
    }
}

impl Scalable for Group {
    fn count(&self) -> BoxFuture<'_, Result<u32, Failure>> {
        Box::pin(async {
            let running = self.members().await?.iter().filter(|it| it.runs).count();
            u32::try_from(running).map_err(|_| Failure::permanent("there are too many to count"))
        })
    }

    fn scale(&self, to: u32) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.set(to))
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("config", &self.config).finish_non_exhaustive()
    }
}
