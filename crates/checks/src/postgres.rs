//! PostgreSQL: a connection and a query.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use salve_core::{Check as Bounds, ConfigError, clock};
use salve_health::{Check, Finding, Running};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage, Socket};

use crate::reason::{chain, line, millis};
use crate::{Address, Thresholds};

const ROOM: &str = "checks/postgres";

/// The settings of a check of PostgreSQL.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// Where it is: a URL as `postgres://user:password@host:port/database`, or words as `host=... user=...`.
    /// Default `postgres://postgres@127.0.0.1:5432/postgres`.
    pub address: Address,
    /// What to ask. Default `SELECT 1`; 1 byte to 64 KiB.
    pub query: String,
    /// What the first column of the first row has to be. Default anything.
    pub answer: Option<String>,
    /// Bounds of the time for connection and query, in milliseconds. Default none.
    pub latency: Thresholds,
    /// Bounds of the number in the first column of the first row, as a count of connections. Default none.
    pub number: Thresholds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            address: Address::from("postgres://postgres@127.0.0.1:5432/postgres"),
            query: "SELECT 1".to_owned(),
            answer: None,
            latency: Thresholds::NONE,
            number: Thresholds::NONE,
        }
    }
}

impl Config {
    /// Asks the server at `address`.
    #[must_use]
    pub fn new(address: impl Into<Address>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// Sets what to ask.
    #[must_use]
    pub fn with_query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    /// Sets what the first column of the first row has to be.
    #[must_use]
    pub fn with_answer(mut self, answer: impl Into<String>) -> Self {
        self.answer = Some(answer.into());
        self
    }

    /// Sets the bounds of the time for connection and query, in milliseconds.
    #[must_use]
    pub const fn with_latency(mut self, bounds: Thresholds) -> Self {
        self.latency = bounds;
        self
    }

    /// Sets the bounds of the number in the first column of the first row, which is the value then.
    #[must_use]
    pub const fn with_number(mut self, bounds: Thresholds) -> Self {
        self.number = bounds;
        self
    }

    /// Checks every setting but the address.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        Bounds::room(ROOM).range("query", self.query.len(), 1, 64 * 1024)?;
        self.latency.validate(ROOM, "latency", (0.0, f64::MAX))?;
        self.number.validate(ROOM, "number", (f64::MIN, f64::MAX))
    }

    /// What it comes to that `cell` was the answer after `took` milliseconds.
    fn judge(&self, cell: Option<&str>, took: f64) -> Finding {
        if let Some(expected) = &self.answer
            && cell != Some(expected.as_str())
        {
            let found = cell.unwrap_or("nothing");
            let reason = line(&format!("answered {found}, not {expected}"));
            return Finding::fail(reason).with_value(took, "ms");
        }
        let latency = self.latency.judge(took, "ms", "the answer");
        if self.number == Thresholds::NONE {
            return latency;
        }
        let number = cell.and_then(|cell| cell.parse().ok()).unwrap_or(f64::NAN);
        crate::reason::worse(self.number.judge(number, "", "the answer"), latency)
    }
}

type Connected = Result<(Client, Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>), Error>;
type Connect = dyn Fn() -> Pin<Box<dyn Future<Output = Connected> + Send>> + Send + Sync;

/// Connects in each run, sends the query, and hangs up. The value is the time for both in
/// milliseconds.
///
/// A connection of its own sees what a kept one hides: that nobody accepts, or that the server is
/// full.
///
/// # Cancellation
/// Dropping a run closes its connection; the server ends the query when it notices.
pub struct PostgresCheck {
    config: Config,
    connect: Arc<Connect>,
}

impl PostgresCheck {
    /// Asks as `config` says, without TLS.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the address is none of PostgreSQL.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::with_tls(config, NoTls)
    }

    /// As [`new`](Self::new), with TLS by a connector such as that of `tokio-postgres-rustls`.
    ///
    /// # Errors
    /// As with [`new`](Self::new).
    pub fn with_tls<T>(config: Config, tls: T) -> Result<Self, ConfigError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        config.validate()?;
        // The error may quote the address, password included.
        let server = tokio_postgres::Config::from_str(config.address.reveal()).map_err(|_| {
            ConfigError::new(ROOM, "address", &config.address, "an address of PostgreSQL")
        })?;
        let connect = move || -> Pin<Box<dyn Future<Output = Connected> + Send>> {
            let (server, tls) = (server.clone(), tls.clone());
            Box::pin(async move {
                let (client, line) = server.connect(tls).await?;
                Ok((client, Box::pin(line) as Pin<Box<_>>))
            })
        };
        Ok(Self { config, connect: Arc::new(connect) })
    }

    async fn ask(&self) -> Result<Finding, Error> {
        let began = clock::now();
        let (client, line) = (self.connect)().await?;
        // Driven here and not in a task, so that nothing outlives a run that is dropped.
        let answer = tokio::select! {
            answer = client.simple_query(&self.config.query) => answer?,
            Err(broken) = line => return Err(broken),
        };
        let took = millis(clock::now().since(began));
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let cell = row.filter(|row| !row.is_empty()).and_then(|row| row.get(0));
        Ok(self.config.judge(cell, took))
    }
}

impl Check for PostgresCheck {
    fn run(&self) -> Running<'_> {
        Box::pin(async { self.ask().await.unwrap_or_else(|error| Finding::fail(chain(&error))) })
    }
}

impl fmt::Debug for PostgresCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresCheck").field("config", &self.config).finish_non_exhaustive()
    }
}
