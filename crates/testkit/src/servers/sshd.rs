//! A private OpenSSH server on loopback with keys of its own, and the client settings that reach it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::getuid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::{Process, UP_WITHIN, find, free_port};

/// Connections that may be logging in at one time; the server drops every further one at once.
/// Three operations per host stay below it, whatever arrives.
const MAX_STARTUPS: &str = "4:100:8";

/// A running server. Dropping it ends it and every connection to it.
#[derive(Debug)]
pub struct Sshd {
    process: Option<Process>,
    program: PathBuf,
    dir: PathBuf,
    port: u16,
    user: String,
}

impl Sshd {
    /// Starts a server in a new folder `name` in `dir`. As root it lets root in, else the user who runs
    /// it. The server dies with what is returned.
    ///
    /// # Errors
    /// If there is no `sshd`, with the package that brings it, or it does not come up.
    pub async fn start(dir: &Path, name: &str) -> io::Result<Self> {
        let program = find("sshd", "openssh-server")?;
        prepare_privilege_separation()?;
        let dir = dir.join(name);
        fs::create_dir(&dir)?;
        let user = output_of("id", &["-un".as_ref()]).await?;
        for key in ["host", "id"] {
            let file = dir.join(key);
            let args = ["-q", "-t", "ed25519", "-N", "", "-f"].map(OsStr::new);
            output_of("ssh-keygen", &[&args[..], &[file.as_os_str()]].concat()).await?;
        }
        fs::copy(dir.join("id.pub"), dir.join("authorized"))?;
        let port = free_port().await?;
        let host = fs::read_to_string(dir.join("host.pub"))?;
        fs::write(dir.join("known"), format!("[127.0.0.1]:{port} {host}"))?;
        fs::write(dir.join("config"), config(&dir, port))?;
        let mut sshd = Self { process: None, program, dir, port, user };
        sshd.revive().await?;
        Ok(sshd)
    }

    /// Starts a killed server again on its port.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn revive(&mut self) -> io::Result<()> {
        let log = File::options().create(true).append(true).open(self.dir.join("log"))?;
        let args: [OsString; 4] =
            ["-D".into(), "-e".into(), "-f".into(), self.dir.join("config").into()];
        let program = self.program.as_os_str();
        let process = Process::spawn(program, &args, Stdio::null(), Stdio::null(), log.into())?;
        self.process = Some(process);
        self.wait_until_up().await
    }

    /// Kills the server and all its connections, and waits until it is gone.
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

    /// Whom it lets in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Its folder: the private key `id` lets in, and `known` knows the host.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    async fn wait_until_up(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + UP_WITHIN;
        loop {
            match timeout(Duration::from_secs(1), banner(self.port)).await {
                Ok(Ok(banner)) if banner.starts_with("SSH-") => return Ok(()),
                _ if self.process.as_mut().is_none_or(Process::has_ended)
                    || Instant::now() >= deadline =>
                {
                    let log = self.log()?;
                    return Err(io::Error::other(format!("sshd did not come up: {}", log.trim())));
                }
                _ => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Connections that the server dropped because too many were logging in, by its own log.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn dropped_connections(&self) -> io::Result<u64> {
        let dropped =
            |line: &&str| line.contains("drop connection") && line.contains("MaxStartups");
        Ok(self.log()?.lines().filter(dropped).count() as u64)
    }

    fn log(&self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.dir.join("log"))?).into_owned())
    }
}

/// Makes the empty directory that every server run by root needs. It stays: another server may need it for
/// its next connection, and nothing tells us so.
fn prepare_privilege_separation() -> io::Result<()> {
    if getuid().is_root() { fs::create_dir_all("/run/sshd") } else { Ok(()) }
}

/// With a home of its own no shell reads the start-up files of whoever runs this: they may take long,
/// or wait for a lock.
fn config(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "Port {port}\n\
         ListenAddress 127.0.0.1\n\
         HostKey {dir}/host\n\
         AuthorizedKeysFile {dir}/authorized\n\
         PidFile none\n\
         StrictModes no\n\
         UsePAM no\n\
         UseDNS no\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\n\
         PrintMotd no\n\
         PermitUserRC no\n\
         SetEnv HOME={dir}\n\
         LogLevel VERBOSE\n\
         MaxStartups {MAX_STARTUPS}\n"
    )
}

async fn banner(port: u16) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?).read_line(&mut line).await?;
    Ok(line)
}

async fn output_of(program: &str, args: &[&OsStr]) -> io::Result<String> {
    let output = Command::new(program).args(args).output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("{program} failed: {}", said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
