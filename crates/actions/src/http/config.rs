//! The settings of an HTTP call, and the one place where they are checked.

use std::time::Duration;

use salve_core::{Address, Check, ConfigError, Secret};

use super::ROOM;

/// The settings of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Where to. `{target}` in it becomes the target's name, made safe for a URL. User and password
    /// are sent as basic authorization. Default none; needed.
    pub url: Address,
    /// How. Default `POST`.
    pub method: String,
    /// Headers to send. Default none; at most 64.
    pub headers: Vec<(String, Secret)>,
    /// The body to send. Default none.
    pub body: Option<Secret>,
    /// The statuses that say it is done. Default every one from 200 to 299; 100 to 999 each.
    pub statuses: Vec<u16>,
    /// The header for the idempotency key. Default `idempotency-key`; none leaves it out.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional"))]
    pub key_header: Option<String>,
    /// How long the answer may take. Default 10 s; 1 ms to 1 h. The step's own time limit holds
    /// besides.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: Address::default(),
            method: "POST".to_owned(),
            headers: Vec::new(),
            body: None,
            statuses: Vec::new(),
            key_header: Some("idempotency-key".to_owned()),
            timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Posts to `url` and expects a status from 200 to 299.
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
    pub fn with_body(mut self, body: impl Into<Secret>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the statuses that say it is done.
    #[must_use]
    pub fn with_statuses(mut self, statuses: impl Into<Vec<u16>>) -> Self {
        self.statuses = statuses.into();
        self
    }

    /// Sets the header for the idempotency key; none leaves it out.
    #[must_use]
    pub fn with_key_header(mut self, name: Option<String>) -> Self {
        self.key_header = name;
        self
    }

    /// Sets how long the answer may take.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks every setting but those that only a client can: URL, method and headers.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        check.range("headers", self.headers.len(), 0, 64)?;
        for status in &self.statuses {
            check.range("statuses", *status, 100, 999)?;
        }
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(3_600));
        check.duration("timeout", self.timeout, least, most)
    }

    pub(super) fn accepts(&self, status: u16) -> bool {
        if self.statuses.is_empty() {
            return (200..300).contains(&status);
        }
        self.statuses.contains(&status)
    }
}
