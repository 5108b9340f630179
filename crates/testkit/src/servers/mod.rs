//! Real servers on loopback, each a child process with a folder of its own that can be killed,
//! stopped where it stands, and started again.

mod cgroup;
mod docker;
mod postgres;
mod process;
mod redis;
mod sshd;
mod systemd;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpListener;

pub use docker::Docker;
pub use postgres::Postgres;
pub use process::Process;
pub use redis::Redis;
pub use sshd::Sshd;
pub use systemd::Systemd;

/// Linux hands out 32768..=60999 to outgoing connections. A port from there could be taken while a
/// server is dead, even by a client that thereby connects to itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A server that is not up by then never will be. One second is usual; a machine may be busy.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// A port of loopback that nobody listens on.
///
/// # Errors
/// If none of a hundred is free.
pub async fn free_port() -> io::Result<u16> {
    for _ in 0..100 {
        let port = fastrand::u16(PORTS);
        if TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other(format!("no free port found in {PORTS:?}")))
}

/// Where `program` is: in the `PATH`, or where servers and plugins live, which a plain user's
/// `PATH` leaves out.
///
/// # Errors
/// If it is nowhere: which Debian `package` brings it.
pub fn find(program: &str, package: &str) -> io::Result<PathBuf> {
    const FOLDERS: [&str; 5] =
        ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/usr/lib/nagios/plugins"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    let files = folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(program));
    files.chain(postgres::files(program)).find(|file| file.is_file()).ok_or_else(|| {
        let text = format!("{program} not found: install it with `apt-get install {package}`");
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}
