//! The stage: one lane per client and style, each with a server of its own, and the faults done to it.
//!
//! Each lane has its own server so that what one player does to its server never falls on another.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::time::{Instant, sleep_until};
use tower::BoxError;

use crate::ledger::Ledger;
use crate::origin::{Manner, Mode, Origin};
use crate::players::{self, Player, Style};
use crate::schedule::{Fault, SCRIPT, Step, window};
use crate::ssh;
use salve_testkit::servers::Sshd;

/// The server at the end of a lane.
#[derive(Debug)]
pub(crate) enum Server {
    Http(Origin),
    Ssh(Sshd),
}

/// One client in one style, with its server, its record and the faults it met.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) client: &'static str,
    pub(crate) style: Style,
    pub(crate) server: Server,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) faults: Vec<Window>,
}

/// A step of the script with the times at which it really began and ended in a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) step: &'static Step,
    pub(crate) from: Duration,
    /// `None` while it lasts.
    pub(crate) until: Option<Duration>,
}

/// Starts every server. Without an `sshd` the lanes of `openssh` are left out, and it is said so.
pub(crate) async fn servers(dir: &Path) -> io::Result<Vec<(&'static str, Style, Server)>> {
    let mut servers = Vec::new();
    for client in ["reqwest", "hyper-util"] {
        for style in Style::ALL {
            let origin = Origin::start(dir, &format!("{client}-{}", style.name())).await?;
            servers.push((client, style, Server::Http(origin)));
        }
    }
    for style in Style::ALL {
        match Sshd::start(dir, style.name()).await {
            Ok(sshd) => servers.push(("openssh", style, Server::Ssh(sshd))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                println!("{error}; its lanes are left out");
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(servers)
}

impl Lane {
    pub(crate) fn new(
        (client, style, server): (&'static str, Style, Server),
        start: Instant,
    ) -> Self {
        let ledger = Arc::new(Ledger::new(start));
        Self { client, style, server, ledger, faults: Vec::new() }
    }

    /// Whoever sends the calls of this lane.
    pub(crate) fn player(&self) -> Result<Arc<dyn Player>, BoxError> {
        let ledger = Arc::clone(&self.ledger);
        match &self.server {
            Server::Http(origin) if self.client == "reqwest" => {
                players::reqwest(self.style, origin.port, ledger)
            }
            Server::Http(origin) => players::hyper_util(self.style, origin.port, ledger),
            Server::Ssh(sshd) => players::openssh(self.style, ssh::client(sshd), ledger),
        }
    }

    pub(crate) fn is_ssh(&self) -> bool {
        matches!(self.server, Server::Ssh(_))
    }

    /// `at` is when the step was to begin: a storm does, as its waves are drawn for that moment.
    async fn begin(&mut self, step: &'static Step, start: Instant, at: Duration) -> io::Result<()> {
        let from = if self.is_ssh() { at } else { start.elapsed() };
        self.faults.push(Window { step, from, until: None });
        let Server::Http(origin) = &mut self.server else { return Ok(()) };
        match step.fault {
            Fault::Kill => origin.kill().await,
            Fault::Stall => origin.freeze(),
            Fault::Restart => {
                origin.kill().await?;
                origin.revive().await
            }
            Fault::Manner(manner) => origin.behave(manner).await,
            Fault::Storm(_) => Ok(()),
        }
    }

    async fn finish(&mut self, step: &'static Step, start: Instant) -> io::Result<()> {
        if let Server::Http(origin) = &mut self.server {
            match step.fault {
                Fault::Kill => origin.revive().await?,
                Fault::Stall => origin.thaw()?,
                Fault::Manner(_) => origin.behave(Manner { mode: Mode::Ok, tenths: 10 }).await?,
                Fault::Restart | Fault::Storm(_) => {}
            }
        }
        if let Some(last) = self.faults.last_mut() {
            last.until = Some(start.elapsed());
        }
        Ok(())
    }
}

/// Does to all lanes what the script says, when it says so. Runs on the main thread, because it
/// starts processes.
pub(crate) async fn direct(lanes: &mut [Lane], start: Instant, run: Duration) -> io::Result<()> {
    let mut cues: Vec<_> = SCRIPT
        .iter()
        .flat_map(|step| {
            let (from, until) = window(step, run);
            [(from, step, true), (until, step, false)]
        })
        .collect();
    cues.sort_by_key(|&(at, ..)| at);
    for (at, step, begins) in cues {
        sleep_until(start + at).await;
        let concerned = lanes.iter_mut().filter(|lane| lane.is_ssh() == step.fault.is_ssh());
        try_join_all(concerned.map(async |lane| match begins {
            true => lane.begin(step, start, at).await,
            false => lane.finish(step, start).await,
        }))
        .await?;
    }
    Ok(())
}

/// Ends every server and waits until it is gone.
pub(crate) async fn clear(lanes: Vec<Lane>) -> io::Result<()> {
    let ends = lanes.into_iter().map(async |lane| match lane.server {
        Server::Http(mut origin) => origin.kill().await,
        Server::Ssh(mut sshd) => sshd.kill().await,
    });
    join_all(ends).await.into_iter().collect()
}
