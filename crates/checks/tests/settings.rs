//! Settings stand in files: what is written is read again, what is unknown is refused.
#![cfg(feature = "serde")]

use std::fmt::Debug;
use std::time::Duration;

use salve_checks::{Thresholds, cache, dns, drift, failures, heartbeat, jobs, queue};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[track_caller]
fn goes_round<T: Serialize + DeserializeOwned + PartialEq + Debug>(config: &T) {
    let text = toml::to_string(config).unwrap();
    assert_eq!(&toml::from_str::<T>(&text).unwrap(), config, "{text}");
    let more = format!("nonsense = 1\n{text}");
    assert!(toml::from_str::<T>(&more).unwrap_err().message().contains("nonsense"));
}

#[test]
fn what_is_written_is_read_again() {
    goes_round(&cache::Config::default().with_latency(Thresholds::rising(1.5, 2.0)));
    goes_round(&dns::Config::new("shop.example").with_addresses(["192.0.2.1".parse().unwrap()]));
    goes_round(&drift::Config::default());
    goes_round(&heartbeat::Config::default().with_pause(Duration::from_millis(1_500)));
    goes_round(&failures::Config::default());
    goes_round(&jobs::Config::default());
    goes_round(&queue::Config::default().with_waiting(Thresholds::NONE));
}

#[cfg(all(
    feature = "cve",
    feature = "disk",
    feature = "docker",
    feature = "http",
    feature = "plugin",
    feature = "postgres",
    feature = "redis",
    feature = "systemd",
    feature = "tls"
))]
#[test]
fn those_behind_features_too() {
    use salve_checks::{cve, disk, docker, http, plugin, postgres, redis, systemd, tls};

    goes_round(&cve::Config::default());
    goes_round(&disk::Config::new("/var"));
    goes_round(&docker::Config::new("web"));
    let http = http::Config::new("http://u:p@shop/").with_header("x-token", "t");
    goes_round(&http.with_json("/up", "true").with_statuses([200, 204]));
    goes_round(&plugin::Config::new("/bin/check").with_args(["-w", "1"]).with_env("A", "b"));
    goes_round(&postgres::Config::new("postgres://u:p@db/").with_answer("1"));
    goes_round(&redis::Config::new("redis://:p@cache/"));
    goes_round(&systemd::Config::new("nginx.service").with_bus("unix:path=/run/bus"));
    goes_round(&tls::Config::new("shop").with_trust(tls::Trust::Roots("PEM".to_owned())));
}

#[cfg(all(
    target_os = "linux",
    feature = "cpu",
    feature = "descriptors",
    feature = "load",
    feature = "memory",
    feature = "process"
))]
#[test]
fn those_of_this_machine_too() {
    use salve_checks::{cpu, descriptors, load, memory, process};

    goes_round(&cpu::Config::default());
    goes_round(&descriptors::Config::default().with_whose(descriptors::Whose::Process(7)));
    goes_round(&load::Config::default());
    goes_round(&memory::Config::default());
    goes_round(&process::Config::new(process::Which::Name("nginx".to_owned())));
    goes_round(&process::Config::new(process::Which::Pid { pid: 7, started: None }));
}

#[test]
fn thresholds_are_short_in_a_file() {
    let config: queue::Config = toml::from_str("waiting = { warn = 10, fail = false }").unwrap();
    assert_eq!(config.waiting, Thresholds::rising(10.0, 0.0).without_fail());
    assert_eq!(config.failed_last_hour, queue::Config::default().failed_last_hour);
}
