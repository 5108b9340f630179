//! The shop's Redis: how it is asked, watched, and started again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use salve::health::{Finding, Status, TargetConfig};
use salve_testkit::servers::Redis;
use tokio::sync::Mutex;

use crate::Failure;
use crate::redis_line::connect;

/// How many things the shop sells.
pub(crate) const ITEMS: u32 = 20;

/// A Redis that is killed and started again by different hands.
#[derive(Clone)]
pub(crate) struct Store {
    redis: Arc<Mutex<Redis>>,
    port: u16,
}

impl Store {
    /// Starts a server with the price of everything in it.
    pub(crate) async fn open(dir: &Path) -> Result<Self, Failure> {
        let redis = Redis::start(dir, &[]).await?;
        let port = redis.port();
        let mut line = connect(port).await?;
        for item in 0..ITEMS {
            redis::cmd("SET").arg(key(item)).arg(item * 10).exec_async(&mut line).await?;
        }
        Ok(Self { redis: Arc::new(Mutex::new(redis)), port })
    }

    /// The number of the server's process.
    pub(crate) async fn process(&self) -> Option<u32> {
        self.redis.lock().await.process().map(|process| process.id())
    }

    pub(crate) async fn kill(&self) -> io::Result<()> {
        self.redis.lock().await.kill().await
    }

    /// Starts it again, unless it runs.
    pub(crate) async fn restart(&self) -> io::Result<()> {
        let mut redis = self.redis.lock().await;
        match redis.process() {
            Some(_) => Ok(()),
            None => redis.revive().await,
        }
    }

    /// How health looks at it.
    pub(crate) fn target(name: &'static str) -> TargetConfig {
        TargetConfig::new(name)
            .with_interval(Duration::from_millis(200))
            .with_unhealthy_interval(Duration::from_millis(150))
            // A killed one refuses at once. One that stands still is convicted after three of these.
            .with_timeout(Duration::from_secs(2), Status::Fail)
            .with_stale_after(Duration::from_secs(10))
            .with_thresholds(3, 2)
            .with_grace(Duration::ZERO)
    }

    /// Whether it answers.
    pub(crate) async fn look(port: u16) -> Finding {
        let asked = async {
            let mut line = connect(port).await?;
            redis::cmd("PING").query_async::<String>(&mut line).await
        };
        match asked.await {
            Ok(_) => Finding::pass(),
            Err(error) => Finding::fail(error.to_string()),
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

pub(crate) fn key(item: u32) -> String {
    format!("price:{item}")
}
