//! A shop whose store dies: it serves less, in order, tells what is stale, and climbs back.
//!
//! ```text
//! cargo run --release --example degrade -- [--seconds 30] [--json FILE]
//! ```
//!
//! The shop is a real HTTP service (axum) in this process, its store a real Redis in a process of
//! its own, which is killed after a fifth of the run and started again at its half. Read on in `shop.rs` for how
//! the shop is built, and in `summary.rs` for what is claimed about the run.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]
#![expect(clippy::print_stderr, reason = "a program says on standard error why it ends")]

#[path = "../redis_line.rs"]
mod redis_line;
mod shop;
mod store;
mod summary;
mod visitors;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::shop::Shop;
use crate::summary::{Moments, Summary, claims};

type Failure = Box<dyn Error + Send + Sync>;

/// The shortest run in which there is time to fall to the worst level and to climb back.
const SHORTEST: u64 = 25;
const LONGEST: u64 = 600;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    perform(args).await.unwrap_or_else(|error| {
        eprintln!("degrade: {error}");
        ExitCode::from(2)
    })
}

async fn perform(args: Vec<OsString>) -> Result<ExitCode, Failure> {
    let mut args = pico_args::Arguments::from_vec(args);
    let seconds: u64 = args.opt_value_from_str("--seconds")?.unwrap_or(30);
    let json: Option<PathBuf> = args.opt_value_from_str("--json")?;
    let rest = args.finish();
    if !rest.is_empty() {
        return Err(format!("unknown arguments {rest:?}; known: --seconds, --json").into());
    }
    if !(SHORTEST..=LONGEST).contains(&seconds) {
        return Err(format!("--seconds is {seconds}, not {SHORTEST} to {LONGEST}").into());
    }
    let summary = show(seconds).await?;
    let claims = claims(&summary);
    println!();
    for claim in &claims {
        println!("{} {}", if claim.holds { "holds: " } else { "BROKEN:" }, claim.text);
    }
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_vec_pretty(&summary)?)?;
    }
    Ok(ExitCode::from(u8::from(claims.iter().any(|claim| !claim.holds))))
}

/// Plays the outage and returns what was seen.
async fn show(seconds: u64) -> Result<Summary, Failure> {
    let dir = tempfile::Builder::new().prefix("degrade-").tempdir()?;
    let mut redis = store::open(dir.path()).await?;
    let shop = Shop::open(&redis).await?;
    let run = Duration::from_secs(seconds);
    let start = Instant::now();
    let visitors = tokio::spawn(visitors::visit(shop.address(), start, run));
    let watched = tokio::spawn(shop.clone().show(start, run));

    sleep_until(start + run / 5).await;
    let killed = start.elapsed();
    redis.kill().await?;
    let dead = start.elapsed();
    sleep_until(start + run / 2).await;
    let asked_while_dead = shop.attempts_that_failed();
    let restarted = start.elapsed();
    redis.revive().await?;

    let visits = visitors.await?;
    watched.await?;
    let levels = shop.levels(start);
    let orders_kept = store::orders(&redis).await?;
    redis.kill().await?;
    let moments = Moments {
        killed_ms: killed.as_secs_f64() * 1e3,
        dead_ms: dead.as_secs_f64() * 1e3,
        restarted_ms: restarted.as_secs_f64() * 1e3,
    };
    Ok(Summary { seconds, moments, levels, asked_while_dead, orders_kept, visits })
}
