//! The proxy with real sockets, in real time.
#![cfg(feature = "proxy")]

use std::io::ErrorKind;
use std::time::Duration;

use salve_chaos::experiment::{Lab, LabConfig, Ready, Status};
use salve_chaos::proxy::{Proxy, Slices, Toward, Toxic, Toxics};
use salve_chaos::{ArmError, Arming, Config, Fault, Handle, Kind, Latency, Rule};
use salve_core::{Enforcement, Ratio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A server that sends back what it gets, behind a proxy, and a client of it.
async fn echo() -> (Proxy, Handle, TcpStream) {
    echo_at(Handle::new(Config::new("wire")).unwrap()).await
}

async fn echo_at(handle: Handle) -> (Proxy, Handle, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.into_split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    let proxy = Proxy::start(handle.clone(), "127.0.0.1:0", upstream).await.unwrap();
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    (proxy, handle, client)
}

fn minute() -> Arming {
    Arming::new("ada", "a test", Duration::from_secs(60))
}

/// Sends so many bytes and reads them back; how long that took.
async fn ask(client: &mut TcpStream, bytes: usize) -> Duration {
    let began = Instant::now();
    client.write_all(&vec![7; bytes]).await.unwrap();
    let mut answer = vec![0; bytes];
    client.read_exact(&mut answer).await.unwrap();
    assert!(answer.iter().all(|byte| *byte == 7));
    began.elapsed()
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.expect("the test takes far less than a minute")
}

#[tokio::test]
async fn data_comes_late_slowly_and_in_slices_and_well_again() {
    within(async {
        let (proxy, handle, mut client) = echo().await;
        ask(&mut client, 1_000).await;
        let none = Toxics::default();
        let slices = Slices { bytes: 100, pause: ms(30) };
        for (toxics, least) in [
            (Toxics { latency: Some(Latency::Fixed(ms(300))), ..none }, 300),
            (Toxics { bytes_per_second: Some(2_000), ..none }, 350),
            (Toxics { slices: Some(slices), ..none }, 250),
            (Toxics { slices: Some(slices), toward: Toward::Server, ..none }, 250),
        ] {
            proxy.arm(minute(), toxics).unwrap();
            let took = ask(&mut client, 1_000).await;
            assert!(took >= ms(least), "{toxics:?} took {took:?}");
            assert!(took < ms(15_000), "{toxics:?} took {took:?}");
            assert!(handle.disarm());
        }
        ask(&mut client, 100_000).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_held_comes_when_the_fault_is_taken_back_or_its_time_is_over() {
    within(async {
        let (proxy, handle, mut client) = echo().await;
        let hold = Toxics { hold: true, ..Toxics::default() };
        proxy.arm(minute(), hold).unwrap();
        assert!(timeout(ms(300), ask(&mut client, 10)).await.is_err());
        handle.halt();
        let mut answer = [0; 10];
        client.read_exact(&mut answer).await.unwrap();
        assert!(matches!(proxy.arm(minute(), hold), Err(ArmError::Halted)));
        handle.allow();
        let began = Instant::now();
        proxy.arm(Arming::new("ada", "a short one", ms(400)), hold).unwrap();
        ask(&mut client, 10).await;
        assert!(began.elapsed() >= ms(400), "{:?}", began.elapsed());
    })
    .await;
}

#[tokio::test]
async fn connections_are_reset_old_and_new() {
    within(async {
        let (proxy, handle, mut client) = echo().await;
        ask(&mut client, 10).await;
        proxy.arm(minute(), Toxics { reset: true, ..Toxics::default() }).unwrap();
        let mut buffer = [0; 10];
        let error = client.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let mut another = TcpStream::connect(proxy.address()).await.unwrap();
        let read = another.read(&mut buffer).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(proxy.resets(), 2);
        handle.disarm();
        let mut well = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut well, 10).await;
    })
    .await;
}

#[tokio::test]
async fn connections_are_closed_after_a_time_old_and_new() {
    within(async {
        let (proxy, handle, mut client) = echo().await;
        let timeout = Toxics { hold: true, close_after: Some(ms(300)), ..Toxics::default() };
        let mut began = Instant::now();
        proxy.arm(minute(), timeout).unwrap();
        for _ in 0..2 {
            // It may be closed already, where this comes late.
            let _ = client.write_all(&[7; 10]).await;
            assert!(matches!(client.read(&mut [0; 10]).await, Ok(0) | Err(_)));
            assert!(began.elapsed() >= ms(300), "{:?}", began.elapsed());
            began = Instant::now();
            client = TcpStream::connect(proxy.address()).await.unwrap();
        }
        assert_eq!(proxy.resets(), 0);
        handle.disarm();
        // The last one was made while they were closed after a time, and may be closed by now.
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut client, 10).await;
    })
    .await;
}

#[tokio::test]
async fn it_is_down_and_up_again_at_the_same_address() {
    within(async {
        let (proxy, handle, mut client) = echo().await;
        ask(&mut client, 10).await;
        proxy.arm(minute(), Toxics { down: true, ..Toxics::default() }).unwrap();
        assert!(matches!(client.read(&mut [0; 10]).await, Ok(0) | Err(_)));
        let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        handle.disarm();
        let mut well = loop {
            match TcpStream::connect(proxy.address()).await {
                Ok(well) => break well,
                Err(_) => tokio::time::sleep(ms(10)).await,
            }
        };
        ask(&mut well, 10).await;
    })
    .await;
}

#[tokio::test]
async fn toxics_out_of_bounds_are_refused_and_a_dropped_proxy_is_closed() {
    within(async {
        let (proxy, _, mut client) = echo().await;
        let toxics = Toxics { bytes_per_second: Some(0), ..Toxics::default() };
        match proxy.arm(minute(), toxics) {
            Err(ArmError::Setting(error)) => assert_eq!(error.field(), "bytes_per_second"),
            other => panic!("{other:?}"),
        }
        ask(&mut client, 10).await;
        let address = proxy.address();
        drop(proxy);
        let mut buffer = [0; 10];
        assert!(matches!(client.read(&mut buffer).await, Ok(0) | Err(_)));
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_end_of_data_comes_late() {
    within(async {
        let (proxy, handle, mut client) = echo().await;
        let slowly = Toxics { slow_close: Some(ms(300)), ..Toxics::default() };
        ask(&mut client, 10).await;
        let began = Instant::now();
        proxy.arm(minute(), slowly).unwrap();
        ask(&mut client, 1_000).await;
        client.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0);
        assert!(began.elapsed() >= ms(250), "{:?}", began.elapsed());
        handle.disarm();
    })
    .await;
}

#[tokio::test]
async fn connections_break_off_after_so_many_bytes_of_each_arming() {
    within(async {
        let (proxy, handle, mut client) = echo().await;
        ask(&mut client, 1_000).await;
        let little = Toxics { limit_data: Some(300), ..Toxics::default() };
        proxy.arm(minute(), little).unwrap();
        ask(&mut client, 200).await;
        handle.disarm();
        proxy.arm(minute(), little).unwrap();
        ask(&mut client, 200).await;
        client.write_all(&[7; 200]).await.unwrap();
        let mut answer = Vec::new();
        // Whether it ends or is reset is the system's business.
        let _ = client.read_to_end(&mut answer).await;
        assert_eq!(answer.len(), 100);
        let mut another = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut another, 299).await;
        handle.disarm();
        ask(&mut another, 10_000).await;
    })
    .await;
}

#[tokio::test]
async fn rules_spoil_connections_and_shadow_mode_only_counts() {
    within(async {
        let reset = || Rule::new("reset", Fault::Socket(Toxic::Reset)).with_share(Ratio::ONE);
        let (_proxy, handle, mut client) = echo().await;
        ask(&mut client, 10).await;
        handle.arm(minute().with_rules([reset()])).unwrap();
        let error = client.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(handle.status().struck, 1);

        let settings = Config::new("wire").with_enforcement(Enforcement::Shadow);
        let (proxy, handle, mut client) = echo_at(Handle::new(settings).unwrap()).await;
        handle.arm(minute().with_rules([reset()])).unwrap();
        ask(&mut client, 10).await;
        assert_eq!((handle.status().shadowed, handle.status().struck), (1, 0));
        handle.disarm();
        proxy.arm(minute(), Toxics { reset: true, ..Toxics::default() }).unwrap();
        ask(&mut client, 10).await;
        assert_eq!(proxy.resets(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_experiment_spoils_connections_and_takes_that_back() {
    within(async {
        let (proxy, handle, mut client) = echo().await;
        let lab = LabConfig::default().with_enabled(true).with_safe_mode(false);
        let lab = lab.with_require_approval(false).with_allowed([Kind::Socket]);
        let lab = Lab::new(lab).unwrap();
        let held = Ready::find("half-open").unwrap().on("wire");
        let held = held.with_duration(Duration::from_secs(2)).with_interval(ms(200));
        let report = tokio::spawn({
            let handle = handle.clone();
            async move { lab.run([&handle], held, Vec::new()).await.unwrap() }
        });
        while !handle.is_armed() {
            tokio::time::sleep(ms(10)).await;
        }
        client.write_all(&[7; 10]).await.unwrap();
        client.read_exact(&mut [0; 10]).await.unwrap();
        // An answer that comes comes after the end, whenever this test was let run.
        assert!(!handle.is_armed());
        let report = report.await.unwrap();
        // A machine that stands still for three looks ends it by itself.
        if report.status == Status::Passed {
            assert_eq!((report.struck, report.compared), (1, false), "{}", report.to_markdown());
        }
        assert!(report.is_taken_back());
        assert!(report.to_markdown().contains("none: it strikes no calls"));
        ask(&mut client, 10).await;
        assert_eq!(proxy.resets(), 0);
    })
    .await;
}
