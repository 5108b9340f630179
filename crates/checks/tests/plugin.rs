//! Monitoring plugins: those of Debian, and scripts that misbehave.
#![cfg(feature = "plugin")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use salve_checks::plugin::{Config, PluginCheck};
use salve_health::{Check, Finding, Status};
use salve_testkit::servers::{Sshd, find};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(30);

fn of_debian(name: &str) -> String {
    let file = find(name, "monitoring-plugins-basic").unwrap();
    file.to_str().unwrap().to_owned()
}

async fn found(config: Config) -> Finding {
    let check = PluginCheck::new(config).unwrap();
    timeout(DEADLINE, check.run()).await.expect("an answer in time")
}

fn script(dir: &Path, text: &str) -> Config {
    let file = dir.join("plugin");
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    // By the shell, as a script that another thread still holds open for writing cannot be run.
    Config::new("/bin/sh").with_args([file.to_str().unwrap()])
}

#[tokio::test]
async fn the_four_exit_codes_are_the_four_statuses() {
    let dummy = of_debian("check_dummy");
    for (code, status) in
        [("0", Status::Pass), ("1", Status::Warn), ("2", Status::Fail), ("3", Status::Unknown)]
    {
        let finding = found(Config::new(&*dummy).with_args([code, "it | a=3B;1;2"])).await;
        assert_eq!(finding.status, status, "{finding:?}");
        let expected = finding.reason.as_deref().is_none_or(|reason| reason.ends_with("it"));
        assert!(expected && finding.reason.is_some() == (code != "0"), "{finding:?}");
        let value = finding.value.unwrap();
        assert_eq!((value.value, &*value.unit), (3.0, "B"));
    }
}

#[tokio::test]
async fn plugins_of_debian_measure_this_machine() {
    let disk = |warn, critical| {
        let args = ["-w", warn, "-c", critical, "-p", "/"];
        found(Config::new(of_debian("check_disk")).with_args(args).with_value("/"))
    };
    let plenty = disk("1", "0").await;
    assert_eq!(plenty.status, Status::Pass, "{plenty:?}");
    assert!(plenty.value.is_some_and(|it| it.value > 0.0 && it.unit.ends_with('B')));
    let full = disk("100%", "100%").await;
    assert_eq!(full.status, Status::Fail, "{full:?}");
    assert!(full.reason.unwrap().starts_with("DISK CRITICAL"));

    let load = Config::new(of_debian("check_load")).with_args(["-w", "9999", "-c", "9999"]);
    let check = PluginCheck::new(load).unwrap();
    let (ended, output) = timeout(DEADLINE, check.output()).await.unwrap().unwrap();
    assert!(ended.success());
    let labels: Vec<_> = output.data.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(labels, ["load1", "load5", "load15"]);
    assert!(output.data.iter().all(|it| {
        let (value, warn) = (it.value.unwrap(), it.warn.unwrap());
        value >= 0.0 && !warn.alerts(value) && warn.alerts(10_000.0)
    }));
}

#[tokio::test]
async fn plugins_of_debian_watch_real_servers() {
    let dir = tempfile::tempdir().unwrap();
    let mut sshd = Sshd::start(dir.path(), "sshd").await.unwrap();
    let port = sshd.port().to_string();
    let ssh = || {
        let args = ["-t", "20", "-p", &port, "127.0.0.1"];
        found(Config::new(of_debian("check_ssh")).with_args(args).with_value("time"))
    };
    let up = ssh().await;
    assert_eq!(up.status, Status::Pass, "{up:?}");
    assert!(up.value.is_some_and(|it| it.unit == "s"));
    sshd.kill().await.unwrap();
    let down = ssh().await;
    assert_eq!(down.status, Status::Fail, "{down:?}");

    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let tcp = Config::new(of_debian("check_tcp")).with_args(["-H", "127.0.0.1", "-p", &port]);
    assert_eq!(found(tcp).await.status, Status::Pass);
}

#[tokio::test]
async fn a_plugin_that_cannot_run_or_dies_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let missing = found(Config::new("/nonexistent/check_nothing")).await;
    assert_eq!(missing.status, Status::Unknown);
    let killed = found(script(dir.path(), "echo dying; kill -9 $$")).await;
    assert_eq!(killed.status, Status::Unknown);
    assert_eq!(killed.reason.as_deref(), Some("signal: 9 (SIGKILL): dying"));
    let strange = found(script(dir.path(), "echo -n odd; exit 77")).await;
    assert_eq!(strange.reason.as_deref(), Some("exit status: 77: odd"));
}

#[tokio::test]
async fn nothing_is_taken_by_a_shell_and_nothing_of_ours_is_inherited() {
    let echo = Config::new("/bin/echo").with_args(["$HOME `id` ; exit 2 | a=1"]);
    let check = PluginCheck::new(echo).unwrap();
    let (_, output) = timeout(DEADLINE, check.output()).await.unwrap().unwrap();
    assert_eq!(output.text, "$HOME `id` ; exit 2");
    let env = PluginCheck::new(Config::new("/usr/bin/env").with_env("TOKEN", "hunter2")).unwrap();
    assert!(!format!("{env:?}").contains("hunter2"));
    let dir = tempfile::tempdir().unwrap();
    let names = "env | cut -d= -f1 | grep -v -e PWD -e _ | sort | tr '\\n' ' '; exit 1";
    let finding = found(script(dir.path(), names).with_env("TOKEN", "hunter2")).await;
    assert_eq!(finding.reason.as_deref(), Some("PATH TOKEN"));
    let locale = found(script(dir.path(), "echo $LC_ALL; exit 1")).await;
    assert_eq!(locale.reason.as_deref(), Some("C"));
}

/// Whether a process of that pid lives; a zombie does not.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

async fn is_gone(pid: &str) -> bool {
    for _ in 0..600 {
        if !lives(pid) {
            return true;
        }
        sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn a_run_that_is_dropped_kills_all_that_the_plugin_started() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let text = format!(
        "sh -c 'sleep 600 & echo $! >> {0}; wait' & echo $! >> {0}; echo $$ >> {0}; wait",
        pids.display()
    );
    let check = PluginCheck::new(script(dir.path(), &text)).unwrap();
    let mut written = String::new();
    let watched = async {
        while written.lines().count() < 3 {
            sleep(Duration::from_millis(20)).await;
            written = std::fs::read_to_string(&pids).unwrap_or_default();
        }
    };
    tokio::select! {
        finding = check.run() => panic!("it has ended: {finding:?}"),
        started = timeout(DEADLINE, watched) => started.expect("it starts"),
    }
    for pid in written.lines() {
        assert!(is_gone(pid).await, "{pid} of {written} still lives");
    }
}

#[tokio::test]
async fn what_a_plugin_leaves_behind_neither_delays_it_nor_lives_on() {
    let dir = tempfile::tempdir().unwrap();
    let text = "sleep 600 & echo $! > $0.pid; echo done; exit 1";
    let finding = timeout(DEADLINE, found(script(dir.path(), text))).await;
    assert_eq!(finding.expect("in time"), Finding::warn("done"));
    let pid = std::fs::read_to_string(dir.path().join("plugin.pid")).unwrap();
    assert!(is_gone(&pid).await, "{pid} still lives");
}

#[tokio::test]
async fn endless_output_is_bounded_and_stops_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let text = "head -c 3000000 /dev/zero | tr '\\0' x; echo; exit 2";
    let check = PluginCheck::new(script(dir.path(), text).with_longest_output(2_000)).unwrap();
    let (ended, output) = timeout(DEADLINE, check.output()).await.unwrap().unwrap();
    assert_eq!((ended.code(), output.text.len()), (Some(2), 2_000));
    let finding = timeout(DEADLINE, check.run()).await.unwrap();
    assert_eq!(finding.reason.map(|it| it.len()), Some(300));
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let refused = |config: Config| PluginCheck::new(config).unwrap_err().field().to_owned();
    assert_eq!(refused(Config::new("check_disk")), "program");
    assert_eq!(refused(Config::new("/a").with_args(["a\0"])), "args");
    assert_eq!(refused(Config::new("/a").with_env("A=B", "")), "env");
    assert_eq!(refused(Config::new("/a").with_longest_output(1)), "longest_output");
}
