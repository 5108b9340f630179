//! The recovery of a site whose workers are units of a real systemd.
#![cfg(all(feature = "command", feature = "http", feature = "systemd"))]

mod order;

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use order::{begun, order};
use salve_actions::command::Program;
use salve_actions::http::Config as Http;
use salve_actions::site::Site;
use salve_actions::systemd::{Config as Unit, Job, UnitJob};
use salve_healer::{Action, Verdict};
use salve_testkit::servers::Systemd;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn inv_34_a_site_is_recovered_step_by_step_and_no_further_than_what_fails() {
    let dir = tempfile::tempdir().unwrap();
    let (root, log) = (dir.path().join("www/shop"), dir.path().join("log"));
    let says = |word: &str| format!("/bin/sh -c 'echo {word} >> {}'", log.display());
    // It has said so when it counts as started.
    let service =
        |word: &str| format!("[Service]\nExecStartPre={}\nExecStart=/bin/sleep 1000\n", says(word));
    let units = [
        ("workers.service", service("workers")),
        ("server.service", format!("{}ExecReload={}\n", service("server"), says("reload"))),
        ("basic.target", "[Unit]\nWants=dbus.socket server.service\n".to_owned()),
    ];
    let units: Vec<(&str, &str)> =
        units.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let systemd = Systemd::start(dir.path(), &units).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new()
        .route("/", get(|| async { "shop" }))
        .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }));
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let unit = |name: &str| Unit::new(name).with_bus(systemd.bus());
    let recovery = |path: &str, test: &str| {
        Site::new(&root, Http::new(format!("http://{address}{path}")))
            .with_owner("65534:65534")
            .with_workers(unit("workers.service"))
            .with_server(unit("server.service"), Program::new(test))
            .recovery("recover")
            .unwrap()
            .with_pause(Duration::from_millis(50))
            .unwrap()
    };
    let good = recovery("/", "/bin/true");
    assert!(good.meta().idempotent && good.meta().restarts && !good.meta().reversible);
    let fresh = order(&good);
    let server = UnitJob::new("look", Job::Start, unit("server.service")).unwrap();
    let up = async {
        while server.verify(&fresh).await != Some(Verdict::Recovered) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), up).await.expect("the server starts");
    let before = good.capture(&fresh).await.unwrap();
    let order = begun(&fresh, before);
    let execute = async |action: &dyn Action| {
        timeout(Duration::from_secs(60), action.execute(&order)).await.expect("an end in time")
    };
    let missing = execute(&good).await.unwrap_err();
    assert_eq!(missing.why, format!("look_for_folder: {} is no folder", root.display()));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "server\n", "nothing was restarted");

    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("index.php"), "").unwrap();
    let done = execute(&good).await.unwrap().done;
    assert_eq!(done.len(), 6, "{done:?}");
    assert_eq!(done[5], format!("ask_for_page: GET http://{address}/: 200"));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "server\nworkers\nreload\n");
    assert_eq!(std::fs::metadata(root.join("index.php")).unwrap().uid(), 65_534);
    execute(&good).await.unwrap();
    let log_now = std::fs::read_to_string(&log).unwrap();
    assert_eq!(log_now, "server\nworkers\nreload\nreload\n", "restarted once under one key");

    let wrong = execute(&recovery("/", "/bin/false")).await.unwrap_err();
    assert!(wrong.why.starts_with("test_settings: "), "{wrong}");
    let log_now = std::fs::read_to_string(&log).unwrap();
    assert!(log_now.ends_with("workers\nreload\nreload\n"), "settings that are wrong are not read");
    let broken = execute(&recovery("/broken", "/bin/true")).await.unwrap_err();
    assert!(broken.why.contains("/broken: answered 502"), "{broken}");

    let bad = Site::new("/srv", Http::new("http://shop/")).recovery("bad").unwrap_err();
    assert_eq!(bad.field(), "root");
    let bad = Site::new(&root, Http::new("http://shop/")).with_owner("-R").recovery("bad");
    assert_eq!(bad.unwrap_err().field(), "owner");
}
