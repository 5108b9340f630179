//! A Redis as a cache: the keys of a pattern, or a whole database.

use std::fmt;

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, cmd};
use salve_core::text::chain;
use salve_core::{Address, Check, ConfigError};
use salve_healer::{BoxFuture, Failure};

use super::Cache;

const ROOM: &str = "actions/redis";

/// Under what a value makes its round trip.
const PROBE: &str = "salve:round-trip";

/// How many keys are looked at and unlinked at once.
const BATCH: usize = 500;

/// The settings of a Redis that is flushed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct RedisConfig {
    /// Where it is, as `redis://user:password@host:port/database`. Default
    /// `redis://127.0.0.1:6379`.
    pub url: Address,
    /// Which keys are flushed, as Redis writes patterns: `shop:*`. Default none, which is all of the
    /// database; at most 1024 bytes.
    pub pattern: Option<String>,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self { url: Address::from("redis://127.0.0.1:6379"), pattern: None }
    }
}

impl RedisConfig {
    /// The server at `url`.
    #[must_use]
    pub fn new(url: impl Into<Address>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Flushes only the keys that fit a pattern.
    #[must_use]
    pub fn with_pattern(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = Some(pattern.into());
        self
    }
}

/// A cache in Redis. Each use connects anew, so that what is seen is the server and no old
/// connection.
pub struct RedisCache {
    config: RedisConfig,
    client: Client,
}

impl RedisCache {
    /// The cache that `config` means.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the URL is none of Redis.
    pub fn new(config: RedisConfig) -> Result<Self, ConfigError> {
        let length = config.pattern.as_ref().map_or(1, String::len);
        Check::room(ROOM).range("pattern", length, 1, 1_024)?;
        // The error may quote the URL, password included.
        let client = Client::open(config.url.reveal())
            .map_err(|_| ConfigError::new(ROOM, "url", &config.url, "a URL of Redis"))?;
        Ok(Self { config, client })
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        self.client.get_multiplexed_async_connection().await
    }

    async fn flushed(&self) -> Result<u64, RedisError> {
        let mut redis = self.connect().await?;
        let Some(pattern) = &self.config.pattern else {
            let keys = cmd("DBSIZE").query_async(&mut redis).await?;
            cmd("FLUSHDB").arg("ASYNC").query_async::<()>(&mut redis).await?;
            return Ok(keys);
        };
        let (mut cursor, mut flushed) = ("0".to_owned(), 0);
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(BATCH);
            let (next, keys): (String, Vec<Vec<u8>>) = scan.query_async(&mut redis).await?;
            if !keys.is_empty() {
                flushed += cmd("UNLINK").arg(keys).query_async::<u64>(&mut redis).await?;
            }
            if next == "0" {
                return Ok(flushed);
            }
            cursor = next;
        }
    }

    /// Whether the value came back.
    async fn tried(&self) -> Result<bool, RedisError> {
        let mut redis = self.connect().await?;
        // Each trip has a value of its own, since two healers may try at once.
        let (key, value) = (format!("{PROBE}:{:016x}", fastrand::u64(..)), "there and back");
        // It goes by itself where we do not get as far as deleting it.
        let mut set = cmd("SET");
        set.arg(&key).arg(value).arg("EX").arg(60).query_async::<()>(&mut redis).await?;
        let back: Option<String> = cmd("GET").arg(&key).query_async(&mut redis).await?;
        cmd("DEL").arg(&key).query_async::<()>(&mut redis).await?;
        Ok(back.as_deref() == Some(value))
    }
}

/// What a server refuses because of who asks, or how, it refuses the next time as well.
fn failure(error: &RedisError) -> Failure {
    let why = format!("redis: {}", chain(error));
    let again = error.is_io_error() || error.is_timeout() || error.is_connection_dropped();
    let busy = matches!(error.code(), Some("LOADING" | "BUSY" | "OOM" | "READONLY" | "TRYAGAIN"));
    Failure { why, again: again || busy }
}

impl Cache for RedisCache {
    fn flush(&self) -> BoxFuture<'_, Result<u64, Failure>> {
        Box::pin(async { self.flushed().await.map_err(|error| failure(&error)) })
    }

    fn round_trip(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async {
            match self.tried().await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Failure::transient("a value that was set did not come back")),
                Err(error) => Err(failure(&error)),
            }
        })
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("config", &self.config).finish_non_exhaustive()
    }
}
