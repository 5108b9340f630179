//! A proxy that spoils TCP connections, for clients that are no tower services.
//!
//! ```text
//! client ──▶ proxy ──▶ server        armed like every chaos point: owner, reason, end
//!        ◀── late, slow, in slices, held, closed, reset, down
//! ```
//!
//! Until it is armed, and after, it hands on every byte as it comes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use salve_core::sync::Lock;
use salve_core::{Check, ConfigError, Moment};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::arming::{ArmError, Arming};
use crate::clock;
use crate::config::ROOM;
use crate::handle::Handle;
use crate::latency::Latency;

/// What is done to connections; everything at once that is set. Default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Toxics {
    /// How much later each piece of data comes.
    pub latency: Option<Latency>,
    /// How many bytes come in a second at most; at least 1.
    pub bytes_per_second: Option<u64>,
    /// In how small pieces data comes.
    pub slices: Option<Slices>,
    /// Whether data is held, and the connection left open: a peer that is gone without a word.
    pub hold: bool,
    /// How long a connection is left open; with `hold` a peer that gives up. Default for ever; at
    /// most 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::optional_duration"))]
    pub close_after: Option<Duration>,
    /// Whether open connections are reset, and new ones as soon as they are made.
    pub reset: bool,
    /// Whether open connections are closed, and new ones refused.
    pub down: bool,
    /// Which data is spoilt. Default what goes to the client.
    pub toward: Toward,
}

/// Small pieces with pauses between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Slices {
    /// How many bytes; at least 1.
    pub bytes: usize,
    /// How long between two of them; at most 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub pause: Duration,
}

/// A direction of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Toward {
    /// Answers.
    #[default]
    Client,
    /// Requests.
    Server,
    /// Both.
    Both,
}

impl Toxics {
    fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        if let Some(latency) = self.latency {
            crate::Fault::Latency(latency).validate(check)?;
        }
        let rate = self.bytes_per_second.unwrap_or(1);
        check.range("bytes_per_second", rate, 1, u64::MAX)?;
        let hour = Duration::from_secs(3_600);
        let closes = self.close_after.unwrap_or_default();
        check.duration("close_after", closes, Duration::ZERO, hour)?;
        let Some(slices) = self.slices else { return Ok(()) };
        check.range("slices.bytes", slices.bytes, 1, usize::MAX)?;
        check.duration("slices.pause", slices.pause, Duration::ZERO, hour)
    }

    fn spoil(&self, toward: Toward) -> bool {
        self.toward == toward || self.toward == Toward::Both
    }
}

/// How many connections a proxy holds at once. More wait to be accepted.
const MOST_CONNECTIONS: usize = 1_024;

/// A listening proxy. Dropping it closes it and every connection through it.
pub struct Proxy {
    state: Arc<State>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

struct State {
    handle: Handle,
    upstream: String,
    toxics: Lock<Toxics>,
    places: Arc<Semaphore>,
    pieces: AtomicU64,
    resets: AtomicU64,
}

impl Proxy {
    /// Listens on `listen`, such as `127.0.0.1:0`, and connects each client to `upstream`.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn start(
        handle: Handle,
        listen: &str,
        upstream: impl Into<String>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            handle,
            upstream: upstream.into(),
            toxics: Lock::default(),
            places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            pieces: AtomicU64::new(0),
            resets: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, address, Arc::clone(&state)));
        Ok(Self { state, address, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Spoils connections until the point is disarmed, at the longest for as long as `arming` says.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the point cannot be armed.
    pub fn arm(&self, arming: Arming, toxics: Toxics) -> Result<(), ArmError> {
        toxics.validate()?;
        // Held, so that no connection sees the arming before what it is armed with.
        let mut present = self.state.toxics.lock();
        self.state.handle.0.arm(arming.with_rules([]), None)?;
        *present = toxics;
        Ok(())
    }

    /// How many connections were reset.
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.state.resets.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .field("upstream", &self.state.upstream)
            .finish_non_exhaustive()
    }
}

impl State {
    /// What spoils data now, and by which arming.
    fn present(&self) -> Option<(u64, Toxics)> {
        let toxics = *self.toxics.lock();
        let epoch = *self.handle.0.watch().borrow();
        (epoch != 0 && self.handle.is_armed()).then_some((epoch, toxics))
    }

    /// Waits until what spoils data now is so; returns by which arming.
    async fn until(&self, is_so: impl Fn(&Toxics) -> bool) -> (u64, Toxics) {
        let mut epochs = self.handle.0.watch();
        loop {
            if let Some(present) = self.present().filter(|(_, toxics)| is_so(toxics)) {
                return present;
            }
            // The sender lives in the handle.
            let _ = epochs.changed().await;
        }
    }

    /// Ends when a connection that is made now has been open for as long as it may be.
    async fn until_closed(&self) {
        loop {
            let (epoch, toxics) = self.until(|toxics| toxics.close_after.is_some()).await;
            let end = clock::now().after(toxics.close_after.unwrap_or_default());
            Arc::clone(&self.handle.0).wait(epoch, end).await;
            if self.handle.0.is_current(epoch) {
                return;
            }
        }
    }
}

async fn accept(mut listener: TcpListener, address: SocketAddr, state: Arc<State>) {
    // Ended with this task, and so with the proxy.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&state.places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, client) = tokio::select! {
            next = next => next,
            Some(_) = connections.join_next() => continue,
            (epoch, _) = state.until(|toxics| toxics.down) => {
                drop(listener);
                connections.shutdown().await;
                Arc::clone(&state.handle.0).wait(epoch, Moment::MAX).await;
                listener = listen_again(address).await;
                continue;
            }
        };
        let (Ok(place), Ok((client, _))) = (place, client) else {
            // Out of files, most likely: it comes back when a connection ends.
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let _place = place;
            connect(client, &state).await;
        });
    }
}

const RETRY: Duration = Duration::from_millis(50);

/// Listens where it did, as soon as nobody else does.
async fn listen_again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

async fn connect(client: TcpStream, state: &State) {
    let Ok(server) = TcpStream::connect(&state.upstream).await else { return };
    let (mut client, mut server) = (client.into_split(), server.into_split());
    let reset = tokio::select! {
        () = async {
            tokio::join!(
                pump(&mut client.0, &mut server.1, state, Toward::Server),
                pump(&mut server.0, &mut client.1, state, Toward::Client),
            );
        } => false,
        () = state.until_closed() => false,
        _ = state.until(|toxics| toxics.reset) => true,
    };
    if reset {
        state.resets.fetch_add(1, Ordering::Relaxed);
        reset_now(client);
        reset_now(server);
    }
}

/// Closes a socket without lingering, which tells its peer that it was reset.
fn reset_now((from, to): (OwnedReadHalf, OwnedWriteHalf)) {
    // Whole again first: the writing half alone would say goodbye when it is dropped.
    if let Ok(socket) = from.reunite(to) {
        // If the system does not want that, it is only closed.
        let _ = socket.set_zero_linger();
    }
}

/// Hands on what comes until either side ends.
async fn pump(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, state: &State, toward: Toward) {
    let mut buffer = vec![0; 16 * 1_024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if hand_on(&buffer[..count], to, state, toward).await.is_err() {
            return;
        }
    }
    // An error means that the other side is gone, which is what was to be told.
    let _ = to.shutdown().await;
}

async fn hand_on(
    data: &[u8],
    to: &mut OwnedWriteHalf,
    state: &State,
    toward: Toward,
) -> io::Result<()> {
    let mut rest = data;
    let shared = &state.handle.0;
    let piece = state.pieces.fetch_add(1, Ordering::Relaxed);
    if let Some((epoch, Toxics { latency: Some(latency), .. })) = spoilt(state, toward) {
        let wait = latency.draw(shared.config.seed, piece);
        Arc::clone(shared).wait(epoch, clock::now().after(wait)).await;
    }
    while !rest.is_empty() {
        let Some((epoch, toxics)) = spoilt(state, toward) else {
            return to.write_all(rest).await;
        };
        if toxics.hold {
            Arc::clone(shared).wait(epoch, Moment::MAX).await;
            continue;
        }
        let most = toxics.slices.map_or(rest.len(), |slices| slices.bytes);
        let rate = toxics.bytes_per_second.unwrap_or(u64::MAX);
        // A tenth of a second at a time, so that a slow line is slow and not late.
        let most = most.min(usize::try_from((rate / 10).max(1)).unwrap_or(usize::MAX));
        let (slice, left) = rest.split_at(most.min(rest.len()));
        to.write_all(slice).await?;
        rest = left;
        let pause = toxics.slices.map_or(Duration::ZERO, |slices| slices.pause);
        let takes = Duration::from_secs_f64(slice.len() as f64 / rate as f64).max(pause);
        Arc::clone(shared).wait(epoch, clock::now().after(takes)).await;
    }
    Ok(())
}

fn spoilt(state: &State, toward: Toward) -> Option<(u64, Toxics)> {
    state.present().filter(|(_, toxics)| toxics.spoil(toward))
}
