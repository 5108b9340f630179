//! A game day: a shop is broken on purpose while its customers are served, and a report says what held.
//!
//! ```text
//! cargo run --release --example chaos_drill -- [--json FILE] [--markdown FILE]
//! ```
//!
//! The shop is a real HTTP service with a real Redis behind it. Two clients send it the same calls: one is bare, one has
//! salve's stack around it. Faults strike a tenth of the calls of each, and are compared with another tenth that
//! they spare; then Redis is paused, by a guard that takes that back whatever happens, and killed, which the healer has
//! to notice and repair. Read on in `day.rs` for what is tried, and in `summary.rs` for what is claimed about the run.

#![expect(clippy::print_stdout, reason = "the report is what this program is for")]
#![expect(clippy::print_stderr, reason = "a program says on standard error why it ends")]

mod customers;
mod day;
#[path = "../redis_line.rs"]
mod redis_line;
mod shop;
mod store;
mod summary;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::summary::claims;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    perform().await.unwrap_or_else(|error| {
        eprintln!("chaos_drill: {error}");
        ExitCode::from(2)
    })
}

async fn perform() -> Result<ExitCode, Failure> {
    let mut args = pico_args::Arguments::from_env();
    let json: Option<PathBuf> = args.opt_value_from_str("--json")?;
    let markdown: Option<PathBuf> = args.opt_value_from_str("--markdown")?;
    let rest = args.finish();
    if !rest.is_empty() {
        return Err(format!("unknown arguments {rest:?}; known: --json, --markdown").into());
    }
    let (summary, report) = day::spend().await?;
    let claims = claims(&summary);
    println!();
    for claim in &claims {
        println!("{} {}", if claim.holds { "holds: " } else { "BROKEN:" }, claim.text);
    }
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_vec_pretty(&summary)?)?;
    }
    if let Some(file) = markdown {
        std::fs::write(file, report)?;
    }
    Ok(ExitCode::from(u8::from(claims.iter().any(|claim| !claim.holds))))
}
