//! A real PostgreSQL on loopback.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::{Process, UP_WITHIN, find, free_port};

/// As whom it runs where this program is root, which it refuses to be.
const USER: &str = "postgres";

/// A server whose superuser `postgres` needs no password. Dropping it kills it.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    program: PathBuf,
    dir: PathBuf,
    port: u16,
}

/// Where Debian keeps the programs of its versions, the newest first.
pub(super) fn files(program: &str) -> impl Iterator<Item = PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path()).collect();
    versions.sort();
    let files = versions.into_iter().rev().map(|version| version.join("bin"));
    files.map({
        let program = program.to_owned();
        move |folder| folder.join(&program)
    })
}

impl Postgres {
    /// Makes a database in `dir` and starts a server. `dir` must be its own: it is given to the user
    /// `postgres` where this program is root.
    ///
    /// # Errors
    /// If there is no `postgres`, with the package that brings it, or it does not come up.
    pub async fn start(dir: &Path) -> io::Result<Self> {
        let initdb = find("initdb", "postgresql")?;
        let program = find("postgres", "postgresql")?;
        let data = dir.join("postgres");
        fs::create_dir(&data)?;
        own(&[dir, &data]).await?;
        let words = ["-A", "trust", "-U", USER, "--no-sync", "--no-instructions", "-E", "UTF8"];
        let mut args: Vec<OsString> = words.map(OsString::from).into();
        args.extend(["--locale=C".into(), "-D".into(), data.clone().into()]);
        let mut made = Process::spawn_as(USER, initdb.as_os_str(), &args, Stdio::inherit())?;
        let deadline = Instant::now() + UP_WITHIN;
        while !made.has_ended() && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        if !data.join("PG_VERSION").is_file() {
            return Err(io::Error::other("initdb made no database"));
        }
        let mut server = Self { process: None, program, dir: data, port: free_port().await? };
        server.revive().await?;
        Ok(server)
    }

    /// Starts a killed server again on its port; returns once it takes queries.
    ///
    /// # Errors
    /// If it does not come up, with its log.
    pub async fn revive(&mut self) -> io::Result<()> {
        // What a killed server leaves behind would be taken for one that runs.
        let _ = fs::remove_file(self.dir.join("postmaster.pid"));
        let mut args: Vec<OsString> = vec!["-D".into(), self.dir.clone().into(), "-p".into()];
        args.push(self.port.to_string().into());
        let sockets = format!("unix_socket_directories={}", self.dir.display());
        for setting in ["listen_addresses=127.0.0.1", &sockets, "fsync=off", "max_connections=20"] {
            args.extend(["-c".into(), setting.into()]);
        }
        args.extend(["-c".into(), "shared_buffers=16MB".into()]);
        let log_file = self.dir.with_extension("log");
        let log = File::options().create(true).append(true).open(&log_file)?;
        let mut process = Process::spawn_as(USER, self.program.as_os_str(), &args, log.into())?;
        let deadline = Instant::now() + UP_WITHIN;
        while !timeout(Duration::from_secs(1), accepts(self.port)).await.is_ok_and(|it| it.is_ok())
        {
            if process.has_ended() || Instant::now() >= deadline {
                let log = fs::read_to_string(&log_file).unwrap_or_default();
                return Err(io::Error::other(format!("postgres did not come up: {log}")));
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// Kills the server and its workers without a word of warning.
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

    /// A URL of it, without a password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }
}

/// Gives folders to the user who is to run the server, where this program is root.
async fn own(folders: &[&Path]) -> io::Result<()> {
    if !rustix::process::getuid().is_root() {
        return Ok(());
    }
    let user = OsStr::new(USER);
    let given = tokio::process::Command::new("chown").arg(user).args(folders).status().await?;
    if given.success() { Ok(()) } else { Err(io::Error::other(format!("there is no user {USER}"))) }
}

/// Asks for a session, and sees whether it may begin.
async fn accepts(port: u16) -> io::Result<()> {
    let mut line = TcpStream::connect(("127.0.0.1", port)).await?;
    let words = b"user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(words.len() + 8).unwrap_or(u32::MAX);
    let mut hello = length.to_be_bytes().to_vec();
    // Version 3.0 of the protocol.
    hello.extend(196_608_u32.to_be_bytes());
    hello.extend(words);
    line.write_all(&hello).await?;
    // An `R` asks for or grants a session; an `E` is an error.
    if line.read_u8().await? == b'R' { Ok(()) } else { Err(io::Error::other("it is not ready")) }
}
