//! The HTTP origin: a small axum server in a process of its own that misbehaves on command.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use http::{HeaderMap, Method, StatusCode, header};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{ChildStdin, ChildStdout};

use salve_testkit::servers::{Process, free_port};

/// The hidden sub-command that [`serve`] serves.
pub(crate) const ORIGIN: &str = "origin";
/// The request header that carries the number of the call.
pub(crate) const CALL: &str = "x-call";
/// Bytes in every whole answer.
pub(crate) const ANSWER: usize = 1024;
/// What one answer takes when all is well.
const WORK: Duration = Duration::from_millis(5);
/// What one answer takes when the origin is slow.
const SLOW: Duration = Duration::from_millis(700);

/// How the origin answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Status 200 with a whole body.
    Ok,
    /// Status 500, nothing done.
    Errors,
    /// Status 429 with `Retry-After: 1`, nothing done.
    TooMany,
    /// Status 200, half the body, then silence.
    StalledBody,
    /// Status 200, half the body, then a closed connection.
    TruncatedBody,
    /// Status 200 after 700 ms.
    Slow,
}

impl Mode {
    const ALL: [(Self, &str); 6] = [
        (Self::Ok, "ok"),
        (Self::Errors, "errors"),
        (Self::TooMany, "too-many"),
        (Self::StalledBody, "stalled-body"),
        (Self::TruncatedBody, "truncated-body"),
        (Self::Slow, "slow"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("ok", |(_, name)| name)
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(mode, _)| *mode)
    }
}

/// A mode, and the share of requests (out of 10, evenly spread) that meet it; the others are served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) mode: Mode,
    pub(crate) tenths: u64,
}

/// The origin as its keeper sees it: a port that stays, and a process that comes and goes.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) port: u16,
    posts: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Origin {
    /// Starts an origin that notes each `POST` it carries out in a file in `dir`.
    pub(crate) async fn start(dir: &Path, name: &str) -> io::Result<Self> {
        let posts = dir.join(format!("{name}.posts"));
        let mut origin = Self { port: free_port().await?, posts, running: None };
        origin.revive().await?;
        Ok(origin)
    }

    /// Kills the process. The port stays reserved for the next one by nothing but its range.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        match self.running.take() {
            Some(running) => running.process.end().await,
            None => Ok(()),
        }
    }

    /// Starts the process again on the same port; returns once it accepts connections.
    pub(crate) async fn revive(&mut self) -> io::Result<()> {
        let args: [OsString; 3] =
            [ORIGIN.into(), self.port.to_string().into(), self.posts.clone().into()];
        let piped = Stdio::piped;
        let program = std::env::current_exe()?;
        let mut process =
            Process::spawn(program.as_os_str(), &args, piped(), piped(), Stdio::inherit())?;
        let (Some(orders), Some(answers)) = (process.take_stdin(), process.take_stdout()) else {
            return Err(io::Error::other("the origin has no pipes"));
        };
        let mut running = Running { process, orders, answers: BufReader::new(answers).lines() };
        running.expect("listening").await?;
        self.running = Some(running);
        Ok(())
    }

    pub(crate) fn freeze(&self) -> io::Result<()> {
        self.running.as_ref().map_or(Ok(()), |running| running.process.freeze())
    }

    pub(crate) fn thaw(&self) -> io::Result<()> {
        self.running.as_ref().map_or(Ok(()), |running| running.process.thaw())
    }

    /// Tells the origin how to answer from now on.
    pub(crate) async fn behave(&mut self, manner: Manner) -> io::Result<()> {
        let running = self.running.as_mut().ok_or_else(|| io::Error::other("no origin runs"))?;
        let order = format!("{} {}\n", manner.mode.name(), manner.tenths);
        running.orders.write_all(order.as_bytes()).await?;
        running.expect("set").await
    }

    /// How many `POST`s were carried out more than once, over all lives of the origin.
    pub(crate) fn repeated_posts(&self) -> io::Result<u64> {
        let text = std::fs::read_to_string(&self.posts)?;
        let mut calls: Vec<&str> = text.lines().collect();
        let all = calls.len();
        calls.sort_unstable();
        calls.dedup();
        Ok((all - calls.len()) as u64)
    }
}

impl Running {
    async fn expect(&mut self, word: &str) -> io::Result<()> {
        match self.answers.next_line().await? {
            Some(line) if line == word => Ok(()),
            other => Err(io::Error::other(format!("the origin said {other:?}, not {word:?}"))),
        }
    }
}

#[derive(Debug)]
struct Site {
    manner: Mutex<Manner>,
    served: AtomicU64,
    posts: Mutex<File>,
}

/// The origin's own process: serves until its orders end.
pub(crate) async fn serve(args: &[OsString]) -> io::Result<()> {
    let [port, posts] = args else { return Err(io::Error::other("origin needs: PORT POSTS")) };
    let port: u16 = port
        .to_str()
        .and_then(|port| port.parse().ok())
        .ok_or_else(|| io::Error::other("PORT must be a number from 0 to 65535"))?;
    let site = Arc::new(Site {
        manner: Mutex::new(Manner { mode: Mode::Ok, tenths: 10 }),
        served: AtomicU64::new(0),
        posts: Mutex::new(File::options().create(true).append(true).open(posts)?),
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let app = Router::new().fallback(answer).with_state(Arc::clone(&site));
    tokio::select! {
        ended = async { axum::serve(listener, app).await } => ended,
        ended = obey(&site) => ended,
    }
}

async fn obey(site: &Site) -> io::Result<()> {
    println!("listening");
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await? {
        let parsed = order.split_once(' ').and_then(|(mode, tenths)| {
            Some(Manner { mode: Mode::parse(mode)?, tenths: tenths.parse().ok()? })
        });
        match parsed {
            Some(manner) => {
                *site.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
                println!("set");
            }
            None => println!("not understood: {order}"),
        }
    }
    Ok(())
}

async fn answer(
    State(site): State<Arc<Site>>,
    method: Method,
    headers: HeaderMap,
    _body: Bytes,
) -> Response {
    let manner = *site.manner.lock().unwrap_or_else(PoisonError::into_inner);
    let turn = site.served.fetch_add(1, Ordering::Relaxed);
    // 7 and 10 share no divisor, so the afflicted turns are spread and not in one run.
    let mode = if turn * 7 % 10 < manner.tenths { manner.mode } else { Mode::Ok };
    match mode {
        Mode::Errors => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mode::TooMany => {
            return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response();
        }
        Mode::Slow => tokio::time::sleep(SLOW).await,
        _ => tokio::time::sleep(WORK).await,
    }
    let call = headers.get(CALL).and_then(|call| call.to_str().ok()).unwrap_or("-");
    if method == Method::POST {
        // One write per line: a kill between two would join two lines.
        let line = format!("{call}\n");
        let mut posts = site.posts.lock().unwrap_or_else(PoisonError::into_inner);
        if posts.write_all(line.as_bytes()).is_err() {
            return StatusCode::INSUFFICIENT_STORAGE.into_response();
        }
    }
    let whole = Bytes::from(format!("{call:<ANSWER$}"));
    let half = stream::iter([Ok::<_, io::Error>(whole.slice(..ANSWER / 2))]);
    let body = match mode {
        Mode::StalledBody => Body::from_stream(half.chain(stream::pending())),
        Mode::TruncatedBody => {
            Body::from_stream(half.chain(stream::iter([Err(io::Error::other("cut off"))])))
        }
        _ => Body::from(whole),
    };
    ([(header::CONTENT_LENGTH, ANSWER)], body).into_response()
}
