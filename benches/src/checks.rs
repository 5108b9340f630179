//! What thousands of health checks cost: processor time and resident memory of the whole process.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, io};

use salve_health::{Config, Handle, Scope, TargetConfig, TcpCheck};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::clock::{monotonic, process_cpu};
use crate::keys::resident;
use crate::table::Table;

/// The hidden command that accepts connections until its input ends, so that what accepting costs
/// is charged to another process.
pub(crate) const LISTEN: &str = "listen";

const IDLE: usize = 10_000;
const TCP: usize = 1_000;
/// From the first registration on, so that start-up is measured too; then once more.
const SPAN: Duration = Duration::from_secs(120);

/// Runs the checks twice for [`SPAN`] at the default interval of 30 s.
pub(crate) fn measure() -> Result<Table, String> {
    let listener = Listener::start()?;
    let runtime = runtime()?;
    let before = resident()?;
    let registry = Handle::new(Config::new("bench")).map_err(|error| error.to_string())?;
    let mut table = Table::new(
        "10,000 checks that do nothing and 1,000 TCP checks, every 30 s",
        &["span", "results", "% of a core", "MB above idle"],
    );
    runtime.block_on(async {
        let began = (monotonic(), process_cpu());
        register(&registry, &listener.address)?;
        tokio::spawn(registry.clone().run());
        watch(&registry, &mut table, "the first 120 s, start included", began, before).await?;
        let began = (monotonic(), process_cpu());
        watch(&registry, &mut table, "the next 120 s", began, before).await
    })?;
    Ok(table)
}

fn register(registry: &Handle, address: &str) -> Result<(), String> {
    let told = |error: salve_health::RegisterError| error.to_string();
    for nth in 0..IDLE {
        registry.register(TargetConfig::new(format!("idle-{nth}")), || async {}).map_err(told)?;
    }
    for nth in 0..TCP {
        let check = TcpCheck::new(address);
        registry.register(TargetConfig::new(format!("tcp-{nth}")), check).map_err(told)?;
    }
    Ok(())
}

async fn watch(
    registry: &Handle,
    table: &mut Table,
    span: &str,
    (wall, cpu): (Duration, Duration),
    idle: u64,
) -> Result<(), String> {
    tokio::time::sleep(SPAN.saturating_sub(monotonic().saturating_sub(wall))).await;
    let share = (process_cpu() - cpu).as_secs_f64() / (monotonic() - wall).as_secs_f64();
    let above = resident()?.saturating_sub(idle) as f64 / 1e6;
    // Read after measuring: a report of everything is long.
    let report = registry.report(Scope::All);
    let results: u64 = report.targets.iter().map(|target| target.record.results).sum();
    if report.score != Some(100) {
        return Err(format!("not all are healthy: the score is {:?}", report.score));
    }
    table.row([
        span.to_owned(),
        results.to_string(),
        format!("{:.2}", share * 100.0),
        format!("{above:.1}"),
    ]);
    Ok(())
}

fn runtime() -> Result<Runtime, String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("runtime: {error}"))
}

/// A process that accepts connections, ended when this is dropped.
struct Listener {
    child: Child,
    address: String,
}

impl Listener {
    fn start() -> Result<Self, String> {
        let told = |error: io::Error| format!("{LISTEN}: {error}");
        let mut child = Command::new(env::current_exe().map_err(told)?)
            .arg(LISTEN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(told)?;
        let mut address = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut address).map_err(told)?;
        }
        let address = address.trim().to_owned();
        Ok(Self { child, address })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends by itself when its input does.
        let _ = self.child.wait();
    }
}

/// Prints an address and accepts connections there until standard input ends.
#[allow(clippy::print_stdout, reason = "the program that started this one reads it")]
pub(crate) fn listen() -> Result<(), String> {
    let told = |error: io::Error| format!("{LISTEN}: {error}");
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(told)?;
        println!("{}", listener.local_addr().map_err(told)?);
        io::stdout().flush().map_err(told)?;
        let end = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        end.await.map_err(|error| error.to_string())?.map(drop).map_err(told)
    })
}
