//! What the shop keeps in its store, a real Redis, and a client of it.

use std::path::Path;

use redis::Cmd;
use salve_testkit::servers::Redis;

use crate::Failure;
use crate::redis_line::connect;

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
