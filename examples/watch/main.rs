//! Watches a PostgreSQL, a Redis, an sshd and an HTTP origin, kills and stalls each, and compares what it
//! saw with what really happened.
//!
//! ```text
//! cargo run --release --example watch -- [--json FILE]
//! ```
//!
//! All four are real servers in processes of their own. A killed server refuses connections; a stalled one is stopped
//! where it stands, as a hung machine would be: it accepts connections and answers nothing. Read on in `watched.rs` for how
//! each is watched, and in `summary.rs` for what is claimed about the run.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]
#![expect(clippy::print_stderr, reason = "a program says on standard error why it ends")]

mod origin;
mod seen;
mod summary;
mod table;
mod watched;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use salve_health::{Config, Handle, State};
use tokio::time::Instant;

use crate::seen::{Change, Seen};
use crate::summary::{Fault, Kind, Summary, claims};
use crate::watched::Watched;

type Failure = Box<dyn Error + Send + Sync>;

/// A fault, and the peace after it, last until they are seen, which is given up after this.
const NEVER: Duration = Duration::from_secs(10);
/// And then so much longer, in which nothing else is to be seen.
const CALM: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match args.first().and_then(|arg| arg.to_str()) {
        Some(origin::ORIGIN) => origin::serve(&args[1..]).await.map(|()| ExitCode::SUCCESS),
        _ => perform(args).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("watch: {error}");
        ExitCode::from(2)
    })
}

async fn perform(args: Vec<OsString>) -> Result<ExitCode, Failure> {
    let mut args = pico_args::Arguments::from_vec(args);
    let json: Option<PathBuf> = args.opt_value_from_str("--json")?;
    let rest = args.finish();
    if !rest.is_empty() {
        return Err(format!("unknown arguments {rest:?}; known: --json").into());
    }
    let summary = show().await?;
    let claims = claims(&summary);
    table::print(&summary);
    println!();
    for claim in &claims {
        println!("{} {}", if claim.holds { "holds: " } else { "BROKEN:" }, claim.text);
    }
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_vec_pretty(&summary)?)?;
    }
    Ok(ExitCode::from(u8::from(claims.iter().any(|claim| !claim.holds))))
}

/// Breaks one server after the other in both ways, and returns what happened and what was seen.
async fn show() -> Result<Summary, Failure> {
    let health = Handle::new(Config::new("watch"))?;
    let mut servers = Vec::new();
    for name in watched::NAMES {
        servers.push(Watched::start(name, &health).await?);
    }
    let driver = tokio::spawn(health.clone().run());
    watched::all_healthy(&health).await?;

    let start = Instant::now();
    let seen = Seen::of(&health, start);
    println!("second  what happened                   what was seen");
    let mut faults = Vec::new();
    for kind in [Kind::Killed, Kind::Stalled] {
        for server in &mut servers {
            let name = server.name();
            seen.tell(&format!("{name} is {kind}"));
            let happened = start.elapsed();
            server.break_down(kind).await?;
            let failed = |it: &[Change]| it.iter().any(|it| it.to == State::Failed);
            let during = seen.until(name, happened, failed).await;
            server.mend(kind).await?;
            let mended = start.elapsed();
            seen.tell(&format!("{name} is back"));
            let healthy =
                |it: &[Change]| it[during.len()..].iter().any(|it| it.to == State::Healthy);
            let after = seen.until(name, happened, healthy).await;
            faults.push(Fault::compare(name, kind, happened, mended, &during, &after));
        }
    }
    let end = start.elapsed();
    driver.abort();
    let changes = seen.count();
    for server in servers {
        server.end().await?;
    }
    Ok(Summary { seconds: end.as_secs_f64(), changes, faults })
}
