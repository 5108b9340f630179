//! How policies tell what happened: to observers, and into bounded channels that count losses.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::sync::Lock;
use crate::{Moment, Name};

/// An event together with who tells it and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<E> {
    /// The policy that tells it.
    pub by: Name,
    /// The key of the member that it happened to, where one policy is kept per key.
    pub key: Option<String>,
    /// When it happened.
    pub at: Moment,
    /// What happened.
    pub event: E,
}

/// Listens to events. Closures over `&Told<E>` are observers.
pub trait Observe<E>: Send + Sync {
    /// Is told of an event on the thread it happened on, after every lock has been released.
    fn observe(&self, told: &Told<E>);

    /// Whether it no longer listens and may be forgotten.
    fn has_left(&self) -> bool {
        false
    }
}

impl<F, E> Observe<E> for F
where
    F: Fn(&Told<E>) + Send + Sync,
{
    fn observe(&self, told: &Told<E>) {
        self(told);
    }
}

/// The listeners of one policy. Nothing is built or locked while there are none.
///
/// An observer that panics is caught and counted; the call that it was told of goes on.
pub struct Events<E> {
    listened_to: AtomicBool,
    observers: Lock<Arc<[Arc<dyn Observe<E>>]>>,
    panics: AtomicU64,
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self {
            listened_to: AtomicBool::new(false),
            observers: Lock::new(Arc::new([])),
            panics: AtomicU64::new(0),
        }
    }
}

impl<E> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("listened_to", &self.is_listened_to()).finish()
    }
}

impl<E> Events<E> {
    /// Whether anybody listens; events need not be made otherwise.
    #[must_use]
    #[inline]
    pub fn is_listened_to(&self) -> bool {
        self.listened_to.load(Ordering::Relaxed)
    }

    /// Tells `observer` of every event from here on.
    pub fn observe(&self, observer: impl Observe<E> + 'static) {
        let mut observers = self.observers.lock();
        let staying = observers.iter().filter(|observer| !observer.has_left()).cloned();
        *observers = staying.chain([Arc::new(observer) as _]).collect();
        self.listened_to.store(true, Ordering::Relaxed);
    }

    /// Tells every observer. Call it with no lock held.
    pub fn tell(&self, told: &Told<E>) {
        if !self.is_listened_to() {
            return;
        }
        let observers = Arc::clone(&self.observers.lock());
        for observer in observers.iter() {
            if catch_unwind(AssertUnwindSafe(|| observer.observe(told))).is_err() {
                self.panics.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many times an observer has panicked.
    #[must_use]
    pub fn observer_panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

impl<E: Clone + Send + Sync + 'static> Events<E> {
    /// Opens a channel that holds at most `capacity` events and counts those it has to drop.
    #[must_use]
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscription<E> {
        let (sender, receiver) = mpsc::channel(capacity.get());
        let dropped = Arc::new(AtomicU64::new(0));
        self.observe(Forward { sender, dropped: Arc::clone(&dropped) });
        Subscription { receiver, dropped }
    }
}

/// The sending half of a subscription.
struct Forward<E> {
    sender: mpsc::Sender<Told<E>>,
    dropped: Arc<AtomicU64>,
}

impl<E: Clone + Send + Sync> Observe<E> for Forward<E> {
    fn observe(&self, told: &Told<E>) {
        if self.sender.try_send(told.clone()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn has_left(&self) -> bool {
        self.sender.is_closed()
    }
}

/// The receiving half of [`Events::subscribe`]. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription<E> {
    receiver: mpsc::Receiver<Told<E>>,
    dropped: Arc<AtomicU64>,
}

impl<E> Subscription<E> {
    /// Waits for the next event; `None` once the policy is gone.
    ///
    /// # Cancellation
    /// No event is lost when the returned future is dropped.
    pub async fn next(&mut self) -> Option<Told<E>> {
        self.receiver.recv().await
    }

    /// Takes the next event if one is there.
    pub fn try_next(&mut self) -> Option<Told<E>> {
        self.receiver.try_recv().ok()
    }

    /// How many events did not fit into the channel.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
