//! A webhook as a channel, in the form that Slack and its likes take.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, Url};
use salve_core::{ConfigError, Name, Secret};
use salve_healer::{BoxFuture, Failure};

use super::{Alert, Channel};
use crate::http::wire;

const ROOM: &str = "actions/webhook";

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Posts `{"text": "..."}` to a URL, of which no more than the host is ever shown: whoever knows such a URL
/// may post to it.
pub struct Webhook {
    name: Name,
    url: Url,
    client: Client,
}

impl Webhook {
    /// Posts to `url`.
    ///
    /// # Errors
    /// If the URL is none of `http`: TLS is the program's choice, see [`with_client`](Self::with_client).
    pub fn new(name: impl Into<Name>, url: &Secret) -> Result<Self, ConfigError> {
        let webhook = Self::with_client(name, url, wire::client(ROOM)?)?;
        wire::without_tls(ROOM, &webhook.url)?;
        Ok(webhook)
    }

    /// Posts to `url` by `client`, whose own settings hold for connections, redirects and TLS.
    ///
    /// # Errors
    /// If the URL is none of `http` or `https`.
    pub fn with_client(
        name: impl Into<Name>,
        url: &Secret,
        client: Client,
    ) -> Result<Self, ConfigError> {
        let url = wire::url(ROOM, url.reveal(), "(hidden)")?;
        Ok(Self { name: name.into(), url, client })
    }

    async fn post(&self, alert: &Alert) -> Result<(), Failure> {
        let body = serde_json::json!({ "text": text(alert) }).to_string();
        let request = self.client.post(self.url.clone()).timeout(TIMEOUT);
        let request = request.header("content-type", "application/json").body(body).build();
        let request =
            request.map_err(|error| Failure::permanent(error.without_url().to_string()))?;
        // Told twice is better than not at all.
        let accepts = |status| (200..300).contains(&status);
        wire::send(&self.client, request, accepts, true).await.map(|_| ())
    }
}

/// With what Slack takes for markup made harmless.
fn text(alert: &Alert) -> String {
    let mut text = alert.to_string();
    for (name, value) in &alert.details {
        text.push_str(&format!("\n{name}: {value}"));
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Channel for Webhook {
    fn name(&self) -> &Name {
        &self.name
    }

    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.post(alert))
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}
