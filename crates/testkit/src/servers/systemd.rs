//! A real systemd that manages the units of a test, as it does those of a user.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::cgroup::Cgroup;
use super::{Process, UP_WITHIN, find};

/// Where every distribution keeps it.
const MANAGER: &str = "/lib/systemd/systemd";

/// A manager with a bus of its own. Dropping it ends it with all its units.
#[derive(Debug)]
pub struct Systemd {
    // Ended before its group is removed.
    _process: Process,
    _cgroup: Cgroup,
    busctl: PathBuf,
    dir: PathBuf,
}

impl Systemd {
    /// Starts a manager that knows these units, each by its name and its text; none of them is
    /// started. `dir` must have a short path: a socket is made in it.
    ///
    /// # Errors
    /// If this program is not root, if there is no systemd or no bus, with the package that brings
    /// it, or if it does not come up.
    pub async fn start(dir: &Path, units: &[(&str, &str)]) -> io::Result<Self> {
        // That brings the units of the bus to a user's manager.
        let bus = Path::new("/usr/lib/systemd/user/dbus.socket");
        if !Path::new(MANAGER).is_file() || !bus.is_file() {
            let why = "systemd and its bus not found: install them with `apt-get install systemd dbus-user-session`";
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        let busctl = find("busctl", "systemd")?;
        let dir = dir.join("systemd");
        let known = dir.join("home/.config/systemd/user");
        fs::create_dir_all(&known)?;
        // The manager refuses one that others can read.
        fs::DirBuilder::new().mode(0o700).create(dir.join("run"))?;
        for (name, text) in units {
            fs::write(known.join(name), text)?;
        }
        let cgroup = Cgroup::new("salve-systemd")?;
        let home = dir.display();
        let then = format!(
            "mkdir -p /run/systemd/system\n\
             env -u DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR={home}/run HOME={home}/home \
             XDG_CONFIG_HOME={home}/home/.config SYSTEMD_LOG_TARGET=console \
             {MANAGER} --user --unit=basic.target --log-level=warning & wait $!"
        );
        let log = File::options().create(true).append(true).open(dir.join("log"))?;
        let args = ["-c".into(), cgroup.script(&then).into()];
        let (stdin, stdout) = (Stdio::null(), Stdio::null());
        let mut process = Process::spawn(OsStr::new("sh"), &args, stdin, stdout, log.into())?;
        let deadline = Instant::now() + UP_WITHIN;
        let address = format!("unix:path={home}/run/bus");
        while call(&busctl, &address, "get-property", &["Version"]).await.is_err() {
            if process.has_ended() || Instant::now() >= deadline {
                let log = fs::read_to_string(dir.join("log"))?;
                return Err(io::Error::other(format!("systemd did not come up: {}", log.trim())));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { _process: process, _cgroup: cgroup, busctl, dir })
    }

    /// Kills all processes of a unit without a word of warning. The manager notices a little later.
    ///
    /// # Errors
    /// If there is no such unit.
    pub async fn kill(&self, unit: &str) -> io::Result<()> {
        call(&self.busctl, &self.bus(), "call", &["KillUnit", "ssi", unit, "all", "9"]).await
    }

    /// The address of its bus.
    #[must_use]
    pub fn bus(&self) -> String {
        format!("unix:path={}/run/bus", self.dir.display())
    }
}

/// Asks the manager something, within 10 s.
async fn call(busctl: &Path, address: &str, method: &str, args: &[&str]) -> io::Result<()> {
    let mut ask = Command::new(busctl);
    ask.arg(format!("--address={address}")).args([
        method,
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager",
    ]);
    let asked = ask.args(args).kill_on_drop(true).output();
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the manager does not answer");
    let answer = timeout(Duration::from_secs(10), asked).await.map_err(late)??;
    if !answer.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&answer.stderr).trim().to_owned()));
    }
    Ok(())
}
