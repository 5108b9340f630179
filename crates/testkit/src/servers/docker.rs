//! A real Docker engine with an image that needs no network.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::cgroup::Cgroup;
use super::{Process, UP_WITHIN, find};

/// The image that every engine here has: `/bin/sh` and `/bin/sleep` of this machine.
const IMAGE: &str = "salve-test:1";

/// An engine whose containers have no network. Dropping it ends it with all its containers.
#[derive(Debug)]
pub struct Docker {
    // Ended before its group is removed.
    process: Process,
    _cgroup: Cgroup,
    client: PathBuf,
    dir: PathBuf,
}

impl Docker {
    /// Starts an engine with a folder of its own in `dir`, which must have a short path: a socket is
    /// made in it.
    ///
    /// # Errors
    /// If this program is not root, if there is no `dockerd`, with the package that brings it, or if
    /// it does not come up.
    pub async fn start(dir: &Path) -> io::Result<Self> {
        let engine = find("dockerd", "docker.io")?;
        let client = find("docker", "docker.io")?;
        let dir = dir.join("docker");
        fs::create_dir_all(dir.join("exec"))?;
        let cgroup = Cgroup::new("salve-docker")?;
        let (engine, home) = (engine.display(), dir.display());
        // Groups with processes in them can have none below.
        let then = format!(
            "mkdir /sys/fs/cgroup/init && echo 0 > /sys/fs/cgroup/init/cgroup.procs\n\
             exec {engine} --data-root {home}/data --exec-root {home}/exec --pidfile {home}/pid \
             -H unix://{home}/socket --iptables=false --ip6tables=false --ip-forward=false \
             --bridge=none -l warn"
        );
        let log = File::options().create(true).append(true).open(dir.join("log"))?;
        let args = ["-c".into(), cgroup.script(&then).into()];
        let (stdin, stdout) = (Stdio::null(), Stdio::null());
        let process = Process::spawn(OsStr::new("sh"), &args, stdin, stdout, log.into())?;
        let mut docker = Self { process, _cgroup: cgroup, client, dir };
        let deadline = Instant::now() + UP_WITHIN;
        while docker.ask(&["version"]).await.is_err() {
            if docker.process.has_ended() || Instant::now() >= deadline {
                let log = fs::read_to_string(docker.dir.join("log"))?;
                return Err(io::Error::other(format!("dockerd did not come up: {}", log.trim())));
            }
            sleep(Duration::from_millis(50)).await;
        }
        docker.import().await?;
        Ok(docker)
    }

    /// Makes the image of what a shell needs here, whatever the machine.
    async fn import(&self) -> io::Result<()> {
        let programs = ["/bin/sh", "/bin/sleep"];
        let needed = output(Command::new("ldd").args(programs)).await?;
        // `libc.so.6 => /lib/libc.so.6 (0x..)`, or the loader by its path alone.
        let libraries = needed.split_whitespace().filter(|word| word.starts_with('/'));
        let mut files: Vec<&str> = libraries.filter(|word| !word.ends_with(':')).collect();
        files.extend(programs);
        files.sort_unstable();
        files.dedup();
        let tar = self.dir.join("image.tar");
        let mut pack = Command::new("tar");
        pack.args(["--create", "--dereference", "--absolute-names", "--file"]).arg(&tar);
        output(pack.args(files)).await?;
        let tar = tar.display().to_string();
        self.ask(&["import", &tar, IMAGE]).await.map(|_| ())
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }

    /// Starts a container of this name in which a shell carries out `script`, with more options of
    /// `docker run`.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn run(&self, name: &str, options: &[&str], script: &str) -> io::Result<()> {
        let first = ["run", "--detach", "--network", "none", "--name", name];
        let last = [IMAGE, "/bin/sh", "-c", script];
        self.ask(&[&first[..], options, &last[..]].concat()).await.map(|_| ())
    }

    /// What the client says to these arguments.
    ///
    /// # Errors
    /// If it fails, with what it complains of.
    pub async fn ask(&self, args: &[&str]) -> io::Result<String> {
        let mut address = OsString::from("unix://");
        address.push(self.socket());
        let mut client = Command::new(&self.client);
        client.arg("--host").arg(address).args(args).env("DOCKER_CONFIG", &self.dir);
        output(&mut client).await
    }
}

async fn output(command: &mut Command) -> io::Result<String> {
    let run = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "it took more than a minute");
    let output = timeout(Duration::from_secs(60), run).await.map_err(late)??;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(io::Error::other(said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
