//! Programs that the tests start for real, and the Debian packages that bring them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::process::Cmd;
use crate::workspace::Workspace;

/// A program and the package it comes in.
#[derive(Debug, PartialEq, Eq)]
struct Need {
    program: &'static str,
    package: &'static str,
}

const NEEDS: &[Need] = &[
    // Tests of retries, deadlines and stalls against a real SSH server.
    Need { program: "sshd", package: "openssh-server" },
    // A store that dies and comes back.
    Need { program: "redis-server", package: "redis-server" },
    // A database that dies, stalls and comes back.
    Need { program: "initdb", package: "postgresql" },
    // Plugins of the Nagios protocol.
    Need { program: "check_dummy", package: "monitoring-plugins-basic" },
    // Units that are restarted for real, by a manager that is asked over its bus.
    Need { program: "busctl", package: "systemd" },
    Need { program: "dbus.socket", package: "dbus-user-session" },
    // Containers that are restarted for real.
    Need { program: "dockerd", package: "docker.io" },
    // A file system of its own that gets full.
    Need { program: "mount", package: "mount" },
    Need { program: "unshare", package: "util-linux" },
    // What a program asks of the system, and in which order.
    Need { program: "strace", package: "strace" },
];

/// Servers, plugins and units live where a plain user's `PATH` does not look.
const SERVER_FOLDERS: &[&str] =
    &["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/nagios/plugins", "/usr/lib/systemd/user"];

/// Each version of PostgreSQL has a folder of its own in here, with its programs in `bin`.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Prints the missing Debian packages, one a line, for `apt-get install`.
pub(crate) fn print_missing() {
    for need in missing(&folders()) {
        println!("{}", need.package);
    }
}

/// Installs what is missing.
///
/// # Errors
/// When something is missing and this is not root, or there is no `apt-get`, or it fails.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let missing = missing(&folders());
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|need| need.package).collect();
    if !is_root(workspace) || find("apt-get", &folders()).is_none() {
        bail!(advice(&missing));
    }
    let root = &workspace.root;
    Cmd::new("apt-get", root).args(["update"]).run()?;
    Cmd::new("apt-get", root)
        .args(["install", "-y", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()?;
    match self::missing(&folders()).first() {
        Some(need) => bail!("{} is installed and brought no {}", need.package, need.program),
        None => Ok(()),
    }
}

/// What to do about `missing` where this program may not do it.
fn advice(missing: &[&Need]) -> String {
    let list = |part: fn(&Need) -> &str| missing.iter().map(|need| part(need)).collect::<Vec<_>>();
    format!(
        "the tests start real servers and need {}; install it, on Debian: \
         sudo apt-get install --no-install-recommends {}",
        list(|need| need.program).join(", "),
        list(|need| need.package).join(" "),
    )
}

fn missing(folders: &[PathBuf]) -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| find(need.program, folders).is_none()).collect()
}

fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir(POSTGRES).into_iter().flatten().flatten();
    std::env::split_paths(&path)
        .chain(SERVER_FOLDERS.iter().map(PathBuf::from))
        .chain(versions.map(|version| version.path().join("bin")))
        .collect()
}

fn find(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let candidates = folders.iter().map(|folder| folder.join(program));
    candidates.into_iter().find(|path: &PathBuf| Path::is_file(path))
}

fn is_root(workspace: &Workspace) -> bool {
    let id = Cmd::new("id", &workspace.root).args(["-u"]).read();
    id.is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_machine_lacks_everything() {
        let missing = missing(&[PathBuf::from("/nonexistent")]);
        assert_eq!(missing, NEEDS.iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_advice_names_program_and_package() {
        let advice = advice(&NEEDS.iter().collect::<Vec<_>>());
        for need in NEEDS {
            assert!(advice.contains(need.program), "{advice}");
            assert!(advice.contains(need.package), "{advice}");
        }
    }

    #[test]
    fn a_program_is_found_in_its_folder() {
        let cargo = PathBuf::from(env!("CARGO"));
        let name = cargo.file_name().unwrap().to_str().unwrap();
        let folder = cargo.parent().unwrap().to_owned();
        assert_eq!(find(name, &[PathBuf::from("/nonexistent"), folder]), Some(cargo.clone()));
    }
}
