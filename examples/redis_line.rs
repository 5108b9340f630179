//! A client of a Redis, over one line that is made anew after it broke.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;

/// Carries out commands.
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

/// A line of its own.
pub(crate) async fn connect(port: u16) -> Result<MultiplexedConnection, RedisError> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
    let line = timeout(Duration::from_secs(1), client.get_multiplexed_async_connection());
    line.await.map_err(|_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut)))?
}
