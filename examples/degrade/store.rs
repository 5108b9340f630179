//! What the shop keeps in its store, a real Redis, and a client of it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use salve_testkit::servers::Redis;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;

use crate::Failure;

/// How many products the shop has.
pub(crate) const PRODUCTS: usize = 20;
const ORDERS: &str = "orders";

/// Starts a server with the shop's products in it.
pub(crate) async fn open(dir: &Path) -> Result<Redis, Failure> {
    let redis = Redis::start(dir, &[]).await?;
    let mut line = connect(redis.port()).await?;
    for id in 0..PRODUCTS {
        let words = format!("product number {id}");
        redis::cmd("SET").arg(product(id)).arg(words).exec_async(&mut line).await?;
    }
    redis::cmd("SET").arg("top").arg("number 7").exec_async(&mut line).await?;
    Ok(redis)
}

/// How many orders it holds.
pub(crate) async fn orders(redis: &Redis) -> Result<u64, Failure> {
    let mut line = connect(redis.port()).await?;
    Ok(redis::cmd("LLEN").arg(ORDERS).query_async(&mut line).await?)
}

pub(crate) fn product(id: usize) -> String {
    format!("product:{id}")
}

/// Reads one value.
pub(crate) fn get(key: &str) -> Cmd {
    let mut command = redis::cmd("GET");
    command.arg(key);
    command
}

/// Keeps one order.
pub(crate) fn order(number: u64) -> Cmd {
    let mut command = redis::cmd("RPUSH");
    command.arg(ORDERS).arg(number);
    command
}

/// Whether a command only reads, and so may be repeated.
pub(crate) fn is_read(command: &Cmd) -> bool {
    matches!(command.args_iter().next(), Some(redis::Arg::Simple(b"GET")))
}

/// Carries out commands, over one line that is made anew after it broke.
pub(crate) type Client = BoxCloneSyncService<Cmd, Value, RedisError>;

pub(crate) fn client(port: u16) -> Client {
    let kept: Arc<Mutex<Option<MultiplexedConnection>>> = Arc::default();
    BoxCloneSyncService::new(tower::service_fn(move |command: Cmd| {
        let kept = Arc::clone(&kept);
        async move {
            let mut line = {
                let mut kept = kept.lock().await;
                match &*kept {
                    Some(line) => line.clone(),
                    None => kept.insert(connect(port).await?).clone(),
                }
            };
            let answer = command.query_async(&mut line).await;
            if answer.as_ref().is_err_and(RedisError::is_unrecoverable_error) {
                *kept.lock().await = None;
            }
            answer
        }
    }))
}

async fn connect(port: u16) -> Result<MultiplexedConnection, RedisError> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
    let line = timeout(Duration::from_secs(1), client.get_multiplexed_async_connection());
    line.await.map_err(|_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut)))?
}
