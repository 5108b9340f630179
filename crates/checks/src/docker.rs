//! A container, asked of its engine's socket: it runs, and its own health check passes.

use std::fmt;
use std::path::PathBuf;

use reqwest::Client;
use salve_core::{Check as Bounds, ConfigError};
use salve_health::{Check, Finding, Running};
use serde_json::Value;

use crate::reason::{chain, line};

const ROOM: &str = "checks/docker";

/// The most bytes of an answer that are read.
const LONGEST: usize = 1024 * 1024;

/// The settings of a check of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Its name or id: letters, digits, `_`, `.` and `-`. Default none; needed; at most 128 bytes.
    pub container: String,
    /// Where the engine listens. Default `/var/run/docker.sock`; absolute.
    pub socket: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { container: String::new(), socket: PathBuf::from("/var/run/docker.sock") }
    }
}

impl Config {
    /// Looks at this container.
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

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.range("container", self.container.len(), 1, 128)?;
        let plain = |it: char| it.is_ascii_alphanumeric() || "_.-".contains(it);
        let named = self.container.chars().all(plain);
        bounds.that(
            "container",
            line(&self.container),
            named,
            "letters, digits, `_`, `.` or `-`",
        )?;
        let socket = self.socket.display();
        bounds.that("socket", socket, self.socket.is_absolute(), "an absolute path")
    }
}

/// Asks a Docker engine, or whatever speaks its API, for the state of a container.
///
/// An engine that does not answer makes the container unknown; one that knows no such container, a
/// failure.
pub struct DockerCheck {
    config: Config,
    client: Client,
}

impl DockerCheck {
    /// Looks as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let builder = Client::builder().no_proxy().pool_max_idle_per_host(0);
        let client = builder.unix_socket(config.socket.as_path()).build();
        let client = client
            .map_err(|error| ConfigError::new(ROOM, "client", chain(&error), "one that builds"))?;
        Ok(Self { config, client })
    }

    async fn ask(&self) -> Result<Finding, reqwest::Error> {
        // Without a version in its path the engine answers in its own.
        let url = format!("http://engine/containers/{}/json", self.config.container);
        let mut answer = self.client.get(url).send().await?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await? {
            if body.len() + part.len() > LONGEST {
                return Ok(Finding::unknown("the engine's answer is too long"));
            }
            body.extend_from_slice(&part);
        }
        Ok(match status {
            200 => serde_json::from_slice(&body).map_or_else(
                |_| Finding::unknown("the engine's answer is no JSON"),
                |it| judge(&it),
            ),
            404 => Finding::fail(format!("there is no container {}", self.config.container)),
            status => Finding::unknown(format!("the engine answered {status}")),
        })
    }
}

fn judge(answer: &Value) -> Finding {
    let text = |pointer| answer.pointer(pointer).and_then(Value::as_str);
    let number = |pointer| answer.pointer(pointer).and_then(Value::as_i64);
    let restarts = number("/RestartCount").unwrap_or(0) as f64;
    let finding = match text("/State/Status") {
        Some("running") => match text("/State/Health/Status") {
            None | Some("healthy" | "none" | "") => Finding::pass(),
            Some("starting") => Finding::warn("its health check has not passed yet"),
            Some("unhealthy") => {
                let last = answer.pointer("/State/Health/Log").and_then(Value::as_array);
                let said = last.and_then(|log| log.last()?.get("Output")?.as_str());
                Finding::fail(line(&format!("it is unhealthy: {}", said.unwrap_or_default())))
            }
            Some(other) => Finding::unknown(line(&format!("its health is {other}"))),
        },
        Some("exited" | "dead") => {
            let code = number("/State/ExitCode").unwrap_or(-1);
            let killed = answer.pointer("/State/OOMKilled").and_then(Value::as_bool);
            let memory = if killed == Some(true) { ", out of memory" } else { "" };
            Finding::fail(format!("it has exited with {code}{memory}"))
        }
        Some(other) => Finding::fail(line(&format!("it is {other}"))),
        None => return Finding::unknown("the engine tells no state"),
    };
    finding.with_value(restarts, "restarts")
}

impl Check for DockerCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(async {
            self.ask().await.unwrap_or_else(|error| {
                Finding::unknown(line(&format!("the engine: {}", chain(&error.without_url()))))
            })
        })
    }
}

impl fmt::Debug for DockerCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerCheck").field("config", &self.config).finish_non_exhaustive()
    }
}
