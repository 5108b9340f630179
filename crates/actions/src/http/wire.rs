//! What every HTTP request here needs: a client without a will of its own, a URL that is one, headers that
//! no log shows, and a judgement of the answer.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Request, Url};
use salve_core::text::{chain, line};
use salve_core::{ConfigError, Secret};
use salve_healer::Failure;

/// A client that follows no redirect, asks no proxy and keeps no connection.
pub(crate) fn client(room: &'static str) -> Result<Client, ConfigError> {
    let builder = Client::builder().no_proxy().redirect(Policy::none()).pool_max_idle_per_host(0);
    builder
        .build()
        .map_err(|error| ConfigError::new(room, "client", chain(&error), "one that builds"))
}

/// `text` as a URL; errors show it as `shown`.
pub(crate) fn url(room: &'static str, text: &str, shown: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let bound = "a URL of http or https with a host";
    url.ok_or_else(|| ConfigError::new(room, "url", shown, bound))
}

/// TLS is the program's choice: a client of our own has none.
pub(crate) fn without_tls(room: &'static str, url: &Url) -> Result<(), ConfigError> {
    if url.scheme() == "https" {
        let bound = "http, or given to a client with TLS";
        return Err(ConfigError::new(room, "url", url.scheme(), bound));
    }
    Ok(())
}

/// Headers whose values nobody sees.
pub(crate) fn headers(
    room: &'static str,
    pairs: &[(String, Secret)],
) -> Result<HeaderMap, ConfigError> {
    let wrong = |value: String, bound: &str| ConfigError::new(room, "headers", value, bound);
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let key = HeaderName::from_bytes(name.as_bytes());
        let key = key.map_err(|_| wrong(line(name), "names of headers"))?;
        let value = HeaderValue::from_str(value.reveal());
        let mut value = value.map_err(|_| wrong(format!("the value of {key}"), "visible text"))?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

/// Sends it and says with which status it was answered, if that is one that `accepts` knows.
///
/// What was not answered may have been done: it is to be sent again only if it is `repeatable`, or
/// was never sent.
pub(crate) async fn send(
    client: &Client,
    request: Request,
    accepts: impl Fn(u16) -> bool,
    repeatable: bool,
) -> Result<u16, Failure> {
    let failure = |again, why| Failure { why, again };
    let status = match client.execute(request).await {
        Ok(answer) => answer.status().as_u16(),
        Err(error) => {
            let unsent = error.is_connect() || error.is_builder();
            let why = chain(&error.without_url());
            let known = if unsent { "" } else { "it may have been done: " };
            return Err(failure(unsent || repeatable, format!("{known}{why}")));
        }
    };
    if accepts(status) {
        return Ok(status);
    }
    // Whoever answers so says that another time may do.
    let later = matches!(status, 408 | 425 | 429 | 500..=599);
    let refused = matches!(status, 425 | 429 | 503);
    Err(failure(later && (repeatable || refused), format!("answered {status}")))
}
