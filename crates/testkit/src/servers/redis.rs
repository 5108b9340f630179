//! A real Redis on loopback.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::{Process, UP_WITHIN, find, free_port};

/// A server that keeps what it is told in a file, and finds it again. Dropping it kills it.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    program: PathBuf,
    dir: PathBuf,
    port: u16,
    more: Vec<OsString>,
}

impl Redis {
    /// Starts a server whose files are in `dir`, with further arguments.
    ///
    /// # Errors
    /// If there is no `redis-server`, with the package that brings it, or it does not come up.
    pub async fn start(dir: &Path, more: &[&str]) -> io::Result<Self> {
        let program = find("redis-server", "redis-server")?;
        let (dir, port) = (dir.to_owned(), free_port().await?);
        let more = more.iter().map(OsString::from).collect();
        let mut redis = Self { process: None, program, dir, port, more };
        redis.revive().await?;
        Ok(redis)
    }

    /// Starts a killed server again on its port; returns once it has read its file and answers.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn revive(&mut self) -> io::Result<()> {
        let port = self.port.to_string();
        // While it syncs its file, which a slow disk drags out, it answers before it has written. Written is
        // enough to outlive a kill.
        let args = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "yes"];
        let args = args.into_iter().chain(["--appendfsync", "no"]);
        let args = args.map(OsString::from);
        let args = args.chain(["--dir".into(), self.dir.clone().into()]);
        let args: Vec<OsString> = args.chain(self.more.iter().cloned()).collect();
        let (stdin, stdout, stderr) = (Stdio::null(), Stdio::null(), Stdio::inherit());
        let program = self.program.as_os_str();
        let mut process = Process::spawn(program, &args, stdin, stdout, stderr)?;
        let deadline = Instant::now() + UP_WITHIN;
        // It answers before it has read its file again, but with an error. A password is one, too.
        while !timeout(Duration::from_secs(1), answers(self.port)).await.is_ok_and(|it| it.is_ok())
        {
            if process.has_ended() || Instant::now() >= deadline {
                return Err(io::Error::other("redis-server did not come up"));
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// Kills the server without a word of warning.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub async fn kill(&mut self) -> io::Result<()> {
        match self.process.take() {
            Some(process) => process.end().await,
            None => Ok(()),
        }
    }

    /// The server itself, unless it was killed.
    #[must_use]
    pub const fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Where it listens on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

async fn answers(port: u16) -> io::Result<()> {
    let mut line = TcpStream::connect(("127.0.0.1", port)).await?;
    line.write_all(b"PING\r\n").await?;
    let mut answer = [0; 5];
    line.read_exact(&mut answer).await?;
    match &answer {
        b"+PONG" | b"-NOAU" => Ok(()),
        _ => Err(io::Error::other("it is not ready")),
    }
}
