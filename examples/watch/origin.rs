//! The HTTP origin: an axum server in a process of its own.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use salve_testkit::servers::{Process, free_port};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::Failure;

/// The hidden sub-command that [`serve`] serves.
pub(crate) const ORIGIN: &str = "origin";

/// A running origin. Dropping it kills it.
pub(crate) struct Origin {
    process: Option<Process>,
    port: u16,
}

impl Origin {
    pub(crate) async fn start() -> io::Result<Self> {
        let mut origin = Self { process: None, port: free_port().await? };
        origin.revive().await?;
        Ok(origin)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        match self.process.take() {
            Some(process) => process.end().await,
            None => Ok(()),
        }
    }

    /// Starts it again on its port; returns once it accepts connections.
    pub(crate) async fn revive(&mut self) -> io::Result<()> {
        let program = std::env::current_exe()?;
        let args: [OsString; 2] = [ORIGIN.into(), self.port.to_string().into()];
        let (stdin, stdout, stderr) = (Stdio::null(), Stdio::null(), Stdio::inherit());
        let mut process = Process::spawn(program.as_os_str(), &args, stdin, stdout, stderr)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if process.has_ended() || Instant::now() >= deadline {
                return Err(io::Error::other("the origin did not come up"));
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.process = Some(process);
        Ok(())
    }
}

/// Is the origin, until it is killed.
pub(crate) async fn serve(args: &[OsString]) -> Result<(), Failure> {
    let port = args.first().and_then(|arg| arg.to_str()).ok_or("origin needs: PORT")?;
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    let routes = Router::new().route("/health", get(|| async { r#"{"status":"ready"}"# }));
    Ok(axum::serve(listener, routes).await?)
}
