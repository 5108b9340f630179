//! A private OpenSSH server on loopback with keys of its own, and the client settings that reach it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use openssh::{ControlPersist, KnownHosts, SessionBuilder};
use rustix::process::getuid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::origin::free_port;
use crate::process::Process;

/// Connections that may be logging in at one time; the server drops every further one at once.
/// Three operations per host stay below it, whatever arrives.
const MAX_STARTUPS: &str = "4:100:8";
/// What to do where there is no server.
pub(crate) const INSTALL: &str = "sshd not found: install it with `apt-get install openssh-server`";

/// A running server. Dropping it ends it and every connection to it.
#[derive(Debug)]
pub(crate) struct Sshd {
    process: Process,
    dir: PathBuf,
    port: u16,
    user: String,
}

/// The absolute path of the server, which it insists on, or `None` where it is not installed.
pub(crate) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/usr/bin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(usual)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("sshd"))
        .find(|file| file.is_file())
}

impl Sshd {
    /// Starts a server in `dir`/`name`. As root it lets root in, else the user who runs it.
    pub(crate) async fn start(program: &Path, dir: &Path, name: &str) -> io::Result<Self> {
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
        let log = File::create(dir.join("log"))?;
        let args: [OsString; 4] =
            ["-D".into(), "-e".into(), "-f".into(), dir.join("config").into()];
        let process =
            Process::spawn(program.as_os_str(), &args, Stdio::null(), Stdio::null(), log.into())?;
        let mut sshd = Self { process, dir, port, user };
        sshd.wait_until_up().await?;
        Ok(sshd)
    }

    async fn wait_until_up(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match timeout(Duration::from_secs(1), banner(self.port)).await {
                Ok(Ok(banner)) if banner.starts_with("SSH-") => return Ok(()),
                _ if self.process.has_ended() || Instant::now() >= deadline => {
                    let log = self.log()?;
                    return Err(io::Error::other(format!("sshd did not come up: {}", log.trim())));
                }
                _ => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// How to reach this server; nothing of the user's own settings, agent or known hosts is read.
    pub(crate) fn client(&self) -> (SessionBuilder, String) {
        let mut builder = SessionBuilder::default();
        builder
            .user(self.user.clone())
            .port(self.port)
            .keyfile(self.dir.join("id"))
            .config_file("none")
            .user_known_hosts_file(self.dir.join("known"))
            .known_hosts_check(KnownHosts::Strict)
            .control_directory(&self.dir)
            // Should we be killed, the master that `ssh` leaves in the background ends by itself.
            .control_persist(ControlPersist::IdleFor(
                std::num::NonZeroUsize::MIN.saturating_add(1),
            ));
        (builder, "127.0.0.1".to_owned())
    }

    /// Connections that the server dropped because too many were logging in, by its own log.
    pub(crate) fn dropped_connections(&self) -> io::Result<u64> {
        let dropped =
            |line: &&str| line.contains("drop connection") && line.contains("MaxStartups");
        Ok(self.log()?.lines().filter(dropped).count() as u64)
    }

    fn log(&self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.dir.join("log"))?).into_owned())
    }

    /// Ends the server and all its connections, and waits until it is gone.
    pub(crate) async fn end(self) -> io::Result<()> {
        self.process.end().await
    }
}

/// The directory that a server run by root needs. Removed on drop if it was not there before.
#[derive(Debug)]
pub(crate) struct PrivilegeSeparation(Option<&'static Path>);

impl PrivilegeSeparation {
    pub(crate) fn prepare() -> io::Result<Self> {
        let dir = Path::new("/run/sshd");
        if !getuid().is_root() || dir.is_dir() {
            return Ok(Self(None));
        }
        fs::create_dir(dir)?;
        Ok(Self(Some(dir)))
    }
}

impl Drop for PrivilegeSeparation {
    fn drop(&mut self) {
        if let Some(dir) = self.0 {
            // It stays if another server has begun to use it.
            let _ = fs::remove_dir(dir);
        }
    }
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
