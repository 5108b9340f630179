//! The settings of an HTTP check, and the one place where they are checked.

use salve_core::{Check as Bounds, ConfigError};

use super::ROOM;
use super::expect::{JsonRule, contains};
use crate::{Address, Secret, Thresholds};

/// The settings of an HTTP check.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Where to. User and password in it are sent as basic authorization. Default none; needed.
    pub url: Address,
    /// How. Default `GET`.
    pub method: String,
    /// Headers to send. Default none; at most 64.
    pub headers: Vec<(String, Secret)>,
    /// The body to send. Default none.
    pub send: Option<Secret>,
    /// The statuses that pass. Default every one from 200 to 299; 100 to 999 each.
    pub statuses: Vec<u16>,
    /// A text that has to be in the body. Default none.
    pub body_contains: Option<String>,
    /// Values that have to be in the body, which is JSON then. Default none; at most 64.
    pub json: Vec<JsonRule>,
    /// How long a body may be that is looked at; a longer one fails. Default 64 KiB; 1 byte to 16 MiB.
    pub longest_body: usize,
    /// Bounds of the latency in milliseconds. Default none.
    pub latency: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: Address::default(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            send: None,
            statuses: Vec::new(),
            body_contains: None,
            json: Vec::new(),
            longest_body: 64 * 1024,
            latency: Thresholds::NONE,
        }
    }
}

impl Config {
    /// Asks for `url` and expects a status from 200 to 299.
    #[must_use]
    pub fn new(url: impl Into<Address>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Sets the method.
    #[must_use]
    pub fn with_method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends a body.
    #[must_use]
    pub fn with_send(mut self, body: impl Into<Secret>) -> Self {
        self.send = Some(body.into());
        self
    }

    /// Sets the statuses that pass.
    #[must_use]
    pub fn with_statuses(mut self, statuses: impl Into<Vec<u16>>) -> Self {
        self.statuses = statuses.into();
        self
    }

    /// Sets a text that has to be in the body.
    #[must_use]
    pub fn with_body_containing(mut self, text: impl Into<String>) -> Self {
        self.body_contains = Some(text.into());
        self
    }

    /// Adds a value that has to be in the body, which is JSON then.
    #[must_use]
    pub fn with_json(mut self, pointer: impl Into<String>, equals: impl Into<String>) -> Self {
        self.json.push(JsonRule { pointer: pointer.into(), equals: equals.into() });
        self
    }

    /// Sets how long a body may be that is looked at.
    #[must_use]
    pub const fn with_longest_body(mut self, bytes: usize) -> Self {
        self.longest_body = bytes;
        self
    }

    /// Sets the bounds of the latency in milliseconds.
    #[must_use]
    pub const fn with_latency(mut self, bounds: Thresholds) -> Self {
        self.latency = bounds;
        self
    }

    /// Checks every setting but those that only a client can: URL, method and headers.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = Bounds::room(ROOM);
        bounds.range("headers", self.headers.len(), 0, 64)?;
        for status in &self.statuses {
            bounds.range("statuses", *status, 100, 999)?;
        }
        bounds.range("json", self.json.len(), 0, 64)?;
        for rule in &self.json {
            let holds = rule.pointer.is_empty() || rule.pointer.starts_with('/');
            bounds.that("json.pointer", &rule.pointer, holds, "empty, or begin with a slash")?;
        }
        bounds.range("longest_body", self.longest_body, 1, 16 * 1024 * 1024)?;
        self.latency.validate(ROOM, "latency", (0.0, f64::MAX))
    }

    pub(super) fn accepts(&self, status: u16) -> bool {
        if self.statuses.is_empty() {
            return (200..300).contains(&status);
        }
        self.statuses.contains(&status)
    }

    pub(super) const fn reads_body(&self) -> bool {
        self.body_contains.is_some() || !self.json.is_empty()
    }

    /// Whether all that is expected is in `body`; else what is not.
    pub(super) fn look_for(&self, body: &[u8]) -> Result<(), String> {
        if let Some(text) = &self.body_contains
            && !contains(body, text.as_bytes())
        {
            return Err(format!("the body does not contain `{text}`"));
        }
        if self.json.is_empty() {
            return Ok(());
        }
        let json = serde_json::from_slice(body).map_err(|_| "the body is no JSON".to_owned())?;
        self.json.iter().try_for_each(|rule| rule.look_for(&json))
    }
}
