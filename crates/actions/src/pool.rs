//! A connection pool, emptied and filled anew, as an action.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salve_core::{Check, ConfigError, Name};
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Failure, Order, Verdict};

const ROOM: &str = "actions/pool";

/// A pool of connections, such as that of a database client.
///
/// Twice has to be as once, since an action that was interrupted is done again.
pub trait Pool: Send + Sync {
    /// Closes the connections that nobody uses, and lets no new call have one that is older than now;
    /// says how many were closed. Calls that run keep theirs.
    fn reset(&self) -> BoxFuture<'_, Result<u64, Failure>>;

    /// Opens a connection, or takes one, and has the server answer over it.
    fn test(&self) -> BoxFuture<'_, Result<(), Failure>>;
}

/// Resets a pool, waits a little, and tests a new connection.
///
/// # Cancellation
/// Dropped, the pool may be empty; it fills by itself.
pub struct ResetPool {
    name: Name,
    meta: ActionMeta,
    pool: Arc<dyn Pool>,
    wait: Duration,
}

impl ResetPool {
    /// An action that resets `pool`.
    pub fn new(name: impl Into<Name>, pool: impl Pool + 'static) -> Self {
        let meta = ActionMeta::default().idempotent();
        Self { name: name.into(), meta, pool: Arc::new(pool), wait: Duration::from_secs(2) }
    }

    /// Sets how long the server is left alone before the test. Default 2 s; at most 10 min.
    ///
    /// # Errors
    /// If it is longer.
    pub fn with_wait(mut self, wait: Duration) -> Result<Self, ConfigError> {
        let most = Duration::from_secs(600);
        Check::room(ROOM).duration("wait", wait, Duration::ZERO, most)?;
        self.wait = wait;
        Ok(self)
    }

    /// Says what it costs, and so on. It stays idempotent, and nothing takes it back.
    #[must_use]
    pub fn with_meta(mut self, meta: ActionMeta) -> Self {
        self.meta = self.meta.with_said(meta);
        self
    }
}

impl Action for ResetPool {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        self.meta.clone()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        let name = &order.target.name;
        let line = format!("close the idle connections to {name} and test a new one");
        Box::pin(std::future::ready(Ok(vec![line])))
    }

    fn execute<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        Box::pin(async move {
            let closed = self.pool.reset().await?;
            tokio::time::sleep(self.wait).await;
            self.pool.test().await?;
            Ok(Report { done: vec![format!("{closed} connections closed, a new one answers")] })
        })
    }

    fn verify<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Option<Verdict>> {
        Box::pin(async move {
            let tested = self.pool.test().await;
            Some(if tested.is_ok() { Verdict::Recovered } else { Verdict::NotRecovered })
        })
    }
}

impl fmt::Debug for ResetPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResetPool")
            .field("name", &self.name)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
