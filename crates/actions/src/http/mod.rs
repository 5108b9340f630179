//! An HTTP call, as an action.

mod config;
pub(crate) mod wire;

use std::fmt;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Request};
use salve_core::text::line;
use salve_core::{Address, ConfigError, Name, Secret};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Captured, Failure, Order};

pub use self::config::Config;

const ROOM: &str = "actions/http";

/// A call that was checked.
struct Ready {
    config: Config,
    method: Method,
    headers: HeaderMap,
    client: Client,
}

impl Ready {
    fn new(config: Config, client: Client) -> Result<Self, ConfigError> {
        config.validate()?;
        let method = Method::from_bytes(config.method.as_bytes()).map_err(|_| {
            ConfigError::new(ROOM, "method", line(&config.method), "a method of HTTP")
        })?;
        let headers = wire::headers(ROOM, &config.headers)?;
        let key = config.key_header.iter().map(|name| (name.clone(), Secret::default()));
        wire::headers(ROOM, &key.collect::<Vec<_>>())?;
        let call = Self { config, method, headers, client };
        wire::url(ROOM, &call.url("a"), &call.config.url.to_string())?;
        Ok(call)
    }

    /// Refuses what needs TLS.
    fn plain(config: Config) -> Result<Self, ConfigError> {
        let call = Self::new(config, wire::client(ROOM)?)?;
        wire::without_tls(ROOM, &wire::url(ROOM, &call.url("a"), "")?)?;
        Ok(call)
    }

    fn url(&self, target: &str) -> String {
        self.config.url.reveal().replace("{target}", &escaped(target))
    }

    /// For people.
    fn line(&self, order: &Order) -> String {
        let url = Address::from(self.url(order.target.name.as_str()));
        line(&format!("{} {url}", self.method))
    }

    fn request(&self, order: &Order) -> Result<Request, Failure> {
        let wrong = |error: ConfigError| Failure::permanent(error.to_string());
        let shown = self.config.url.to_string();
        let url = wire::url(ROOM, &self.url(order.target.name.as_str()), &shown).map_err(wrong)?;
        let mut own = vec![("salve-token".to_owned(), Secret::from(order.token.to_string()))];
        let key = self.config.key_header.clone();
        own.extend(key.map(|name| (name, Secret::from(order.key.clone()))));
        let own = wire::headers(ROOM, &own).map_err(wrong)?;
        // Building it takes user and password from the URL into a header.
        let request = self.client.request(self.method.clone(), url);
        let request = request.headers(self.headers.clone()).headers(own);
        let request = request.timeout(self.config.timeout);
        let request = match &self.config.body {
            Some(body) => request.body(body.reveal().to_owned()),
            None => request,
        };
        request.build().map_err(|error| Failure::permanent(error.without_url().to_string()))
    }

    async fn send(&self, order: &Order, repeatable: bool) -> Result<Report, Failure> {
        let (request, line) = (self.request(order)?, self.line(order));
        let accepts = |status| self.config.accepts(status);
        match wire::send(&self.client, request, accepts, repeatable).await {
            Ok(status) => Ok(Report { done: vec![format!("{line}: {status}")] }),
            Err(failure) => Err(Failure { why: format!("{line}: {}", failure.why), ..failure }),
        }
    }
}

/// As it may stand in a path or a query (RFC 3986, what is not reserved).
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Sends a request: one of the expected statuses is done, anything else has failed.
///
/// It carries the idempotency key, and the token of the lease as `salve-token`. Redirects are not
/// followed, and no proxy of the environment is used.
///
/// What could not be sent, and what is answered with 425, 429 or 503, is worth another try. What got no
/// answer in time, another status from 500 to 599, or 408, may have been done: it is worth one only if the call is idempotent. `GET`, `HEAD`,
/// `OPTIONS`, `PUT` and `DELETE` are; of others [`with_meta`](Self::with_meta) says so, where the
/// server knows the key again.
///
/// # Cancellation
/// Dropped, it hangs up; the server may go on.
pub struct Call {
    name: Name,
    meta: ActionMeta,
    call: Ready,
    back: Option<Ready>,
}

impl Call {
    /// An action that sends what `config` says.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the URL is not of `http`: TLS is the program's choice, see
    /// [`with_client`](Self::with_client).
    pub fn new(name: impl Into<Name>, config: Config) -> Result<Self, ConfigError> {
        Ok(Self::of(name.into(), Ready::plain(config)?))
    }

    /// Sends by `client`, whose own settings hold for connections, redirects and TLS.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn with_client(
        name: impl Into<Name>,
        config: Config,
        client: Client,
    ) -> Result<Self, ConfigError> {
        Ok(Self::of(name.into(), Ready::new(config, client)?))
    }

    fn of(name: Name, call: Ready) -> Self {
        let meta = ActionMeta { idempotent: call.method.is_idempotent(), ..ActionMeta::default() };
        Self { name, meta, call, back: None }
    }

    /// Says what it is like.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        let idempotent = meta.idempotent || self.call.method.is_idempotent();
        self.meta = ActionMeta { reversible: self.back.is_some(), idempotent, ..meta };
        self
    }

    /// Undoes it by another call, by the same client. It has to be one that may be sent twice.
    /// Where the client has no TLS, neither may its URL.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn with_back(mut self, config: Config) -> Result<Self, ConfigError> {
        self.back = Some(Ready::new(config, self.call.client.clone())?);
        self.meta.reversible = true;
        Ok(self)
    }
}

impl Action for Call {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        Box::pin(std::future::ready(Ok(vec![self.call.line(order)])))
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(self.call.send(order, self.meta.idempotent))
    }

    fn roll_back<'a>(
        &'a self,
        order: &'a Order,
        _: &'a Captured,
    ) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let back = self.back.as_ref();
            let back = back.ok_or_else(|| Failure::permanent("no call takes it back"))?;
            back.send(order, true).await
        })
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("name", &self.name)
            .field("config", &self.call.config)
            .finish_non_exhaustive()
    }
}
