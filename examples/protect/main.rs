//! Breaks real servers in every usual way and shows how each client fares, style beside style.
//!
//! ```text
//! cargo run --release --example protect -- [--seconds 60] [--seed 1] [--json FILE]
//! ```
//!
//! Each client (`reqwest`, hyper-util's, `openssh`) runs once in every style. Each of these lanes has a
//! server of its own, and all lanes of a client get the same calls at the same moments.
//! Read on in `players.rs` for how the clients are used, and in `schedule.rs` for what happens to them.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]
#![expect(clippy::print_stderr, reason = "a program says on standard error why it ends")]

mod ledger;
mod load;
mod measure;
mod origin;
mod players;
mod protected;
mod raw;
mod report;
mod schedule;
mod ssh;
mod stage;
mod summary;
mod table;

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::load::Arrival;
use crate::stage::Lane;
use crate::summary::Summary;

type Failure = Box<dyn Error + Send + Sync>;

/// The shortest run with more than a second between two faults, in which to recover.
const SHORTEST: u64 = 40;
/// The longest run whose record comfortably fits into memory.
const LONGEST: u64 = 3600;

#[derive(Debug)]
struct Options {
    seconds: u64,
    seed: u64,
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match args.first().and_then(|arg| arg.to_str()) {
        Some(origin::ORIGIN) => {
            let served = origin::serve(&args[1..]).await;
            // The thread that reads standard input cannot be told to stop.
            std::process::exit(i32::from(served.is_err()));
        }
        _ => perform(args).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("protect: {error}");
        ExitCode::from(2)
    })
}

fn options(args: Vec<OsString>) -> Result<Options, Failure> {
    let mut args = pico_args::Arguments::from_vec(args);
    let seconds = args.opt_value_from_str("--seconds")?.unwrap_or(60);
    let seed = args.opt_value_from_str("--seed")?.unwrap_or(1);
    let json = args.opt_value_from_str("--json")?;
    let rest = args.finish();
    if !rest.is_empty() {
        return Err(format!("unknown arguments {rest:?}; known: --seconds, --seed, --json").into());
    }
    if !(SHORTEST..=LONGEST).contains(&seconds) {
        return Err(format!("--seconds is {seconds}, not {SHORTEST} to {LONGEST}").into());
    }
    Ok(Options { seconds, seed, json })
}

/// Sets the stage, runs the show, clears the stage, and only then speaks about it.
async fn perform(args: Vec<OsString>) -> Result<ExitCode, Failure> {
    let options = options(args)?;
    let mut interruption = Interruption::new()?;
    let dir = tempfile::Builder::new().prefix("protect-").tempdir()?;
    let shown = show(&options, dir.path(), &mut interruption).await;
    remove(dir).await?;
    let summary = shown?;
    let claims = summary::claims(&summary);
    table::summary(&summary, &claims);
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_vec_pretty(&summary)?)?;
    }
    Ok(match summary.interrupted {
        true => ExitCode::from(130),
        false => ExitCode::from(u8::from(claims.iter().any(|claim| !claim.holds))),
    })
}

async fn show(
    options: &Options,
    dir: &Path,
    interruption: &mut Interruption,
) -> Result<Summary, Failure> {
    let run = Duration::from_secs(options.seconds);
    let mut rng = fastrand::Rng::with_seed(options.seed);
    let http: Arc<[Arrival]> = load::http_arrivals(&mut rng, run).into();
    let ssh: Arc<[Arrival]> = load::ssh_arrivals(&mut rng, run).into();
    let arrivals = |lane: &Lane| Arc::clone(if lane.is_ssh() { &ssh } else { &http });

    let servers = tokio::select! {
        servers = stage::servers(dir) => servers?,
        () = interruption.comes() => return Err("interrupted before it began".into()),
    };
    let start = Instant::now();
    let mut lanes: Vec<Lane> = servers.into_iter().map(|it| Lane::new(it, start)).collect();
    let mut games = JoinSet::new();
    for lane in &lanes {
        games.spawn(load::play(lane.player()?, Arc::clone(&lane.ledger), arrivals(lane), start));
    }
    let name = |lane: &Lane| format!("{} {}", lane.client, lane.style.name());
    let watched = lanes.iter().map(|lane| (name(lane), Arc::clone(&lane.ledger))).collect();
    let interrupted = tokio::select! {
        played = async {
            tokio::try_join!(
                stage::direct(&mut lanes, start, run),
                async { table::live(watched, start, run).await; Ok(()) },
            )?;
            while let Some(game) = games.join_next().await {
                game?;
            }
            Ok::<_, Failure>(())
        } => played.map(|()| false)?,
        () = interruption.comes() => true,
    };
    games.shutdown().await;
    let due = |lane: &Lane| arrivals(lane).iter().map(|it| it.due).collect::<Vec<_>>();
    let reports: std::io::Result<_> =
        lanes.iter().map(|lane| report::lane(lane, &due(lane), run)).collect();
    stage::clear(lanes).await?;
    Ok(Summary { seconds: options.seconds, seed: options.seed, interrupted, lanes: reports? })
}

/// Ctrl-C, or a polite request to end. Listens from when it is made.
#[derive(Debug)]
struct Interruption {
    interrupt: Signal,
    terminate: Signal,
}

impl Interruption {
    fn new() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn comes(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Removes the directory; an SSH client that is just ending may still put a file there.
async fn remove(dir: tempfile::TempDir) -> std::io::Result<()> {
    for _ in 0..20 {
        if std::fs::remove_dir_all(dir.path()).is_ok() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    dir.close().or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}
