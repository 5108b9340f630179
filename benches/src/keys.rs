//! Resident memory per key: a process of its own grows a keyed breaker and reads its own size.

use std::num::NonZeroUsize;
use std::process::Command;
use std::{env, fs};

use salve_circuit_breaker::{Config, KeyedHandle};
use salve_core::RegistryConfig;

use crate::table::Table;

/// The hidden command that grows one keyed breaker and prints bytes per key.
pub(crate) const GROW: &str = "grow-keys";

const KEYS: NonZeroUsize = NonZeroUsize::new(1_000_000).expect("a million is not zero");

/// Lets a fresh process measure, whose allocator has nothing free from before.
pub(crate) fn measure() -> Result<Table, String> {
    let program = env::current_exe().map_err(|error| format!("own path: {error}"))?;
    let output = Command::new(program)
        .args([GROW, &KEYS.to_string()])
        .output()
        .map_err(|error| format!("own program cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("{GROW}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let each = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut table = Table::new(
        "Resident memory per key, table and idle data included",
        &["case", "keys", "bytes per key"],
    );
    table.row(["salve keyed breaker, consecutive failures".to_owned(), KEYS.to_string(), each]);
    Ok(table)
}

/// Makes a breaker for each of so many keys, each with one success, and returns by how many bytes
/// the process has grown for each.
pub(crate) fn grow(keys: usize) -> Result<f64, String> {
    let config = Config::new("bench").without_rules().with_consecutive_failures(5);
    let bounds = RegistryConfig::default().with_max_keys(keys);
    let hosts = KeyedHandle::<String>::new(config, bounds).map_err(|error| error.to_string())?;
    let before = resident()?;
    for number in 0..keys {
        let permit = hosts.admit(&*format!("vps:{number:06}"));
        permit.map_err(|rejection| rejection.to_string())?.success();
    }
    let after = resident()?;
    let kept = hosts.registry_counts().keys;
    if kept == keys {
        Ok((after - before) as f64 / keys as f64)
    } else {
        Err(format!("{kept} keys are kept instead of {keys}"))
    }
}

/// `VmRSS` of this process, in bytes.
pub(crate) fn resident() -> Result<u64, String> {
    let status = fs::read_to_string("/proc/self/status")
        .map_err(|error| format!("/proc/self/status: {error}"))?;
    kilobytes(&status).map(|kb| kb * 1_024).ok_or_else(|| format!("no VmRSS in:\n{status}"))
}

fn kilobytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_its_line() {
        assert_eq!(kilobytes("VmPeak:\t  10 kB\nVmRSS:\t    4321 kB\n"), Some(4_321));
        assert_eq!(kilobytes("VmPeak:\t  10 kB\n"), None);
    }

    #[test]
    fn the_process_grows_with_its_keys() {
        assert!(grow(20_000).is_ok_and(|each| each > 100.0));
    }
}
