//! The four servers, how each is watched, and how each is broken and mended.

use std::time::Duration;

use salve_checks::plugin::{self, PluginCheck};
use salve_checks::{http, postgres, redis};
use salve_health::{Handle, State, Status, TargetConfig};
use salve_testkit::servers::{Postgres, Process, Redis, Sshd, find};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::Failure;
use crate::origin::Origin;
use crate::summary::Kind;

/// In the order in which they are broken.
pub(crate) const NAMES: [&str; 4] = ["postgres", "redis", "sshd", "http"];

/// How often a target is looked at that is well, and that is not.
pub(crate) const INTERVAL: Duration = Duration::from_millis(200);
const SOON: Duration = Duration::from_millis(100);
/// How long a run may take. A stalled server costs that much a run; one on a busy machine needs some of it.
const TIMEOUT: Duration = Duration::from_millis(1_500);

/// One server with its name and its folder.
pub(crate) struct Watched {
    name: &'static str,
    server: Server,
    _dir: TempDir,
}

enum Server {
    Postgres(Postgres),
    Redis(Redis),
    Sshd(Sshd),
    Http(Origin),
}

impl Watched {
    /// Starts a server and has it watched.
    pub(crate) async fn start(name: &'static str, health: &Handle) -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("watch-").tempdir()?;
        let target = TargetConfig::new(name)
            .with_interval(INTERVAL)
            .with_unhealthy_interval(SOON)
            .with_timeout(TIMEOUT, Status::Fail)
            .with_thresholds(2, 2)
            .with_grace(Duration::ZERO);
        let server = match name {
            "postgres" => {
                let server = Postgres::start(dir.path()).await?;
                let config = postgres::Config::new(server.url()).with_answer("1");
                health.register(target, postgres::PostgresCheck::new(config)?)?;
                Server::Postgres(server)
            }
            "redis" => {
                let server = Redis::start(dir.path(), &[]).await?;
                let config = redis::Config::new(format!("redis://127.0.0.1:{}", server.port()));
                health.register(target, redis::RedisCheck::new(config)?)?;
                Server::Redis(server)
            }
            "sshd" => {
                let server = Sshd::start(dir.path(), name).await?;
                // That somebody accepts says nothing of a stalled server: its banner has to come.
                let program = find("check_ssh", "monitoring-plugins-basic")?;
                let port = server.port().to_string();
                let config = plugin::Config::new(program.to_string_lossy()).with_args([
                    "-t",
                    "5",
                    "-p",
                    &port,
                    "127.0.0.1",
                ]);
                health.register(target, PluginCheck::new(config)?)?;
                Server::Sshd(server)
            }
            _ => {
                let server = Origin::start().await?;
                let url = format!("http://127.0.0.1:{}/health", server.port());
                let config = http::Config::new(url).with_json("/status", "ready");
                health.register(target, http::HttpCheck::new(config)?)?;
                Server::Http(server)
            }
        };
        Ok(Self { name, server, _dir: dir })
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    fn process(&self) -> Result<&Process, Failure> {
        let process = match &self.server {
            Server::Postgres(server) => server.process(),
            Server::Redis(server) => server.process(),
            Server::Sshd(server) => server.process(),
            Server::Http(server) => server.process(),
        };
        process.ok_or_else(|| format!("{} does not run", self.name).into())
    }

    /// Kills it, or stops it where it stands.
    pub(crate) async fn break_down(&mut self, kind: Kind) -> Result<(), Failure> {
        match kind {
            Kind::Killed => Ok(self.kill().await?),
            Kind::Stalled => Ok(self.process()?.freeze()?),
        }
    }

    /// Starts it again, or lets it go on.
    pub(crate) async fn mend(&mut self, kind: Kind) -> Result<(), Failure> {
        match kind {
            Kind::Killed => match &mut self.server {
                Server::Postgres(server) => server.revive().await?,
                Server::Redis(server) => server.revive().await?,
                Server::Sshd(server) => server.revive().await?,
                Server::Http(server) => server.revive().await?,
            },
            Kind::Stalled => self.process()?.thaw()?,
        }
        Ok(())
    }

    async fn kill(&mut self) -> std::io::Result<()> {
        match &mut self.server {
            Server::Postgres(server) => server.kill().await,
            Server::Redis(server) => server.kill().await,
            Server::Sshd(server) => server.kill().await,
            Server::Http(server) => server.kill().await,
        }
    }

    /// Kills it for good, and removes its folder.
    pub(crate) async fn end(mut self) -> std::io::Result<()> {
        self.kill().await
    }
}

/// Waits until every target is healthy.
pub(crate) async fn all_healthy(health: &Handle) -> Result<(), Failure> {
    let mut changes = health.watch();
    let healthy = async {
        while !NAMES.iter().all(|name| health.state(name) == Some(State::Healthy)) {
            // The sender lives as long as the handle.
            let _ = changes.changed().await;
        }
    };
    let waited = timeout(Duration::from_secs(20), healthy).await;
    Ok(waited.map_err(|_| {
        format!("not all are healthy: {:?}", health.report(salve_health::Scope::All))
    })?)
}
