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
use salve_core::{Check, Moment};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use crate::arming::{ArmError, Arming};
use crate::clock;
use crate::config::ROOM;
use crate::fault::{Fault, Kind};
use crate::handle::Handle;

pub use crate::toxics::{Slices, Toward, Toxic, Toxics};

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
    /// What spoils data, and in which arming.
    toxics: Lock<(u64, Toxics)>,
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

    /// Spoils connections until the point is disarmed, at the longest for as long as `arming` says. An
    /// experiment, or whoever arms the point itself, does it by rules of [`Fault::Socket`].
    ///
    /// # Errors
    /// If a setting is out of bounds, or the point cannot be armed.
    pub fn arm(&self, arming: Arming, toxics: Toxics) -> Result<(), ArmError> {
        toxics.validate(Check::room(ROOM))?;
        // Held, so that no connection sees the arming before what it is armed with.
        let mut present = self.state.toxics.lock();
        let epoch = self.state.handle.0.arm(arming.with_rules([]), None)?;
        *present = (epoch, toxics);
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
        let shared = &self.handle.0;
        let epoch = *shared.watch().borrow();
        if epoch == 0 || !self.handle.is_armed() {
            return None;
        }
        let mut begun = Vec::new();
        let (of, toxics) = {
            let mut present = self.toxics.lock();
            // Numbers only grow: one that is behind must not put away what is newer.
            if present.0 < epoch {
                begun = shared.holds(epoch, |kind| kind == Kind::Socket);
                let toxics = begun.iter().fold(Toxics::default(), |toxics, strike| {
                    let Fault::Socket(toxic) = strike.fault else { return toxics };
                    toxics.and(toxic)
                });
                *present = (epoch, toxics);
            }
            *present
        };
        for strike in &begun {
            shared.begun(epoch, strike);
        }
        (of == epoch && !shared.is_shadow()).then_some((epoch, toxics))
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
    let cut = Notify::new();
    let reset = tokio::select! {
        () = async {
            tokio::join!(
                pump(&mut client.0, &mut server.1, Line::new(state, Toward::Server, &cut)),
                pump(&mut server.0, &mut client.1, Line::new(state, Toward::Client, &cut)),
            );
        } => false,
        () = state.until_closed() => false,
        () = cut.notified() => false,
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
async fn pump(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, mut line: Line<'_>) {
    let mut buffer = vec![0; 16 * 1_024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if line.hand_on(&buffer[..count], to).await.is_err() {
            return;
        }
    }
    if let Some((epoch, Toxics { slow_close: Some(later), .. })) = line.spoilt() {
        line.wait(epoch, clock::now().after(later)).await;
    }
    // An error means that the other side is gone, which is what was to be told.
    let _ = to.shutdown().await;
}

/// One direction of a connection.
struct Line<'a> {
    state: &'a State,
    toward: Toward,
    /// Told when the connection has carried as much as it may.
    cut: &'a Notify,
    /// How many bytes it has carried, and in which arming.
    carried: (u64, u64),
}

impl<'a> Line<'a> {
    const fn new(state: &'a State, toward: Toward, cut: &'a Notify) -> Self {
        Self { state, toward, cut, carried: (0, 0) }
    }

    fn spoilt(&self) -> Option<(u64, Toxics)> {
        self.state.present().filter(|(_, toxics)| toxics.spoil(self.toward))
    }

    async fn wait(&self, epoch: u64, until: Moment) {
        Arc::clone(&self.state.handle.0).wait(epoch, until).await;
    }

    async fn hand_on(&mut self, data: &[u8], to: &mut OwnedWriteHalf) -> io::Result<()> {
        let mut rest = data;
        let piece = self.state.pieces.fetch_add(1, Ordering::Relaxed);
        if let Some((epoch, Toxics { latency: Some(latency), .. })) = self.spoilt() {
            let wait = latency.draw(self.state.handle.0.config.seed, piece);
            self.wait(epoch, clock::now().after(wait)).await;
        }
        while !rest.is_empty() {
            let Some((epoch, toxics)) = self.spoilt() else {
                return to.write_all(rest).await;
            };
            if toxics.hold {
                self.wait(epoch, Moment::MAX).await;
                continue;
            }
            let may = self.may_carry(epoch, toxics.limit_data);
            let most = toxics.slices.map_or(rest.len(), |slices| slices.bytes);
            let rate = toxics.bytes_per_second.unwrap_or(u64::MAX);
            // A tenth of a second at a time, so that a slow line is slow and not late.
            let most = most.min(usize::try_from((rate / 10).max(1).min(may)).unwrap_or(usize::MAX));
            let (slice, left) = rest.split_at(most.min(rest.len()));
            to.write_all(slice).await?;
            rest = left;
            self.carried.1 += slice.len() as u64;
            if slice.len() as u64 == may {
                self.cut.notify_one();
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let pause = toxics.slices.map_or(Duration::ZERO, |slices| slices.pause);
            let takes = Duration::from_secs_f64(slice.len() as f64 / rate as f64).max(pause);
            self.wait(epoch, clock::now().after(takes)).await;
        }
        Ok(())
    }

    /// How many bytes this arming still lets through.
    fn may_carry(&mut self, epoch: u64, limit: Option<u64>) -> u64 {
        if self.carried.0 != epoch {
            self.carried = (epoch, 0);
        }
        limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.carried.1))
    }
}
