//! A shop that is broken in seven ways, twice at the same time: once with a healer, once without.
//!
//! ```text
//! cargo run --release --example heal -- [--json FILE] [--without-redis]
//! ```
//!
//! Each of the two houses is a real HTTP service, a real Redis and a worker with a queue, in processes of their own, and
//! a scratch folder. Faults strike both by the script in `script.rs`. The healer of one of them is set up in `healer.rs`;
//! what it did is read back from its journal in `story.rs`, and `summary.rs` says what is claimed about the run.

#![expect(clippy::print_stdout, reason = "the story is what this program is for")]
#![expect(clippy::print_stderr, reason = "a program says on standard error why it ends")]

mod children;
mod healer;
mod house;
mod live;
mod script;
mod story;
mod summary;
mod truth;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use salve_healer::driver::Handle;
use tokio::time::{Instant, sleep_until};

use crate::house::House;
use crate::script::{RUN, SCRIPT};
use crate::summary::{Struck, Summary, claims};
use crate::truth::Truth;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match args.first().and_then(|arg| arg.to_str()) {
        Some(children::SERVICE) => children::serve(&args[1..]).await,
        Some(children::WORKER) => children::work(&args[1..]).await,
        // On a thread that lives as long as the program: its children end with the thread that started them.
        _ => perform(args).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("heal: {error}");
        ExitCode::from(2)
    })
}

async fn perform(args: Vec<OsString>) -> Result<ExitCode, Failure> {
    let mut args = pico_args::Arguments::from_vec(args);
    let json: Option<PathBuf> = args.opt_value_from_str("--json")?;
    let without_redis = args.contains("--without-redis");
    let rest = args.finish();
    if !rest.is_empty() {
        return Err(format!("unknown arguments {rest:?}; known: --json, --without-redis").into());
    }
    let summary = show(!without_redis && has_redis()).await?;
    let claims = claims(&summary);
    story::print(&summary);
    println!();
    for claim in &claims {
        println!("{} {}", if claim.holds { "holds: " } else { "BROKEN:" }, claim.text);
    }
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_vec_pretty(&summary)?)?;
    }
    Ok(ExitCode::from(u8::from(claims.iter().any(|claim| !claim.holds))))
}

fn has_redis() -> bool {
    match salve_testkit::servers::find("redis-server", "redis-server") {
        Ok(_) => true,
        Err(error) => {
            println!("{error}; the shop goes without a store");
            false
        }
    }
}

/// Breaks both houses by the script, and returns what came of it.
async fn show(redis: bool) -> Result<Summary, Failure> {
    let dir = tempfile::Builder::new().prefix("heal-").tempdir()?;
    let bare = House::open(&dir.path().join("bare"), redis).await?;
    let healed = House::open(&dir.path().join("healed"), redis).await?;
    let config = healer::journal(dir.path());
    let (healer, health) = healer::start(&healed, &config).await?;
    healer::all_healthy(&health).await?;

    let start = Instant::now();
    let truths = [Truth::watch(&bare, start), Truth::watch(&healed, start)];
    let table = tokio::spawn(live::show(start, Handle::clone(&healer), truths.clone()));
    let mut struck = Vec::new();
    for step in SCRIPT.iter().filter(|step| redis || step.target != house::STORE) {
        sleep_until(start + step.at).await;
        let at_ms = start.elapsed().as_secs_f64() * 1e3;
        let wall_ms = salve_core::clock::since_unix_epoch().as_millis() as u64;
        for house in [&bare, &healed] {
            house.strike(step.fault).await?;
        }
        let (fault, target) = (step.fault, step.target.to_owned());
        struck.push(Struck { fault, target, at_ms, wall_ms });
    }
    sleep_until(start + RUN).await;
    table.await?;

    let state = healer.state();
    healer.shut_down().await;
    for house in [bare, healed] {
        Arc::try_unwrap(house).map_err(|_| "a house is still in use")?.end().await?;
    }
    let [bare, healed] = truths;
    let story = story::read(&config, &struck).await?;
    let told_apart = story.state != *state;
    Ok(Summary {
        seconds: RUN.as_secs_f64(),
        redis,
        struck,
        availability: truth::beside(bare, healed),
        incidents: story.incidents,
        learned: story.learned,
        records: story.records,
        told_apart,
    })
}
