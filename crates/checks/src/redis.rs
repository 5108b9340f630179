//! Redis, or whatever speaks its protocol: a connection and a command.

use std::fmt;
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{AsyncConnectionConfig, Client, RedisError, Value};
use salve_core::{Check as Bounds, ConfigError, clock};
use salve_health::{Check, Finding, Running};

use crate::reason::{chain, line, millis};
use crate::{Address, Thresholds};

const ROOM: &str = "checks/redis";

/// The settings of a check of Redis.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Where it is, as `redis://user:password@host:port/database`. Default
    /// `redis://127.0.0.1:6379`.
    pub url: Address,
    /// The command and its arguments. It passes with whatever answer is no error. Default `PING`;
    /// 1 to 64 words.
    pub command: Vec<String>,
    /// What the answer has to be, if it is a text or a whole number. Default anything.
    pub answer: Option<String>,
    /// Bounds of the time for connection and command, in milliseconds. Default none.
    pub latency: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: Address::from("redis://127.0.0.1:6379"),
            command: vec!["PING".to_owned()],
            answer: None,
            latency: Thresholds::NONE,
        }
    }
}

impl Config {
    /// Asks the server at `url`.
    #[must_use]
    pub fn new(url: impl Into<Address>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Sets the command.
    #[must_use]
    pub fn with_command<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what the answer has to be.
    #[must_use]
    pub fn with_answer(mut self, answer: impl Into<String>) -> Self {
        self.answer = Some(answer.into());
        self
    }

    /// Sets the bounds of the time for connection and command, in milliseconds.
    #[must_use]
    pub const fn with_latency(mut self, bounds: Thresholds) -> Self {
        self.latency = bounds;
        self
    }

    /// Checks every setting but the URL.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        Bounds::room(ROOM).range("command", self.command.len(), 1, 64)?;
        self.latency.validate(ROOM, "latency", (0.0, f64::MAX))
    }
}

/// Connects in each run, sends the command, and hangs up. The value is the time for both in milliseconds.
///
/// A connection of its own sees what a kept one hides: that nobody accepts, or that the server is
/// full.
pub struct RedisCheck {
    config: Config,
    client: Client,
}

impl RedisCheck {
    /// Asks as `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the URL is none of Redis.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        // The error may quote the URL, password included.
        let client = Client::open(config.url.reveal())
            .map_err(|_| ConfigError::new(ROOM, "url", &config.url, "a URL of Redis"))?;
        Ok(Self { config, client })
    }

    async fn ask(&self) -> Result<Finding, RedisError> {
        let began = clock::now();
        // The run is bounded by its registry, whose deadline is the only one.
        let patient = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(FOREVER))
            .set_response_timeout(Some(FOREVER));
        let mut connection =
            self.client.get_multiplexed_async_connection_with_config(&patient).await?;
        let mut command = redis::Cmd::new();
        for word in &self.config.command {
            command.arg(word);
        }
        let answer = connection.req_packed_command(&command).await?.extract_error()?;
        let took = millis(clock::now().since(began));
        let finding = self.config.latency.judge(took, "ms", "the answer");
        match (&self.config.answer, text(&answer)) {
            (Some(expected), found) if found.as_ref() != Some(expected) => {
                let found = found.unwrap_or_else(|| "no text".to_owned());
                let reason = line(&format!("answered {found}, not {expected}"));
                Ok(Finding::fail(reason).with_value(took, "ms"))
            }
            _ => Ok(finding),
        }
    }
}

/// Longer than any run.
const FOREVER: Duration = Duration::from_secs(24 * 3_600);

fn text(answer: &Value) -> Option<String> {
    match answer {
        Value::Okay => Some("OK".to_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::SimpleString(text) => Some(text.clone()),
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    }
}

impl Check for RedisCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(async { self.ask().await.unwrap_or_else(|error| Finding::fail(chain(&error))) })
    }
}

impl fmt::Debug for RedisCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCheck").field("config", &self.config).finish_non_exhaustive()
    }
}
