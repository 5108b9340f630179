//! The watchdog of systemd, by a process of its own and the socket that systemd would give it.

use std::env;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use salve::heal::Setup;
use salve::health;
use salve::journal::MemoryJournal;
use tokio::time::Instant;

const PART: &str = "SALVE_TEST_WATCHED";

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Is the child where it is told to be one; otherwise there is no part to play.
#[test]
fn child() {
    if env::var_os(PART).is_none() {
        assert!(env::var_os("WATCHDOG_USEC").is_none(), "this test is no child of systemd's");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let health = health::Handle::new(health::Config::new("shop")).unwrap();
        let setup = Setup::new(&health).with_journal(MemoryJournal::new()).with_systemd_watchdog();
        let mut config = salve::heal::Config::new("shop");
        config.tick = ms(20);
        let healer = setup.with_config(config).start_on_thread().await.unwrap();
        tokio::time::sleep(ms(1_500)).await;
        healer.shut_down().await;
        // The program lives on; its healer does not.
        tokio::time::sleep(ms(1_500)).await;
    });
}

#[test]
fn inv_49_systemd_hears_the_loop_while_it_turns_and_nobody_speaks_for_it_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(ms(100))).unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child"])
        .env(PART, "1")
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "400000")
        .env_remove("WATCHDOG_PID")
        .spawn()
        .unwrap();
    let (began, mut heard, mut last) = (Instant::now(), Vec::new(), None);
    let mut text = [0; 64];
    let ended = loop {
        if let Ok(size) = socket.recv(&mut text) {
            heard.push(String::from_utf8_lossy(&text[..size]).into_owned());
            last = Some(Instant::now());
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            break Instant::now();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the child does not end");
    };
    assert!(heard.iter().all(|it| it == "WATCHDOG=1\n"), "{heard:?}");
    // Every 100 ms for 1.5 s, on a machine that may be busy.
    assert!((4..=17).contains(&heard.len()), "{} times", heard.len());
    let silent = ended.duration_since(last.unwrap());
    assert!(silent > ms(1_000), "it was silent for {silent:?} only, while it lived");
}
