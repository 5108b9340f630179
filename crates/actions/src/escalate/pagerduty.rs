//! PagerDuty as a channel, by its Events API v2, which others speak as well.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, Url};
use salve_core::{Address, ConfigError, Name, Secret};
use salve_healer::{BoxFuture, Failure, Severity};
use serde_json::{Map, Value, json};

use super::{Alert, Channel, Stage};
use crate::http::wire;

const ROOM: &str = "actions/pagerduty";

/// Where PagerDuty takes events.
pub const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longer keys are refused, and longer summaries, both in characters.
const LONGEST_KEY: usize = 255;
const LONGEST_SUMMARY: usize = 1_024;

/// Sends events: raised is `trigger`, acknowledged `acknowledge`, resolved `resolve`, and the key of the
/// matter is the `dedup_key`.
pub struct PagerDuty {
    name: Name,
    url: Url,
    key: Secret,
    source: String,
    client: Client,
}

impl PagerDuty {
    /// Sends to `url`, which is [`PAGERDUTY`] but for tests and others that speak its language, by
    /// `client`, which has TLS if the URL needs it. `source` says which system it is that sends.
    ///
    /// # Errors
    /// If the URL is none of `http` or `https`.
    pub fn new(
        url: &Address,
        routing_key: impl Into<Secret>,
        source: impl Into<String>,
        client: Client,
    ) -> Result<Self, ConfigError> {
        let (name, key) = (Name::literal("pagerduty"), routing_key.into());
        let url = wire::url(ROOM, url.reveal(), &url.to_string())?;
        Ok(Self { name, url, key, source: source.into(), client })
    }

    /// Gives it another name than `pagerduty`.
    #[must_use]
    pub fn named(mut self, name: impl Into<Name>) -> Self {
        self.name = name.into();
        self
    }

    fn event(&self, alert: &Alert) -> Value {
        let action = match alert.stage {
            Stage::Raised => "trigger",
            Stage::Acknowledged => "acknowledge",
            Stage::Resolved => "resolve",
        };
        let mut event = json!({
            "routing_key": self.key.reveal(),
            "event_action": action,
            "dedup_key": key(&alert.key),
        });
        if alert.stage == Stage::Raised {
            let severity = match alert.severity {
                Severity::Critical => "critical",
                Severity::High => "error",
                Severity::Medium => "warning",
                Severity::Low => "info",
            };
            let details = alert.details.iter();
            let details = details.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            event["payload"] = json!({
                "summary": summary(alert),
                "source": self.source,
                "severity": severity,
                "component": alert.subject,
                "custom_details": details.collect::<Map<_, _>>(),
            });
        }
        event
    }

    async fn post(&self, alert: &Alert) -> Result<(), Failure> {
        let request = self.client.post(self.url.clone()).timeout(TIMEOUT);
        let request = request.header("content-type", "application/json");
        let request = request.body(self.event(alert).to_string()).build();
        let request =
            request.map_err(|error| Failure::permanent(error.without_url().to_string()))?;
        // With its key the same event twice is one.
        wire::send(&self.client, request, |status| status == 202, true).await.map(|_| ())
    }
}

/// A summary that is too long is cut: its details have the rest.
fn summary(alert: &Alert) -> String {
    format!("{}: {}", alert.subject, alert.text).chars().take(LONGEST_SUMMARY).collect()
}

/// A key that is too long keeps its end, where matters differ.
fn key(key: &str) -> &str {
    let mut from = key.len().saturating_sub(LONGEST_KEY);
    while !key.is_char_boundary(from) {
        from += 1;
    }
    &key[from..]
}

impl Channel for PagerDuty {
    fn name(&self) -> &Name {
        &self.name
    }

    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.post(alert))
    }

    fn keeps_open(&self) -> bool {
        true
    }
}

impl fmt::Debug for PagerDuty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagerDuty")
            .field("name", &self.name)
            .field("host", &self.url.host_str())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
