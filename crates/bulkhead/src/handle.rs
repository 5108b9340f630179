//! A bulkhead to call through without tower, to read, and to steer while it runs.

use std::future::Future;
use std::num::NonZeroUsize;

use salve_core::{
    Class, ConfigError, ErrorsAreFailures, Lazily, Observe, Reason, Refusable, Rejection,
    Subscription,
};

use crate::compartment::Comer;
use crate::config::Config;
use crate::event::Event;
use crate::future::{Acquire, ResponseFuture};
use crate::idle::Idle;
use crate::lane::{Lane, Single};
use crate::permit::Permit;
use crate::policy::{Policy, Refusal};
use crate::shared::Shared;
use crate::status::{CallCounts, Status};
use crate::turn::{Asked, Turn, permit};

/// One bulkhead. Clones are the same bulkhead, and so are the layers made from it.
///
/// ```
/// use salve_bulkhead::{Config, Handle};
/// use salve_core::{Reason, Rejection};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ssh = Handle::new(Config::new("ssh").with_places(1).with_queue(5))?;
///
/// // Around a future, whatever makes the call:
/// let uptime: Result<u32, Rejection> = ssh.call(|| async { Ok(7) }).await;
/// assert_eq!(uptime, Ok(7));
///
/// // Around anything else; a permit that is dropped gives its place back:
/// let permit = ssh.acquire().await?;
/// assert_eq!(ssh.try_acquire().unwrap_err().reason(), Reason::Full);
/// drop(permit);
/// assert!(ssh.try_acquire().is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle(Single);

impl Handle {
    /// A bulkhead with every place free.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let policy = Policy::new(&config);
        Ok(Self(Single::new(Shared::new(config, policy))))
    }

    /// Takes a place without waiting.
    ///
    /// # Errors
    /// A [`Rejection`] with [`Reason::Full`], or [`Reason::Closing`] after [`close`](Self::close).
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit, Rejection> {
        try_acquire(&self.0)
    }

    /// Waits for a place, as the class of the surrounding call.
    ///
    /// # Errors
    /// A [`Rejection`] if nobody more may wait, or the wait is over or given to somebody else.
    pub fn acquire(&self) -> Acquire {
        Acquire::new(self.0.clone(), None)
    }

    /// Waits for a place as `class`.
    ///
    /// # Errors
    /// As with [`acquire`](Self::acquire).
    pub fn acquire_as(&self, class: Class) -> Acquire {
        Acquire::new(self.0.clone(), Some(class))
    }

    /// Makes one call, once it has a place.
    ///
    /// # Errors
    /// What `work` fails with, or a [`Rejection`] in its error type.
    ///
    /// # Cancellation
    /// A call that is dropped gives its place back, or leaves the line.
    pub fn call<Work, F, T, E>(
        &self,
        work: Work,
    ) -> ResponseFuture<Lazily<Work, F>, ErrorsAreFailures>
    where
        Work: FnOnce() -> F,
        F: Future<Output = Result<T, E>>,
        E: Refusable,
    {
        ResponseFuture::new(self.acquire(), ErrorsAreFailures, Lazily::new(work))
    }

    /// Its places, how many are in use, and who waits.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared().status()
    }

    /// What it has counted since it was made.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        self.shared().policy().totals.read()
    }

    /// Sets how many places there are. More places go to those who wait at once; fewer take
    /// none away: nobody gets one until enough have been given back. Where the number moves, it
    /// moves on from there.
    ///
    /// # Errors
    /// If `places` is out of bounds, or beyond floor and ceiling; then nothing has changed.
    pub fn resize(&self, places: u32) -> Result<(), ConfigError> {
        self.config().validate_places(places)?;
        resize(&self.0, places);
        Ok(())
    }

    /// Takes no new calls, in shadow mode too. Those that wait are still served.
    pub fn close(&self) {
        set_closed(&self.0, true);
    }

    /// Takes calls again.
    pub fn open(&self) {
        set_closed(&self.0, false);
    }

    /// Waits until nothing is in use and nobody waits; see [`close`](Self::close).
    pub fn idle(&self) -> Idle {
        Idle::new(self.0.clone())
    }

    /// Follows new settings, all or nothing. Permits, counts and the name stay; nobody who waits
    /// is sent away, and how long each waits was settled when it lined up. Where the number of
    /// places moves before and after, it is kept within the new floor and ceiling.
    ///
    /// # Errors
    /// If a setting is out of bounds; then nothing has changed.
    pub fn reconfigure(&self, mut config: Config) -> Result<(), ConfigError> {
        config.validate()?;
        config.name = self.shared().policy().origin.name().clone();
        self.shared().reconfigure(config);
        self.shared().policy().tell(|| None, Event::Reconfigured);
        Ok(())
    }

    /// The settings it follows now.
    #[must_use]
    pub fn config(&self) -> Config {
        self.shared().config()
    }

    /// Opens a channel that holds up to `capacity` events, and counts those that do not fit.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<Event> {
        self.shared().policy().events.subscribe(capacity)
    }

    /// Tells `observer` of every event, on the thread that caused it, with no lock held.
    pub fn observe(&self, observer: impl Observe<Event> + 'static) {
        self.shared().policy().events.observe(observer);
    }

    pub(crate) const fn lane(&self) -> &Single {
        &self.0
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

#[inline]
pub(crate) fn try_acquire<L: Lane>(lane: &L) -> Result<Permit<L>, Rejection> {
    if lane.shared().try_take_unmeasured() {
        return Ok(Permit::taken(lane.clone()));
    }
    if lane.shared().try_take() {
        return Ok(permit(lane.clone()));
    }
    ask_now(lane)
}

#[cold]
fn ask_now<L: Lane>(lane: &L) -> Result<Permit<L>, Rejection> {
    let class = salve_core::CallContext::current().class();
    let mut turn = Turn::new(lane.clone());
    let reason = match turn.ask(Comer { class, tenant: 0 }, None) {
        Some(Asked::Taken(permit)) => return Ok(permit),
        Some(Asked::Refused(reason)) => reason,
        Some(Asked::Waiting(_)) | None => Reason::Full,
    };
    let refusal = Refusal { reason, class, shadow: false };
    Err(lane.shared().policy().reject(refusal, || lane.key()))
}

pub(crate) fn resize<L: Lane>(lane: &L, places: u32) {
    let from = lane.shared().resize(places);
    if from != places {
        lane.shared().policy().tell(|| lane.key(), Event::Resized { from, to: places });
    }
}

pub(crate) fn set_closed<L: Lane>(lane: &L, closed: bool) {
    if lane.shared().set_closed(closed) {
        let event = if closed { Event::Closed } else { Event::Opened };
        lane.shared().policy().tell(|| lane.key(), event);
    }
}
