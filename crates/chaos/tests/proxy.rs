//! The proxy with real sockets, in real time.
#![cfg(feature = "proxy")]

use std::io::ErrorKind;
use std::time::Duration;

use salve_chaos::proxy::{Proxy, Slices, Toward, Toxics};
use salve_chaos::{ArmError, Arming, Config, Handle, Latency};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A server that sends back what it gets, behind a proxy, and a client of it.
async fn echo() -> (Proxy, Handle, TcpStream) {
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
    let handle = Handle::new(Config::new("wire")).unwrap();
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
        let error = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    })
    .await;
}
