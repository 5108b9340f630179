//! An HTTP request: its status, its body and how long it took.
//!
//! ```
//! use salve_checks::http::{Config, HttpCheck};
//! use salve_health::{Handle, TargetConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let health = Handle::new(salve_health::Config::new("shop"))?;
//! let config = Config::new("http://127.0.0.1:8080/health").with_body_containing("ready");
//! health.register(TargetConfig::new("api"), HttpCheck::new(config)?)?;
//! # Ok(())
//! # }
//! ```

mod config;
mod expect;
mod presets;

use std::fmt;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Response, Url};
use salve_core::{ConfigError, clock};
use salve_health::{Check, Finding, Running};

pub use self::config::Config;
pub use self::expect::JsonRule;
use crate::reason::{chain, line, millis, worse};

const ROOM: &str = "checks/http";

/// Sends a request in each run and judges its answer. The value is the latency in milliseconds:
/// until the head of the answer, or until the end of its body where that is judged.
///
/// Each run makes a connection of its own, as a kept one hides a listener that is gone. Redirects
/// are not followed, and no proxy of the environment is used.
pub struct HttpCheck {
    config: Config,
    client: Client,
    request: Request,
}

impl HttpCheck {
    /// Makes a client for `config`.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the URL is not of `http`: TLS is the program's choice, see
    /// [`with_client`](Self::with_client).
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0);
        let client = builder
            .build()
            .map_err(|error| ConfigError::new(ROOM, "client", chain(&error), "one that builds"))?;
        let check = Self::with_client(config, client)?;
        let scheme = check.request.url().scheme();
        if scheme == "https" {
            let bound = "http, or given to a client with TLS";
            return Err(ConfigError::new(ROOM, "url", scheme, bound));
        }
        Ok(check)
    }

    /// Sends its requests by `client`, whose own settings hold for connections, redirects and TLS.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn with_client(config: Config, client: Client) -> Result<Self, ConfigError> {
        config.validate()?;
        let request = request(&config, &client)?;
        Ok(Self { config, client, request })
    }

    /// Sends the request; `Err` is what a target says that does not answer.
    async fn ask(&self) -> Result<Finding, reqwest::Error> {
        let began = clock::now();
        // Bodies are bytes, which can be cloned.
        let Some(request) = self.request.try_clone() else {
            return Ok(Finding::unknown("the request cannot be repeated"));
        };
        let mut answer = self.client.execute(request).await?;
        let status = answer.status();
        if !self.config.accepts(status.as_u16()) {
            let took = millis(clock::now().since(began));
            let reason = format!("answered {}", status.as_u16());
            return Ok(Finding::fail(reason).with_value(took, "ms"));
        }
        let expected = if self.config.reads_body() {
            let body = body(&mut answer, self.config.longest_body).await?;
            body.map_or_else(
                || Err(format!("the body is longer than {} bytes", self.config.longest_body)),
                |body| self.config.look_for(&body),
            )
        } else {
            Ok(())
        };
        let took = millis(clock::now().since(began));
        let latency = self.config.latency.judge(took, "ms", "the answer");
        Ok(match expected {
            Ok(()) => latency,
            Err(reason) => worse(Finding::fail(line(&reason)).with_value(took, "ms"), latency),
        })
    }
}

/// The whole body, or `None` once it is longer than allowed.
async fn body(answer: &mut Response, longest: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

fn request(config: &Config, client: &Client) -> Result<Request, ConfigError> {
    let shown = &config.url;
    let wrong = |field, value: String, bound: &str| ConfigError::new(ROOM, field, value, bound);
    let url = Url::parse(config.url.reveal())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| wrong("url", shown.to_string(), "a URL of http or https with a host"))?;
    let method = Method::from_bytes(config.method.as_bytes())
        .map_err(|_| wrong("method", line(&config.method), "a method of HTTP"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| wrong("headers", line(name), "names of headers"))?;
        let mut value = HeaderValue::from_str(value.reveal())
            .map_err(|_| wrong("headers", format!("the value of {name}"), "visible text"))?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    // Building it takes user and password from the URL into a header.
    let request = client.request(method, url).headers(headers);
    let request = match &config.send {
        Some(body) => request.body(body.reveal().to_owned()),
        None => request,
    };
    request.build().map_err(|error| wrong("url", shown.to_string(), &chain(&error.without_url())))
}

impl Check for HttpCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(async {
            self.ask().await.unwrap_or_else(|error| Finding::fail(chain(&error.without_url())))
        })
    }
}

impl fmt::Debug for HttpCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCheck").field("config", &self.config).finish_non_exhaustive()
    }
}
