//! The processes that are broken: an HTTP service that needs a Redis, and a worker with a queue.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::Failure;

/// The hidden sub-commands.
pub(crate) const SERVICE: &str = "service";
pub(crate) const WORKER: &str = "worker";

/// Is the service, until it is killed: `PORT [REDIS-PORT]`. Once told to, it answers 500 for the rest of its life.
pub(crate) async fn serve(args: &[OsString]) -> Result<ExitCode, Failure> {
    let port = |nth: usize| -> Option<u16> { args.get(nth)?.to_str()?.parse().ok() };
    let (own, store) = (port(0).ok_or("service needs: PORT [REDIS-PORT]")?, port(1));
    let sick = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&sick);
    let buy = move || {
        let sick = seen.load(Ordering::Relaxed);
        async move {
            match store {
                _ if sick => StatusCode::INTERNAL_SERVER_ERROR,
                Some(store) if !answers(store, b"INCR sold\r\n").await => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                _ => StatusCode::OK,
            }
        }
    };
    let sicken = move || {
        sick.store(true, Ordering::Relaxed);
        std::future::ready(StatusCode::NO_CONTENT)
    };
    let routes = Router::new().route("/buy", get(buy)).route("/sicken", post(sicken));
    axum::serve(TcpListener::bind(("127.0.0.1", own)).await?, routes).await?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the Redis on this port takes a command.
pub(crate) async fn answers(port: u16, command: &[u8]) -> bool {
    let asked = async {
        let mut line = TcpStream::connect(("127.0.0.1", port)).await?;
        line.write_all(command).await?;
        line.read_u8().await
    };
    let answer = timeout(Duration::from_millis(250), asked).await;
    matches!(answer, Ok(Ok(b'+' | b':')))
}

/// Is the worker, until it is killed: takes every job out of the folder that is its queue.
pub(crate) async fn work(args: &[OsString]) -> Result<ExitCode, Failure> {
    let queue = PathBuf::from(args.first().ok_or("worker needs: QUEUE")?);
    loop {
        for job in std::fs::read_dir(&queue)? {
            std::fs::remove_file(job?.path())?;
        }
        sleep(Duration::from_millis(100)).await;
    }
}
