//! A real Redis on loopback, which can be killed and started again, and a client of it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tower::util::BoxCloneSyncService;

use crate::Failure;
use crate::process::Process;

/// What to do where there is no server.
const INSTALL: &str = "redis-server not found: install it with `apt-get install redis-server`";

/// How many products the shop has.
pub(crate) const PRODUCTS: usize = 20;
const ORDERS: &str = "orders";

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Redis {
    process: Process,
    files: Files,
}

/// What is left of a server that was killed.
#[derive(Debug)]
pub(crate) struct Files {
    dir: PathBuf,
    port: u16,
}

impl Redis {
    /// Starts a server with the shop's products in it.
    pub(crate) async fn start(dir: &Path) -> Result<Self, Failure> {
        let port = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?.port();
        let redis = Files { dir: dir.to_owned(), port }.start_again().await?;
        let mut line = redis.line().await?;
        for id in 0..PRODUCTS {
            let words = format!("product number {id}");
            redis::cmd("SET").arg(product(id)).arg(words).exec_async(&mut line).await?;
        }
        redis::cmd("SET").arg("top").arg("number 7").exec_async(&mut line).await?;
        Ok(redis)
    }

    pub(crate) fn port(&self) -> u16 {
        self.files.port
    }

    /// Kills the server without a word of warning.
    pub(crate) async fn kill(self) -> io::Result<Files> {
        self.process.end().await?;
        Ok(self.files)
    }

    /// How many orders it holds.
    pub(crate) async fn orders(&self) -> Result<u64, Failure> {
        let mut line = self.line().await?;
        Ok(redis::cmd("LLEN").arg(ORDERS).query_async(&mut line).await?)
    }

    async fn line(&self) -> Result<MultiplexedConnection, RedisError> {
        connect(self.files.port).await
    }
}

impl Files {
    /// Starts a server that finds again what it had written.
    pub(crate) async fn start_again(self) -> Result<Redis, Failure> {
        let port = self.port.to_string();
        let dir: OsString = self.dir.clone().into();
        let args = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "yes"];
        let args = args.map(OsString::from).into_iter().chain(["--dir".into(), dir]);
        let args: Vec<OsString> = args.collect();
        let (stdin, stdout, stderr) = (Stdio::null(), Stdio::null(), Stdio::inherit());
        let program = find().ok_or(INSTALL)?;
        let process = Process::spawn(program.as_os_str(), &args, stdin, stdout, stderr)?;
        let mut redis = Redis { process, files: self };
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            // It answers before it has read its file again, but not to this.
            if let Ok(mut line) = redis.line().await
                && redis::cmd("LLEN").arg(ORDERS).exec_async(&mut line).await.is_ok()
            {
                return Ok(redis);
            }
            if redis.process.has_ended() || Instant::now() >= deadline {
                return Err("redis-server did not come up".into());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/bin".into(), "/usr/sbin".into()]);
    folders.map(|folder| folder.join("redis-server")).find(|file| file.is_file())
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
