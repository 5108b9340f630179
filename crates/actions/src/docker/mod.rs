//! Containers of a Docker engine, restarted one by one or scaled as a group, as actions.

mod engine;
mod group;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use salve_core::text::line;
use salve_core::{Check, ConfigError, Name};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order, Verdict};
use serde_json::Value;

use engine::Engine;
pub use group::{Group, GroupConfig};

const ROOM: &str = "actions/docker";

/// Where an engine listens unless it was told otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// The settings of a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// The container's name or id: letters, digits, `_`, `.` and `-`; `{target}` alone is the target's
    /// name. Default `{target}`; at most 128 bytes.
    pub container: String,
    /// Where the engine listens. Default `/var/run/docker.sock`; absolute.
    pub socket: PathBuf,
    /// How long the container may take to end by itself before it is killed. Default 10 s; whole
    /// seconds, at most 10 min.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            container: "{target}".to_owned(),
            socket: PathBuf::from(SOCKET),
            patience: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// This container.
    #[must_use]
    pub fn new(container: impl Into<String>) -> Self {
        Self { container: container.into(), ..Self::default() }
    }

    /// Sets where the engine listens.
    #[must_use]
    pub fn with_socket(mut self, socket: impl Into<PathBuf>) -> Self {
        self.socket = socket.into();
        self
    }

    /// Sets how long the container may take to end by itself.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        let fits = self.container == "{target}" || is_plain(&self.container);
        let bound = "1 to 128 letters, digits, `_`, `.` or `-`";
        check.that("container", line(&self.container), fits, bound)?;
        patience(self.patience)
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |it: char| it.is_ascii_alphanumeric() || "_.-".contains(it);
    // Of dots alone it would be another place in a URL.
    (1..=128).contains(&name.len())
        && name.chars().all(plain)
        && name.starts_with(|it: char| it.is_ascii_alphanumeric())
}

fn patience(patience: Duration) -> Result<(), ConfigError> {
    let check = Check::room(ROOM);
    check.duration("patience", patience, Duration::ZERO, Duration::from_secs(600))?;
    let whole = patience.subsec_nanos() == 0;
    check.that("patience", format!("{patience:?}"), whole, "whole seconds")
}

/// How a container is.
struct State {
    status: String,
    started: String,
    health: Option<String>,
    exit: i64,
    out_of_memory: bool,
}

impl State {
    fn read(answer: &Value) -> Self {
        let text = |pointer| answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Self {
            status: text("/State/Status").unwrap_or_default(),
            started: text("/State/StartedAt").unwrap_or_default(),
            health: text("/State/Health/Status"),
            exit: answer.pointer("/State/ExitCode").and_then(Value::as_i64).unwrap_or(-1),
            out_of_memory: answer.pointer("/State/OOMKilled").and_then(Value::as_bool)
                == Some(true),
        }
    }

    fn runs(&self) -> bool {
        self.status == "running"
    }

    /// For people.
    fn words(&self) -> String {
        let memory = if self.out_of_memory { ", out of memory" } else { "" };
        let more = match (self.status.as_str(), &self.health) {
            ("exited" | "dead", _) => format!(" with {}{memory}", self.exit),
            (_, Some(health)) => format!(" and {health}"),
            _ => String::new(),
        };
        line(&format!("{}{more}", self.status))
    }
}

/// Restarts a container, and starts one that does not run.
///
/// **Twice is as once**: a restart under the same key is known by the start that was captured before
/// it. A container that the engine has started anew since counts as restarted.
///
/// # Cancellation
/// Dropped, the engine goes on.
pub struct Restart {
    name: Name,
    meta: ActionMeta,
    config: Config,
    engine: Engine,
}

impl Restart {
    /// An action that restarts what `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(name: impl Into<Name>, config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let engine = Engine::new(&config.socket)?;
        let meta = ActionMeta::default().idempotent().restarts();
        Ok(Self { name: name.into(), meta, config, engine })
    }

    /// Says what it costs, and so on. What is known of it stays.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = self.meta.with_said(meta);
        self
    }

    fn container<'a>(&'a self, order: &'a Order) -> Result<&'a str, Failure> {
        if self.config.container != "{target}" {
            return Ok(&self.config.container);
        }
        let target = order.target.name.as_str();
        let wrong = || Failure::permanent(format!("`{}` names no container", line(target)));
        is_plain(target).then_some(target).ok_or_else(wrong)
    }

    async fn look(&self, container: &str) -> Result<State, Failure> {
        let found = self.engine.get(&format!("containers/{container}/json"), &[]).await?;
        let missing = || Failure::permanent(format!("there is no container {container}"));
        found.as_ref().map(State::read).ok_or_else(missing)
    }
}

impl Action for Restart {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let container = self.container(order)?;
            let state = self.look(container).await?;
            Ok(vec![format!("restart {container}, which is {}", state.words())])
        })
    }

    fn precheck<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let container = self.container(order)?;
            let state = self.look(container).await?;
            if matches!(state.status.as_str(), "removing" | "dead") {
                return Err(Failure::permanent(format!("{container} is {}", state.words())));
            }
            Ok(())
        })
    }

    fn capture<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Captured, Failure>> {
        Box::pin(async move {
            let container = self.container(order)?;
            let state = self.look(container).await?;
            let evidence = vec![format!("{container} was {}", state.words())];
            Ok(Captured { evidence, before: Some(state.started) })
        })
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let container = self.container(order)?;
            let before = order.before().and_then(|it| it.before.clone());
            if let Some(before) = before {
                let state = self.look(container).await?;
                if before != state.started && state.runs() {
                    return Ok(Report {
                        done: vec![format!("{container} was started anew already")],
                    });
                }
                if before != state.started {
                    let why = format!("{container} was started anew and is {}", state.words());
                    return Err(Failure::transient(why));
                }
            }
            let patience = self.config.patience.as_secs().to_string();
            let path = format!("containers/{container}/restart");
            self.engine.post(&path, &[("t", &patience)]).await?;
            Ok(Report { done: vec![format!("restart {container}")] })
        })
    }

    fn verify<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            let state = self.look(self.container(order).ok()?).await.ok()?;
            let before = order.before().and_then(|it| it.before.as_ref());
            let anew = before.is_none_or(|before| *before != state.started);
            if !anew || !state.runs() {
                return Some(Verdict::NotRecovered);
            }
            match state.health.as_deref() {
                None | Some("none" | "" | "healthy") => Some(Verdict::Recovered),
                Some("unhealthy") => Some(Verdict::NotRecovered),
                // Its own health check has not said anything yet.
                Some(_) => None,
            }
        })
    }
}

impl fmt::Debug for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restart")
            .field("name", &self.name)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
